//! In which fields two events differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

use super::{FieldChange, entity::is_sequence_number};
use crate::history::{
    fields::{self, Reader},
    timeline::RandomIds,
};

/// How events are compared.
pub(super) struct Comparison {
    /// Whether that is compared too which differs between any two runs.
    pub(super) volatile: bool,
}

/// Names of fields that say nothing about what a workflow did, but for those that end in `RunId`, `EventId`
/// or `Time`.
const VOLATILE: &[&str] = &[
    "acceptedRequestMessageId",
    "acceptedRequestSequencingEventId",
    "binaryChecksum",
    "buildId",
    "historySizeBytes",
    "identity",
    "links",
    "principal",
    "requestId",
    "runId",
    "stackTrace",
    "taskId",
    "timeSkippingDelta",
    "version",
    "workerVersion",
];

/// Ids in which the SDK counts, unless somebody chose them.
const COUNTED: &[&str] = &["activityId", "timerId"];

/// What the marker of a local activity keeps for the SDK.
const LOCAL_ACTIVITY_BOOKS: &[&str] = &[
    "details.data[0].activity_id",
    "details.data[0].complete_time",
    "details.data[0].original_schedule_time",
    "details.data[0].seq",
];

impl Comparison {
    /// The fields in which two events differ, by their names.
    pub(super) fn changes(&self, left: &HistoryEvent, right: &HistoryEvent) -> Vec<FieldChange> {
        let (left, right) = (self.fields(left), self.fields(right));
        let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        let differ = names.into_iter().filter(|name| !self.is_same(left.get(*name), right.get(*name)));
        let text = |value: Option<&Value>| value.map(ToString::to_string);
        differ
            .map(|name| FieldChange {
                field: name.clone(),
                left: text(left.get(name)),
                right: text(right.get(name)),
            })
            .collect()
    }

    /// All that is compared about an event, as one text.
    pub(super) fn content(&self, event: &HistoryEvent) -> String {
        let mut content = String::new();
        for (name, value) in self.fields(event) {
            let value =
                if self.volatile { value.to_string() } else { without_random_ids(&value.to_string()) };
            content += &format!("{name}={value}\n");
        }
        content
    }

    fn fields(&self, event: &HistoryEvent) -> BTreeMap<String, Value> {
        let event_type = event.event_type();
        let leave_out = |name: &str| !self.volatile && is_volatile(event_type, name);
        let readable = Reader { leave_out: &leave_out, blind: false }.read(fields::whole(event));
        let mut leaves = fields::flatten(sorted_flags(readable));
        if !self.volatile {
            leaves.retain(|path, value| !is_counted(path, value));
            if event_type == EventType::MarkerRecorded {
                leaves.retain(|path, _| !LOCAL_ACTIVITY_BOOKS.contains(&path.as_str()));
            }
        }
        leaves
    }

    fn is_same(&self, left: Option<&Value>, right: Option<&Value>) -> bool {
        if left == right {
            return true;
        }
        match (left, right) {
            // One UUID is as good as another.
            (Some(Value::String(left)), Some(Value::String(right))) if !self.volatile => {
                without_random_ids(left) == without_random_ids(right)
            }
            _ => false,
        }
    }
}

fn is_volatile(event_type: EventType, name: &str) -> bool {
    let of_type = match event_type {
        // Two runs of one workflow may well have two ids.
        EventType::WorkflowExecutionStarted => name == "workflowId",
        // The sticky queue of a worker.
        EventType::WorkflowTaskScheduled => name == "taskQueue",
        _ => false,
    };
    of_type
        || VOLATILE.contains(&name)
        || ["RunId", "EventId", "Time", "Timestamp"].iter().any(|ending| name.ends_with(ending))
}

/// The flags that a worker used are a set.
fn sorted_flags(mut event: Value) -> Value {
    for flags in ["coreUsedFlags", "langUsedFlags"] {
        let flags =
            event.get_mut("sdkMetadata").and_then(|it| it.get_mut(flags)).and_then(Value::as_array_mut);
        if let Some(flags) = flags {
            flags.sort_by_key(Value::as_u64);
        }
    }
    event
}

fn is_counted(path: &str, value: &Value) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    COUNTED.contains(&name) && value.as_str().is_some_and(is_sequence_number)
}

/// The text with all UUIDs alike.
fn without_random_ids(text: &str) -> String {
    RandomIds::default().number(text)
}
