//! What is settled about a run when it starts.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    enums::v1::TaskQueueKind, sdk::v1::UserMetadata, taskqueue::v1::TaskQueue,
};

use crate::clock::Time;

/// What is settled about a run when it starts, and read often afterwards. The rest is in its first event.
#[derive(Debug, Clone)]
pub(crate) struct ExecutionInfo {
    /// The request id of the start, which makes repeated starts harmless.
    pub(crate) create_request_id: String,
    /// The first run of the chain that this run continues; the run itself if it continues none.
    pub(crate) first_execution_run_id: String,
    /// The type of the workflow.
    pub(crate) workflow_type: String,
    /// The name of the task queue for the run's workflow tasks.
    pub(crate) task_queue: String,
    /// The cron schedule; empty if there is none.
    pub(crate) cron_schedule: String,
    /// Whether a workflow execution started the run, as its child.
    pub(crate) has_parent: bool,
    /// When the run started.
    pub(crate) start_time: Time,
    /// When the first run of a chain of resets started: the start time of a run that was never reset.
    pub(crate) original_start_time: Time,
    /// When the first workflow task may be scheduled.
    pub(crate) execution_time: Time,
    /// When the whole chain of runs times out.
    pub(crate) execution_expiration: Option<Time>,
    /// When this run times out, which is never later than its chain.
    pub(crate) run_expiration: Option<Time>,
    /// The run timeout; zero is none.
    pub(crate) run_timeout: Duration,
    /// How long a worker may take for a workflow task.
    pub(crate) workflow_task_timeout: Duration,
    /// How many events the run has taken over from the run that was reset to make it; 0 if there is none.
    pub(crate) copied_event_id: i64,
    /// Summary and details of the start.
    pub(crate) user_metadata: Option<UserMetadata>,
}

impl ExecutionInfo {
    /// The task queue of the run's workflow tasks, when they are not sticky.
    pub(crate) fn normal_task_queue(&self) -> TaskQueue {
        TaskQueue {
            name: self.task_queue.clone(),
            kind: TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }
    }
}
