//! Going on with a run that another cluster has recorded.

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, WorkflowExecutionStatus},
    history::v1::HistoryEvent,
};

use super::builder::Builder;
use crate::{
    clock::Time,
    cluster::{Cluster, Error},
    history::History,
};

/// Why a simulation cannot go on from an event of a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The history has no event with this id.
    #[error("the history has no event {event_id}: its last one is {last_event_id}")]
    UnknownEvent {
        /// The id that was asked for.
        event_id: i64,
        /// The id of the last event.
        last_event_id: i64,
    },
    /// The run is closed with this event, so nothing goes on behind it.
    #[error("the run has {} with event {event_id}: choose an event before that", ended(.status))]
    Closed {
        /// The id that was asked for.
        event_id: i64,
        /// How the run has ended.
        status: WorkflowExecutionStatus,
    },
    /// A server writes this event together with the one behind it, so no run was ever where only the first of them
    /// has happened.
    #[error(
        "event {event_id} and event {} are written at once: choose event {before} or event {after}",
        .event_id + 1
    )]
    MiddleOfTransaction {
        /// The id that was asked for.
        event_id: i64,
        /// The last event before it after which a run can go on.
        before: i64,
        /// The first event behind it after which a run can go on.
        after: i64,
    },
    /// The server that recorded the history did not write the workflow id or the run id down.
    #[error("the first event of the history has no {field}: a simulation needs it to take the run over")]
    NoIdentity {
        /// Which field of the first event.
        field: &'static str,
    },
}

fn ended(status: &WorkflowExecutionStatus) -> String {
    let name = status.as_str_name().trim_start_matches("WORKFLOW_EXECUTION_STATUS_");
    name.to_lowercase().replace('_', " ")
}

/// The beginning of a run that the simulation takes over.
#[derive(Debug, Clone)]
pub(super) struct Resumed {
    events: Vec<HistoryEvent>,
}

impl Resumed {
    pub(super) fn new(history: &History, last_event_id: i64) -> Result<Self, ResumeError> {
        let events = history.events();
        let end = usize::try_from(last_event_id).ok().filter(|&end| 0 < end && end <= events.len());
        let Some(end) = end else {
            let unknown =
                ResumeError::UnknownEvent { event_id: last_event_id, last_event_id: events.len() as i64 };
            return Err(unknown);
        };
        for (field, value) in
            [("workflowId", history.workflow_id()), ("originalExecutionRunId", history.run_id())]
        {
            if value.is_empty() {
                return Err(ResumeError::NoIdentity { field });
            }
        }
        if end == events.len() && history.status() != WorkflowExecutionStatus::Running {
            return Err(ResumeError::Closed { event_id: last_event_id, status: history.status() });
        }
        if is_followed_at_once(events, end) {
            let before = (1..end).rev().find(|&end| !is_followed_at_once(events, end)).unwrap_or(1);
            // The last event is followed by nothing.
            let after = (end..=events.len()).find(|&end| !is_followed_at_once(events, end)).unwrap_or(end);
            return Err(ResumeError::MiddleOfTransaction {
                event_id: last_event_id,
                before: before as i64,
                after: after as i64,
            });
        }
        Ok(Self { events: events[..end].to_vec() })
    }

    /// When the last of the events was written.
    pub(super) fn time(&self) -> Time {
        self.events
            .iter()
            .filter_map(|event| event.event_time.as_ref())
            .map(Time::from_proto)
            .max()
            .unwrap_or_default()
    }
}

/// Whether the server writes the event behind the first `end` ones in the same transaction as the last of them: the events
/// of commands with the completion of their workflow task, the start of an activity with its end.
fn is_followed_at_once(events: &[HistoryEvent], end: usize) -> bool {
    let (Some(last), Some(next)) = (end.checked_sub(1).and_then(|last| events.get(last)), events.get(end))
    else {
        return false;
    };
    match last.event_type() {
        EventType::ActivityTaskStarted => true,
        EventType::WorkflowTaskCompleted => next.is_command_event(),
        _ => last.is_command_event() && next.is_command_event(),
    }
}

/// Puts what the builder resumes into a cluster.
pub(super) fn resume(builder: &Builder, cluster: &mut Cluster) -> Result<(), Error> {
    for resumed in &builder.resumed {
        cluster.adopt(&builder.namespace, &resumed.events)?;
    }
    cluster.go_on(builder.start);
    Ok(())
}
