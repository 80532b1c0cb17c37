//! The workflow task of a run: the state machine that decides when a worker is asked for commands.
//!
//! A run has at most one workflow task pending. It is *scheduled*, then *started* by a worker, and then
//! completed, failed or timed out. Failed and timed out ones are scheduled again at once; from the second
//! attempt on they are *transient*: their events are not written, unless the attempt completes or the
//! history has grown in between.

mod end;
mod problems;
mod schedule;
mod speculative;
mod start;
mod timeout;

pub(crate) use end::WorkflowTaskFailure;
pub(crate) use problems::Problems;

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp,
    enums::v1::{SuggestContinueAsNewReason, TaskQueueKind},
    taskqueue::v1::TaskQueue,
    workflow::v1::PendingWorkflowTaskInfo,
};

use crate::clock::Time;

/// The identity under which the server itself acts on a run.
pub(crate) const HISTORY_SERVICE: &str = "history-service";

/// The difference between the id of a virtual WorkflowTaskScheduled event and its WorkflowTaskStarted event.
pub(crate) const STARTED_AFTER_SCHEDULED: i64 = 1;

/// Whether a workflow task is there for the sake of an update only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkflowTaskKind {
    /// Its events are written, unless it is a transient attempt.
    Normal,
    /// It delivers updates, and leaves no trace if it rejects them all.
    Speculative,
}

/// A pending workflow task.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowTask {
    pub(crate) kind: WorkflowTaskKind,
    /// Names this workflow task, and no other of any run, to its timers and to matching.
    pub(crate) stamp: u64,
    /// The id of its WorkflowTaskScheduled event, or the one that the event would have.
    pub(crate) scheduled_event_id: i64,
    /// The same for its WorkflowTaskStarted event; 0 until it is started.
    pub(crate) started_event_id: i64,
    /// From 1 on.
    pub(crate) attempt: i32,
    pub(crate) scheduled_time: Time,
    /// The time when the first of a row of heartbeating workflow tasks was scheduled.
    pub(crate) original_scheduled_time: Time,
    pub(crate) started_time: Option<Time>,
    pub(crate) start_to_close_timeout: Duration,
    /// Where it was scheduled to.
    pub(crate) task_queue: TaskQueue,
    /// The request id of the poll that started it.
    pub(crate) request_id: String,
    /// Who polled.
    pub(crate) identity: String,
    /// The build of the worker, as it said.
    pub(crate) worker_version: Option<WorkerVersionStamp>,
    /// The size of the history when it was started, in bytes.
    pub(crate) history_size: i64,
    /// Whether the worker was told that the run could go to another version of its workers.
    pub(crate) target_version_changed: bool,
    /// Why the worker was told that the workflow should continue as new, if it was.
    pub(crate) suggest_continue_as_new: Vec<SuggestContinueAsNewReason>,
}

impl WorkflowTask {
    /// Whether a worker has it.
    pub(crate) fn is_started(&self) -> bool {
        self.started_event_id != 0
    }

    /// Whether it is there for the sake of an update only.
    pub(crate) fn is_speculative(&self) -> bool {
        self.kind == WorkflowTaskKind::Speculative
    }

    /// Whether its events are not in the history.
    pub(crate) fn is_virtual(&self) -> bool {
        self.attempt > 1 || self.kind == WorkflowTaskKind::Speculative
    }

    /// Whether it was scheduled to a sticky queue.
    pub(crate) fn is_sticky(&self) -> bool {
        self.task_queue.kind() == TaskQueueKind::Sticky
    }

    /// What DescribeWorkflowExecution tells of it.
    pub(crate) fn describe(&self) -> PendingWorkflowTaskInfo {
        use temporalio_common::protos::temporal::api::enums::v1::PendingWorkflowTaskState as State;
        let state = if self.is_started() { State::Started } else { State::Scheduled };
        PendingWorkflowTaskInfo {
            state: state as i32,
            scheduled_time: Some(self.scheduled_time.to_proto()),
            original_scheduled_time: Some(self.original_scheduled_time.to_proto()),
            started_time: self.started_time.map(Time::to_proto),
            attempt: self.attempt,
        }
    }
}

/// The queue of a worker that has the run in its cache.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sticky {
    /// The name of the worker's own queue.
    pub(crate) queue: String,
    /// How long a workflow task waits there before it goes to the normal queue.
    pub(crate) schedule_to_start_timeout: Duration,
}
