//! Going on with a run that another cluster has recorded.

use std::{collections::BTreeSet, sync::Arc};

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, WorkflowExecutionStatus},
    history::v1::{HistoryEvent, history_event::Attributes},
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
    /// A server writes this event together with others behind it, the events of a workflow task's commands or the start
    /// and the end of an activity, so no run was ever where only the first of them have happened.
    #[error(
        "event {event_id} is in the middle of what a server writes at once: choose event {before}{}",
        .after.map(|after| format!(" or event {after}")).unwrap_or_default()
    )]
    MiddleOfTransaction {
        /// The id that was asked for.
        event_id: i64,
        /// The last event before it after which a run can go on.
        before: i64,
        /// The first event behind it after which a run can go on.
        after: Option<i64>,
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
    events: Vec<Arc<HistoryEvent>>,
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
        let ends = ends_of_transactions(events);
        if !ends.contains(&end) {
            return Err(ResumeError::MiddleOfTransaction {
                event_id: last_event_id,
                before: ends.range(..end).next_back().map_or(1, |&before| before as i64),
                after: ends.range(end..).next().map(|&after| after as i64),
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

/// After how many events a run may have been as they tell. The events of commands are written with the completion of their
/// workflow task; the start of an activity, which is written when it closes, need not stand right before its end.
fn ends_of_transactions(events: &[Arc<HistoryEvent>]) -> BTreeSet<usize> {
    let mut ends = BTreeSet::new();
    let mut started = BTreeSet::new();
    for (index, event) in events.iter().enumerate() {
        use Attributes as A;
        match &event.attributes {
            Some(A::ActivityTaskStartedEventAttributes(it)) => drop(started.insert(it.scheduled_event_id)),
            Some(A::ActivityTaskCompletedEventAttributes(it)) => drop(started.remove(&it.scheduled_event_id)),
            Some(A::ActivityTaskFailedEventAttributes(it)) => drop(started.remove(&it.scheduled_event_id)),
            Some(A::ActivityTaskTimedOutEventAttributes(it)) => drop(started.remove(&it.scheduled_event_id)),
            Some(A::ActivityTaskCanceledEventAttributes(it)) => drop(started.remove(&it.scheduled_event_id)),
            _ => {}
        }
        let issues_more = event.is_command_event() || event.event_type() == EventType::WorkflowTaskCompleted;
        let next_is_command = events.get(index + 1).is_some_and(|next| next.is_command_event());
        if started.is_empty() && !(issues_more && next_is_command) {
            ends.insert(index + 1);
        }
    }
    ends
}

/// Puts what the builder resumes into a cluster.
pub(super) fn resume(builder: &Builder, cluster: &mut Cluster) -> Result<(), Error> {
    for resumed in &builder.resumed {
        cluster.adopt(&builder.namespace, &resumed.events)?;
    }
    cluster.go_on(builder.start);
    Ok(())
}
