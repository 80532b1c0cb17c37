//! Activities.

use temporalio_common::protos::temporal::api::{
    command::v1::{RequestCancelActivityTaskCommandAttributes, ScheduleActivityTaskCommandAttributes},
    enums::v1::WorkflowTaskFailedCause as Cause,
    sdk::v1::UserMetadata,
    workflow::v1::PendingActivityInfo,
};

use super::{
    Run, RunKey, Transaction,
    completed::{CommandFailure, Completion},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        calls::{CallContext, Reply, not_served},
        matching::Poller,
        timers::ActivityTimeout,
    },
    rpc::{Request, Response},
};

/// An activity that is scheduled and not closed.
#[derive(Debug, Clone)]
pub(crate) struct PendingActivity {
    pub(crate) attempt: i32,
    pub(crate) stamp: i32,
}

/// The ScheduleActivityTask command.
pub(crate) fn schedule_activity_task(
    _tx: &mut Transaction<'_>,
    _completion: &mut Completion,
    _attributes: Option<ScheduleActivityTaskCommandAttributes>,
    _user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    Err(CommandFailure::new(Cause::BadScheduleActivityAttributes, "activities are not served"))
}

/// The RequestCancelActivityTask command.
pub(crate) fn request_cancel_activity_task(
    _tx: &mut Transaction<'_>,
    _completion: &mut Completion,
    _attributes: Option<RequestCancelActivityTaskCommandAttributes>,
) -> Result<(), CommandFailure> {
    Err(CommandFailure::new(Cause::BadRequestCancelActivityAttributes, "activities are not served"))
}

/// Whether a timeout of an attempt still applies.
pub(crate) fn timeout_is_live(
    run: &Run,
    scheduled_event_id: i64,
    attempt: i32,
    stamp: i32,
    _timeout: ActivityTimeout,
) -> bool {
    retry_is_live(run, scheduled_event_id, attempt, stamp)
}

/// Whether an attempt still waits for its backoff to end.
pub(crate) fn retry_is_live(run: &Run, scheduled_event_id: i64, attempt: i32, stamp: i32) -> bool {
    run.activities
        .get(&scheduled_event_id)
        .is_some_and(|activity| activity.attempt == attempt && activity.stamp == stamp)
}

/// What DescribeWorkflowExecution tells of the pending activities.
pub(crate) fn describe(_run: &Run, _now: Time) -> Vec<PendingActivityInfo> {
    Vec::new()
}

impl Cluster {
    /// Answers the requests about activities.
    pub(in crate::cluster) fn dispatch_activity_request(
        &mut self,
        _now: Time,
        _context: CallContext,
        request: Request,
    ) -> Reply {
        not_served(&request)
    }

    /// At least one activity of the run has timed out.
    pub(in crate::cluster) fn fire_activity_timeouts(&mut self, _now: Time, _run: RunKey) {}

    /// Hands an attempt to matching.
    pub(in crate::cluster) fn dispatch_activity_task(
        &mut self,
        _now: Time,
        _run: RunKey,
        _scheduled_event_id: i64,
        _attempt: i32,
        _stamp: i32,
    ) {
    }

    /// Starts an attempt for a poller; `None` if the task is over.
    pub(in crate::cluster) fn start_activity_task_for(
        &mut self,
        _now: Time,
        _run: RunKey,
        _scheduled_event_id: i64,
        _attempt: i32,
        _stamp: i32,
        _poller: &Poller,
    ) -> Option<Response> {
        None
    }

    /// Starts the activities that a completion asked to have at once, and answers their tasks.
    pub(in crate::cluster) fn eager_activity_tasks(
        &mut self,
        _now: Time,
        _run: RunKey,
        _completion: &Completion,
    ) -> Vec<temporalio_common::protos::temporal::api::workflowservice::v1::PollActivityTaskQueueResponse>
    {
        Vec::new()
    }
}
