//! What an event says, as named fields that can be compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use temporalio_common::{
    data_converters::{DataConverter, SerializationContextData, WorkflowSerializationContext},
    protos::{
        VERSION_SEARCH_ATTR_KEY,
        constants::PATCH_MARKER_NAME,
        temporal::api::{common::v1::Payload, enums::v1::EventType, history::v1::HistoryEvent},
    },
};

use super::divergence::FieldDifference;
use crate::{
    history::fields::{
        REDACTED_NUMBER, REDACTED_PAYLOAD, REDACTED_TEXT, Reader, attributes, flatten, is_payload,
    },
    proto_json,
};

/// Fields that the server or the worker fills in, whatever the workflow's code does.
pub(super) const NOT_THE_CODES: &[&str] = &[
    "acceptedEventId",
    "acceptedRequest",
    "acceptedRequestMessageId",
    "acceptedRequestSequencingEventId",
    "control",
    "identity",
    "inheritBuildId",
    "initiator",
    "namespaceId",
    "newExecutionRunId",
    "retryState",
    "startedEventId",
    "useWorkflowBuildId",
    "workflowTaskCompletedEventId",
];

/// The fields of an event by their names, those that are not set left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

/// How fields are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// The namespace of the run, which the server fills in where a command names none; `None` if namespaces are
    /// not compared.
    pub(super) namespace: Option<String>,
    /// What decodes recorded payloads, where the data converter has a codec.
    pub(super) codec: Option<DataConverter>,
}

impl Fields {
    /// Reads an event that history recorded: its payloads are decoded.
    pub(super) async fn recorded(event: &HistoryEvent, reading: &Reading) -> Self {
        let mut value = attributes(event);
        if let Some(converter) = &reading.codec {
            decode_payloads(&mut value, converter).await;
        }
        Self::read(event.event_type(), value, reading)
    }

    /// Reads an event that the code's command would lead to.
    pub(super) fn produced(event: &HistoryEvent, reading: &Reading) -> Self {
        Self::read(event.event_type(), attributes(event), reading)
    }

    fn read(event_type: EventType, mut value: Value, reading: &Reading) -> Self {
        if let Value::Object(fields) = &mut value {
            fields.retain(|name, _| !NOT_THE_CODES.contains(&name.as_str()));
            match &reading.namespace {
                Some(namespace) => drop(fields.entry("namespace").or_insert_with(|| json!(namespace))),
                None => drop(fields.remove("namespace")),
            }
        }
        // It differs from build to build.
        let reader = Reader { leave_out: &|name| name == "stackTrace", blind: true };
        let leaves =
            flatten(reader.read(value)).into_iter().filter(|(field, _)| !is_bookkeeping(event_type, field));
        Self(leaves.map(|(field, value)| (field, value.to_string())).collect())
    }

    /// The fields in which two events differ. What a redaction has replaced in the recorded one is not known, so that
    /// it does not differ from anything of its type.
    pub(super) fn differences(&self, produced: &Self) -> Vec<FieldDifference> {
        let names: BTreeSet<&String> = self.0.keys().chain(produced.0.keys()).collect();
        let differ = names.into_iter().filter(|name| {
            let (recorded, produced) = (self.0.get(*name), produced.0.get(*name));
            recorded != produced && !self.is_unknown(name, recorded, produced)
        });
        differ
            .map(|name| FieldDifference {
                field: name.clone(),
                recorded: self.0.get(name).cloned(),
                produced: produced.0.get(name).cloned(),
            })
            .collect()
    }

    fn is_unknown(&self, name: &str, recorded: Option<&String>, produced: Option<&String>) -> bool {
        let stands_for = |placeholder: &str| recorded.is_some_and(|it| it.trim_matches('"') == placeholder);
        if stands_for(REDACTED_TEXT) {
            return produced.is_some_and(|it| it.starts_with('"'));
        }
        if stands_for(REDACTED_NUMBER) {
            return produced
                .is_some_and(|it| it.starts_with(|first: char| first == '-' || first.is_ascii_digit()));
        }
        // A payload of which nothing is known is a field, the parts of the other one are fields below it.
        stands_for(REDACTED_PAYLOAD)
            || name
                .match_indices(['.', '['])
                .filter_map(|(end, _)| self.0.get(name.get(..end)?))
                .any(|above| above.trim_matches('"') == REDACTED_PAYLOAD)
    }
}

/// Whether a field says which thing an event is about, so that another value makes it another event.
pub(super) fn is_identity(event_type: EventType, field: &str) -> bool {
    match event_type {
        EventType::StartChildWorkflowExecutionInitiated => {
            matches!(field, "workflowId" | "workflowType.name")
        }
        EventType::SignalExternalWorkflowExecutionInitiated => {
            matches!(field, "signalName" | "workflowExecution.workflowId")
        }
        EventType::RequestCancelExternalWorkflowExecutionInitiated => field == "workflowExecution.workflowId",
        EventType::MarkerRecorded => matches!(field, "markerName" | "details.patch-data[0].id"),
        EventType::ActivityTaskScheduled => matches!(field, "activityId" | "activityType.name"),
        EventType::ActivityTaskCancelRequested => field == "scheduledEventId",
        EventType::TimerStarted | EventType::TimerCanceled => field == "timerId",
        EventType::WorkflowExecutionUpdateAccepted => field == "protocolInstanceId",
        EventType::WorkflowExecutionUpdateCompleted => field == "meta.updateId",
        _ => false,
    }
}

/// Whether a marker is that of a patch.
pub(super) fn is_patch_marker(marker_name: &str) -> bool {
    marker_name == PATCH_MARKER_NAME
}

/// What the SDK writes to keep the books of patches: which of them are deprecated, and the list of all. Both
/// follow from the calls, which are compared themselves.
fn is_bookkeeping(event_type: EventType, field: &str) -> bool {
    match event_type {
        EventType::MarkerRecorded => field == "details.patch-data[0].deprecated",
        EventType::UpsertWorkflowSearchAttributes => {
            field.strip_prefix("searchAttributes.").is_some_and(|it| it.starts_with(VERSION_SEARCH_ATTR_KEY))
        }
        _ => false,
    }
}

/// Decodes every payload but those of search attributes, which are never encoded. What cannot be decoded
/// stays as it is.
async fn decode_payloads(value: &mut Value, converter: &DataConverter) {
    let mut found = Vec::new();
    collect_payloads(value, &mut found);
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    for place in found {
        let Ok(payload) = proto_json::from_value::<Payload>(place.clone(), proto_json::UnknownFields::Ignore)
        else {
            continue;
        };
        let Ok(decoded) = converter.codec().decode(&context, vec![payload]).await else { continue };
        if let [payload] = decoded.as_slice()
            && let Ok(value) = proto_json::to_value(payload)
        {
            *place = value;
        }
    }
}

fn collect_payloads<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    if let Value::Object(fields) = &*value
        && is_payload(fields)
    {
        found.push(value);
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name != "searchAttributes" {
                    collect_payloads(value, found);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| collect_payloads(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;
    use temporalio_common::protos::temporal::api::{
        common::v1::{Header, Payloads, Priority},
        history::v1::{ActivityTaskScheduledEventAttributes, history_event::Attributes},
        taskqueue::v1::TaskQueue,
    };

    use super::*;

    fn json_payload(text: &str) -> Payload {
        Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: text.as_bytes().to_vec(),
            ..Default::default()
        }
    }

    fn fields(attributes: ActivityTaskScheduledEventAttributes) -> Fields {
        let event = HistoryEvent {
            event_type: EventType::ActivityTaskScheduled.into(),
            attributes: Some(Attributes::ActivityTaskScheduledEventAttributes(attributes)),
            ..Default::default()
        };
        Fields::produced(&event, &Reading::default())
    }

    fn with_input(text: &str) -> Fields {
        let input = Some(Payloads { payloads: vec![json_payload(text)] });
        fields(ActivityTaskScheduledEventAttributes { input, ..Default::default() })
    }

    fn names(fields: &[FieldDifference]) -> Vec<&str> {
        fields.iter().map(|it| it.field.as_str()).collect()
    }

    #[test]
    fn the_parts_of_a_json_value_have_names() {
        let recorded = with_input(r#"{"to": "ACC-1", "lines": [{"cents": 1}, {"cents": 2}]}"#);
        let produced = with_input(r#"{"lines":[{"cents":1},{"cents":3}],"to":"ACC-1"}"#);
        let differences = recorded.differences(&produced);
        assert_eq!(names(&differences), ["input[0].lines[1].cents"], "order and spaces mean nothing in JSON");
        assert_eq!(
            (differences[0].recorded.as_deref(), differences[0].produced.as_deref()),
            (Some("2"), Some("3"))
        );
    }

    #[test]
    fn a_value_that_is_not_there_is_not_the_same_as_null() {
        let differences = with_input(r#"{"to": null}"#).differences(&with_input("{}"));
        assert_eq!(names(&differences), ["input[0]", "input[0].to"]);
    }

    #[test]
    fn unset_empty_and_zero_are_the_same() {
        let empty = fields(ActivityTaskScheduledEventAttributes::default());
        let zero = fields(ActivityTaskScheduledEventAttributes {
            header: Some(Header::default()),
            priority: Some(Priority::default()),
            heartbeat_timeout: Some(Duration::default()),
            ..Default::default()
        });
        assert_eq!(empty, zero);
    }

    #[test]
    fn what_the_server_and_the_worker_fill_in_is_not_the_codes() {
        let plain = fields(ActivityTaskScheduledEventAttributes::default());
        #[allow(deprecated, reason = "histories have it")]
        let recorded = fields(ActivityTaskScheduledEventAttributes {
            workflow_task_completed_event_id: 4,
            use_workflow_build_id: true,
            ..Default::default()
        });
        assert_eq!(plain, recorded);
        let queue = fields(ActivityTaskScheduledEventAttributes {
            task_queue: Some(TaskQueue { name: "other".into(), kind: 1, ..Default::default() }),
            ..Default::default()
        });
        assert_eq!(names(&plain.differences(&queue)), ["taskQueue"]);
    }
}
