//! Event histories: what a workflow execution did, event by event.
//!
//! A [`History`] comes from a simulation or from a real cluster: a file that the Temporal CLI
//! (`temporal workflow show --output json`) or the Web UI wrote, or binary protobuf. It can be written in
//! the same forms, and read by people as a [`Timeline`], one line for each event:
//!
//! ```
//! use temporal_sim::history::History;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let history = History::load("histories/production/transfer_ok.json")?;
//! assert_eq!(history.workflow_type(), "MoneyTransfer");
//! println!("{history}");
//! # Ok(())
//! # }
//! ```
//!
//! * [`diff()`] says what is different between two histories, by what their events are about.
//! * [`Redaction`] replaces what is confidential, so that a history of production can be committed and replayed.
//! * [`History::merge`] puts the pages of an export together, or says which events are missing.
//! * [`Summary`] is a history in numbers.

mod diff;
mod duration;
mod error;
pub(crate) mod fields;
mod load;
mod pages;
mod redact;
mod retried;
mod save;
mod summary;
mod timeline;

use std::{fmt, sync::Arc};

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{
        HistoryEvent, WorkflowExecutionStartedEventAttributes,
        history_event::Attributes::{self, WorkflowExecutionStartedEventAttributes as Started},
    },
};

pub use diff::{Diff, DiffEvent, DiffKind, DiffOptions, DiffRow, DiffSide, DiffText, FieldChange, diff};
pub use error::{InvalidHistory, LoadError, SaveError};
pub use pages::{MergeError, Page};
pub use redact::Redaction;
pub use retried::RetriedAttempt;
pub use save::Format;
pub use summary::{ActivitySummary, Summary};
pub use timeline::Timeline;
pub(crate) use timeline::is_routine;

/// The event history of one workflow run: never empty, begins with `WorkflowExecutionStarted`, and its event
/// ids count up from 1.
///
/// Two histories are equal if their events are.
#[derive(Debug, Clone)]
pub struct History {
    events: Vec<Arc<HistoryEvent>>,
    retried_attempts: Vec<RetriedAttempt>,
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.events == other.events
    }
}

impl History {
    /// A history of these events, which may be shared ones.
    ///
    /// # Errors
    ///
    /// If they are not the whole history of a run from its first event on.
    pub fn new<E: Into<Arc<HistoryEvent>>>(events: Vec<E>) -> Result<Self, InvalidHistory> {
        let events: Vec<Arc<HistoryEvent>> = events.into_iter().map(Into::into).collect();
        let first = events.first().ok_or(InvalidHistory::Empty)?;
        if !matches!(first.attributes, Some(Started(_))) {
            return Err(InvalidHistory::NotFromTheStart {
                event_type: first.event_type().as_str_name(),
                event_id: first.event_id,
            });
        }
        for (expected, event) in (1..).zip(&events) {
            if event.event_id != expected {
                return Err(InvalidHistory::Gap { expected, found: event.event_id });
            }
        }
        Ok(Self { events, retried_attempts: Vec::new() })
    }

    /// The events, oldest first. An event is two kilobytes and a dozen strings, so copies of a history share them.
    pub fn events(&self) -> &[Arc<HistoryEvent>] {
        &self.events
    }

    /// The event with this id.
    pub fn event(&self, event_id: i64) -> Option<&HistoryEvent> {
        self.events.get(usize::try_from(event_id).ok()?.checked_sub(1)?).map(AsRef::as_ref)
    }

    /// The attempts of activities that were followed by another one, in the order in which they ended.
    ///
    /// Only a history that comes from a simulation has any. A server writes down the last attempt of an activity
    /// alone, and so do files: a history that was saved and loaded has none.
    pub fn retried_attempts(&self) -> &[RetriedAttempt] {
        &self.retried_attempts
    }

    pub(crate) fn with_retried_attempts(mut self, retried_attempts: Vec<RetriedAttempt>) -> Self {
        self.retried_attempts = retried_attempts;
        self
    }

    /// Takes the events out.
    pub fn into_events(self) -> Vec<HistoryEvent> {
        self.events.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The workflow id; empty if the history was recorded by a server that did not write it down.
    pub fn workflow_id(&self) -> &str {
        self.started().map_or("", |started| &started.workflow_id)
    }

    /// The run id that this run was started with. A run that a reset has made still carries the run id of
    /// the run that was reset.
    pub fn run_id(&self) -> &str {
        self.started().map_or("", |started| &started.original_execution_run_id)
    }

    /// The name of the workflow type.
    pub fn workflow_type(&self) -> &str {
        let workflow_type = self.started().and_then(|started| started.workflow_type.as_ref());
        workflow_type.map_or("", |workflow_type| &workflow_type.name)
    }

    /// The task queue that the run was started on.
    pub fn task_queue(&self) -> &str {
        let task_queue = self.started().and_then(|started| started.task_queue.as_ref());
        task_queue.map_or("", |task_queue| &task_queue.name)
    }

    /// How the run ended, or that it is running: what the last event says.
    pub fn status(&self) -> WorkflowExecutionStatus {
        match self.events.last().and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(_)) => {
                WorkflowExecutionStatus::Completed
            }
            Some(Attributes::WorkflowExecutionFailedEventAttributes(_)) => WorkflowExecutionStatus::Failed,
            Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => {
                WorkflowExecutionStatus::TimedOut
            }
            Some(Attributes::WorkflowExecutionCanceledEventAttributes(_)) => {
                WorkflowExecutionStatus::Canceled
            }
            Some(Attributes::WorkflowExecutionTerminatedEventAttributes(_)) => {
                WorkflowExecutionStatus::Terminated
            }
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_)) => {
                WorkflowExecutionStatus::ContinuedAsNew
            }
            _ => WorkflowExecutionStatus::Running,
        }
    }

    /// The history for people: one line for each event, without ids and times that differ from run to run.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(self)
    }

    /// The history in a few numbers.
    pub fn summary(&self) -> Summary {
        Summary::new(self)
    }

    /// What the first event says.
    fn started(&self) -> Option<&WorkflowExecutionStartedEventAttributes> {
        match self.events.first()?.attributes.as_ref()? {
            Started(started) => Some(started),
            _ => None,
        }
    }
}

/// The compact [`Timeline`].
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline().fmt(f)
    }
}

#[cfg(test)]
mod tests;
