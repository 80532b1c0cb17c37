//! The small part of a run's mutable state.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, WorkerVersionStamp},
    enums::v1::{EventType, WorkflowExecutionStatus},
    history::v1::HistoryEvent,
    workflow::v1::ResetPointInfo,
};

use super::{
    options::ExecutionOptions,
    pause::WorkflowPause,
    update::Updates,
    versioning::Versioning,
    workflow_task::{Problems, Sticky, WorkflowTask},
};
use crate::clock::Time;

/// The small part of a run's mutable state.
///
/// It is cheap to clone, however much the run has pending: a workflow task completion keeps a copy, and
/// goes back to it if one of its commands is refused.
#[derive(Debug, Clone)]
pub(crate) struct MutableState {
    pub(crate) status: WorkflowExecutionStatus,
    pub(crate) close_time: Option<Time>,
    /// The workflow task that is scheduled or started.
    pub(crate) workflow_task: Option<WorkflowTask>,
    /// The attempt of the pending workflow task or, without one, of the next: 1 after a completion. Higher
    /// ones are transient: their events are not written before they complete.
    pub(crate) workflow_task_attempt: i32,
    /// The workflow tasks that did not complete, since the last that did.
    pub(crate) problems: Problems,
    /// Whether a workflow task was ever scheduled.
    pub(crate) had_workflow_task: bool,
    /// The id of the WorkflowTaskStarted event of the last completed workflow task; 0 if there is none.
    pub(crate) last_completed_started_event_id: i64,
    /// The sticky queue of the worker that completed the last workflow task and caches the run.
    pub(crate) sticky: Option<Sticky>,
    /// A workflow task failed to close the run because of events it had not seen. Until one completes, what
    /// would only make that happen again is refused.
    pub(crate) close_attempted: bool,
    /// Whether the run has been asked to cancel.
    pub(crate) cancel_requested: bool,
    /// How many signals the run has taken.
    pub(crate) signal_count: usize,
    /// Updates that have not ended.
    pub(crate) updates: Updates,
    /// The present memo.
    pub(crate) memo: Arc<BTreeMap<String, Payload>>,
    /// The present search attributes.
    pub(crate) search_attributes: Arc<BTreeMap<String, Payload>>,
    /// Where the run could be reset to, for each build id of its workers.
    pub(crate) auto_reset_points: Arc<Vec<ResetPointInfo>>,
    /// The build that last completed a workflow task, as it said.
    pub(crate) worker_version: Option<WorkerVersionStamp>,
    /// The deployment of the worker that last completed a workflow task; empty if it belongs to none.
    pub(crate) worker_deployment_name: Arc<str>,
    /// Request ids that starts and updates attached to this run. The one that it was started with is only among them if
    /// another event than the first carries it.
    pub(crate) attached_requests: Arc<BTreeMap<String, AttachedRequest>>,
    /// What the run knows of the versions of its workers.
    pub(crate) versioning: Arc<Versioning>,
    /// Who has paused the run, while it is.
    pub(crate) pause: Option<Arc<WorkflowPause>>,
    /// What a client can change about the run.
    pub(crate) options: Arc<ExecutionOptions>,
    /// The latest run that this one was reset to; empty if it never was.
    pub(crate) reset_run_id: String,
    /// How many transactions have changed the run.
    pub(crate) transition_count: i64,
    /// Events that wait for the started workflow task to end, in the order of their arrival.
    pub(crate) buffered: Vec<Arc<HistoryEvent>>,
}

/// A request id that a run knows, and the event that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttachedRequest {
    pub(crate) event_type: EventType,
    /// `None` while the event is held back.
    pub(crate) event_id: Option<i64>,
}

impl MutableState {
    /// Whether a worker has the run's workflow task.
    pub(crate) fn has_started_workflow_task(&self) -> bool {
        self.workflow_task.as_ref().is_some_and(WorkflowTask::is_started)
    }

    /// The event that carries a request id was held back, and has got its id.
    pub(crate) fn resolve_request_id(&mut self, request_id: &str, event_id: i64) {
        if self.attached_requests.contains_key(request_id)
            && let Some(request) = Arc::make_mut(&mut self.attached_requests).get_mut(request_id)
        {
            request.event_id = Some(event_id);
        }
    }

    /// A worker has completed the workflow task that was started with this event.
    pub(super) fn complete_workflow_task(&mut self, started_event_id: i64) {
        self.workflow_task = None;
        self.workflow_task_attempt = 1;
        self.last_completed_started_event_id = started_event_id;
        self.close_attempted = false;
    }

    /// Whether the run has not yet scheduled the workflow task that its start delay, retry backoff or cron
    /// schedule holds back.
    pub(crate) fn waits_for_first_workflow_task(&self) -> bool {
        !self.had_workflow_task
    }
}
