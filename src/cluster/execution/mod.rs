//! Workflow executions: runs, their mutable state and their event histories.
//!
//! Everything that changes a run happens in a [`Transaction`]: preconditions first, then events, then, if
//! something happened that the workflow has to see, a workflow task. What has to happen elsewhere because
//! of it (a task to dispatch, a timer to arm, a next run) leaves the transaction as an [`Effect`].

mod adopt;
mod attributes;
mod begin;
mod chain;
mod child_workflow;
mod close;
mod continue_as_new;
mod ending;
mod event_order;
mod external;
mod failed;
mod first_deadline;
mod history;
mod info;
mod marker;
mod options;
mod pause;
mod pending;
mod rebuild;
mod reset;
mod runs;
mod size;
mod small_map;
mod sticky;
mod transaction;
mod versioning;

pub(crate) mod activity;
pub(crate) mod completed;
pub(crate) mod query;
pub(crate) mod signal;
pub(crate) mod state;
#[cfg(test)]
mod test_driver;
pub(crate) mod timer;
pub(crate) mod update;
pub(crate) mod workflow_task;

pub(crate) use begin::{RunSpec, begin_run};
pub(crate) use chain::run_timeout;
use child_workflow::StartedChild;
pub(crate) use child_workflow::{PendingChild, describe as describe_children};
pub(crate) use history::History;
pub(crate) use info::ExecutionInfo;
pub(crate) use options::{ExecutionOptions, check_override, normalised_override};
pub(crate) use pending::Pending;
pub(crate) use runs::Runs;
pub(crate) use state::{AttachedRequest, MutableState};
pub(crate) use transaction::{BUFFERED_EVENT_ID, Effect, Event, FollowUp, Transaction};
pub(crate) use versioning::ShownBuild;

use std::{collections::BTreeSet, iter, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{EventType, WorkflowExecutionStatus},
    history::v1::{WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};

use super::{CallId, namespaces::NamespaceKey};

/// Names one run inside the cluster. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunKey(pub(crate) usize);

/// One run of a workflow execution.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) key: RunKey,
    pub(crate) namespace: NamespaceKey,
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    /// What was settled when the run started.
    pub(crate) info: ExecutionInfo,
    /// What changes while it runs, as far as it is small.
    pub(crate) state: MutableState,
    /// Every event that has been written.
    pub(crate) history: History,
    /// Activities that are scheduled and not closed.
    pub(crate) activities: activity::Activities,
    /// Attempts of activities that were followed by another one, in the order in which they ended.
    pub(crate) retried_attempts: Vec<activity::RetriedAttempt>,
    /// User timers that have neither fired nor been cancelled.
    pub(crate) timers: timer::UserTimers,
    /// Children that have been initiated and have not closed, by the id of the event that initiated them.
    pub(crate) children: Pending<i64, PendingChild>,
    /// Signals to others that have been initiated and not yet sent, by the id of that event, with the
    /// namespace that they go to.
    pub(crate) signals_out: Pending<i64, NamespaceKey>,
    /// The same for requests to cancel others.
    pub(crate) cancels_out: Pending<i64, NamespaceKey>,
    /// Updates that have completed, by id, with the ids of their WorkflowExecutionUpdateCompleted events.
    pub(crate) completed_updates: Pending<String, i64>,
    /// Callers that wait for an update of this run, in the order of their arrival.
    pub(crate) update_waiters: Vec<update::Waiter>,
    /// Queries that wait for this run.
    pub(crate) queries: query::PendingQueries,
    /// Request ids of the signals that this run has taken: each is taken once.
    pub(crate) signal_request_ids: BTreeSet<String>,
    /// Calls that wait for new events or for the close event, in the order of their arrival.
    pub(crate) waiting: Vec<CallId>,
}

impl Run {
    /// Whether the run has no close event yet.
    pub(crate) fn is_running(&self) -> bool {
        self.state.status == WorkflowExecutionStatus::Running
    }

    /// Whether the run is open and nothing is to be done about it before something else happens.
    pub(crate) fn waits(&self) -> bool {
        self.is_running() && self.state.workflow_task.is_none()
    }

    /// Whether the run was started with this request id, or has it attached.
    pub(crate) fn knows_request(&self, request_id: &str) -> bool {
        self.info.create_request_id == request_id || self.state.attached_requests.contains_key(request_id)
    }

    /// Attaches a request id, if it is one, to the run.
    pub(in crate::cluster) fn attach_request(
        &mut self,
        request_id: &str,
        event_type: EventType,
        event_id: Option<i64>,
    ) {
        if !request_id.is_empty() {
            let attached = AttachedRequest { event_type, event_id };
            Arc::make_mut(&mut self.state.attached_requests).insert(request_id.to_owned(), attached);
        }
    }

    /// The request ids that the run knows, with the events that carry them. Of two with the same id, the second counts.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&str, AttachedRequest)> {
        let start = AttachedRequest { event_type: EventType::WorkflowExecutionStarted, event_id: Some(1) };
        let attached = self.state.attached_requests.iter().map(|(id, request)| (id.as_str(), *request));
        iter::once((self.info.create_request_id.as_str(), start)).chain(attached)
    }

    /// Whether a worker has an activity of the run.
    pub(crate) fn has_started_activity(&self) -> bool {
        self.activities.iter().any(|activity| activity.is_started())
    }

    /// The attributes of the run's first event.
    pub(crate) fn started(&self) -> &WorkflowExecutionStartedEventAttributes {
        match self.history.first().and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
            _ => unreachable!("a run is made with its WorkflowExecutionStarted event"),
        }
    }

    /// Whether the run is what another run was reset to.
    pub(crate) fn is_result_of_reset(&self) -> bool {
        self.started().original_execution_run_id != self.run_id
    }

    /// Whether the run was started by a workflow execution, as its child.
    pub(crate) fn is_child_of(&self, parent: &Self) -> bool {
        self.namespace == parent.namespace
            && self.started().parent_workflow_execution.as_ref() == Some(&parent.execution())
    }

    /// The run's workflow id and run id.
    pub(crate) fn execution(&self) -> WorkflowExecution {
        WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() }
    }
}
