//! One place at which code and history differ.

use std::fmt;

use serde::Serialize;
use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

use super::Difference;
use crate::{clock::Time, history::History};

/// How many fields of an event are listed before the rest is only counted.
const FIELDS_SHOWN: usize = 8;

/// One place at which code and history differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Divergence {
    /// In what respect.
    pub difference: Difference,
    /// The event that differs. For an extra command: the id that its event would have had, which may be one
    /// past the end of history.
    pub event_id: i64,
    /// When the event was recorded, in RFC 3339; for an extra command, when its workflow task was completed.
    pub time: Option<String>,
    /// The WorkflowTaskCompleted event whose commands these are; 0 if the task was never completed.
    pub workflow_task_completed_event_id: i64,
    /// What history recorded, in one line; `None` if nothing.
    pub recorded: Option<String>,
    /// What the code did instead, in one line; `None` if nothing.
    pub produced: Option<String>,
    /// The fields that differ. Empty where there is nothing to compare the command with.
    pub fields: Vec<FieldDifference>,
}

/// A field that differs. Payloads are decoded, so the fields of a JSON value have names too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldDifference {
    /// The field, as histories spell it: `startToFireTimeout`, `input[0].cents`.
    pub field: String,
    /// What history has; `None` if it is not set there.
    pub recorded: Option<String>,
    /// What the code's command has; `None` if it is not set there.
    pub produced: Option<String>,
}

impl Divergence {
    /// A divergence at a recorded event.
    pub(super) fn at(
        history: &History,
        difference: Difference,
        event: &HistoryEvent,
        produced: Option<&HistoryEvent>,
    ) -> Self {
        Self {
            difference,
            event_id: event.event_id,
            time: time_of(event),
            workflow_task_completed_event_id: completion_before(history, event.event_id),
            recorded: Some(history.describe(event)),
            produced: produced.map(|produced| history.describe(produced)),
            fields: Vec::new(),
        }
    }

    /// A command that its workflow task, completed by the given event, did not record.
    pub(super) fn extra(history: &History, completed_event_id: i64, produced: String) -> Self {
        let recorded = history
            .events()
            .iter()
            .skip(usize::try_from(completed_event_id).unwrap_or_default())
            .take_while(|event| event.is_command_event())
            .count();
        Self {
            difference: Difference::ExtraCommand,
            event_id: completed_event_id + 1 + i64::try_from(recorded).unwrap_or_default(),
            time: history.event(completed_event_id).and_then(time_of),
            workflow_task_completed_event_id: completed_event_id,
            recorded: None,
            produced: Some(produced),
            fields: Vec::new(),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}", self.event_id, self.difference)?;
        if let Some(time) = &self.time {
            write!(f, " ({time})")?;
        }
        write!(f, "\n  recorded: {}", self.recorded.as_deref().unwrap_or("nothing"))?;
        write!(f, "\n  produced: {}", self.produced.as_deref().unwrap_or("nothing"))?;
        for FieldDifference { field, recorded, produced } in self.fields.iter().take(FIELDS_SHOWN) {
            let or_unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
            write!(f, "\n    {field}: {} -> {}", or_unset(recorded), or_unset(produced))?;
        }
        match self.fields.len().saturating_sub(FIELDS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n    and {more} more fields"),
        }
    }
}

/// The last WorkflowTaskCompleted event before an event; 0 if there is none.
fn completion_before(history: &History, event_id: i64) -> i64 {
    let end = usize::try_from(event_id.saturating_sub(1)).unwrap_or_default().min(history.events().len());
    let before = history.events().get(..end).unwrap_or_default();
    let completed = before.iter().rfind(|event| event.event_type() == EventType::WorkflowTaskCompleted);
    completed.map_or(0, |event| event.event_id)
}

/// When an event was recorded, in RFC 3339.
pub(super) fn time_of(event: &HistoryEvent) -> Option<String> {
    let nanos = Time::from_proto(event.event_time.as_ref()?).as_nanos();
    jiff::Timestamp::from_nanosecond(nanos).ok().map(|time| time.to_string())
}
