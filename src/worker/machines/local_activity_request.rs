//! What passes between the machines and the worker about local activities.

use std::time::Duration;

use crate::proto_map::ProtoMap;
use temporalio_common::protos::{
    coresdk::{
        activity_result::{Cancellation, Failure as ActivityFailure, Success},
        workflow_commands::{ActivityCancellationType, ScheduleLocalActivity},
    },
    temporal::api::{
        common::v1::{Payload, RetryPolicy},
        enums::v1::TimeoutType,
        failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    },
};

use super::Error;
use crate::clock::{Time, duration};

/// What the worker has to do about local activities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LocalActivityRequest {
    /// Run this one.
    Start(Box<LocalActivity>),
    /// Ask a running one to stop, or stop waiting for its next attempt; its result is still wanted.
    Cancel {
        /// Which one.
        seq: u32,
    },
    /// Stop all of them: the workflow has ended. No result is wanted.
    CancelAll,
}

/// A local activity to be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalActivity {
    /// The workflow's number for it.
    pub(crate) seq: u32,
    /// Its activity id.
    pub(crate) activity_id: String,
    /// Its activity type.
    pub(crate) activity_type: String,
    /// The attempt to begin with, at least 1. Higher after a back-off over a workflow timer.
    pub(crate) attempt: u32,
    /// The attempt as the workflow gave it, 0 if it did not. Markers repeat it.
    pub(super) attempt_as_scheduled: u32,
    /// When its first attempt was scheduled, on the worker's clock. Schedule-to-close counts from here,
    /// over back-offs too.
    pub(crate) original_schedule_time: Time,
    /// Headers.
    pub(crate) headers: ProtoMap<Payload>,
    /// Arguments.
    pub(crate) arguments: Vec<Payload>,
    /// Longest wait for a slot, at most schedule-to-close. Not retried.
    pub(crate) schedule_to_start_timeout: Option<Duration>,
    /// Longest time over all attempts. Not retried. One of this and the next is set.
    pub(crate) schedule_to_close_timeout: Option<Duration>,
    /// Longest attempt, at most schedule-to-close. Retried.
    pub(crate) start_to_close_timeout: Option<Duration>,
    /// How to retry.
    pub(crate) retry_policy: RetryPolicy,
    /// The longest back-off that the worker waits for itself. Before a longer one it reports the failure
    /// with [`LocalActivityResult::backoff`], and the workflow waits on a timer.
    pub(crate) local_retry_threshold: Duration,
    /// How the workflow waits for its cancellation.
    pub(crate) cancellation_type: ActivityCancellationType,
}

/// How a local activity ended, or paused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalActivityResult {
    /// The workflow's number for it.
    pub(crate) seq: u32,
    /// How its last attempt ended.
    pub(crate) outcome: LocalActivityOutcome,
    /// How long the last attempt ran. Workflow time advances by as much.
    pub(crate) runtime: Duration,
    /// The number of the last attempt.
    pub(crate) attempt: u32,
    /// Set if it is to be tried again after this time, which the workflow spends on a timer.
    pub(crate) backoff: Option<Duration>,
    /// [`LocalActivity::original_schedule_time`], given back.
    pub(crate) original_schedule_time: Option<Time>,
}

/// How an attempt of a local activity ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LocalActivityOutcome {
    /// With a result.
    Completed(Success),
    /// With a failure.
    Failed(ActivityFailure),
    /// It took too long.
    TimedOut(ActivityFailure),
    /// It was cancelled.
    Cancelled(Cancellation),
}

impl LocalActivityOutcome {
    /// A cancellation without details.
    pub(crate) fn cancelled() -> Self {
        Self::Cancelled(Cancellation::from_details(None))
    }

    /// A timeout of one attempt, or of all.
    pub(crate) fn timed_out(timeout_type: TimeoutType) -> Self {
        let info = TimeoutFailureInfo { timeout_type: timeout_type.into(), ..Default::default() };
        Self::TimedOut(ActivityFailure {
            failure: Some(Failure {
                message: "Activity timed out".to_owned(),
                failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
                ..Default::default()
            }),
            ..Default::default()
        })
    }
}

impl LocalActivity {
    /// Reads the workflow's command. `now` is when it is scheduled, unless it was scheduled before and backed
    /// off since.
    ///
    /// # Errors
    /// [`Error::InvalidCommand`] if neither schedule-to-close nor start-to-close is set.
    pub(super) fn new(command: ScheduleLocalActivity, now: Time) -> Result<Self, Error> {
        let timeout =
            |proto: &Option<prost_types::Duration>| proto.as_ref().map(|proto| duration(Some(proto)));
        let schedule_to_close_timeout = timeout(&command.schedule_to_close_timeout);
        let at_most = |timeout: Duration| timeout.min(schedule_to_close_timeout.unwrap_or(Duration::MAX));
        let start_to_close_timeout = timeout(&command.start_to_close_timeout).map(at_most);
        if schedule_to_close_timeout.or(start_to_close_timeout).is_none() {
            return Err(Error::InvalidCommand(format!(
                "local activity {} has neither a schedule-to-close nor a start-to-close timeout",
                command.seq
            )));
        }
        Ok(Self {
            seq: command.seq,
            cancellation_type: command.cancellation_type(),
            attempt: command.attempt.max(1),
            attempt_as_scheduled: command.attempt,
            original_schedule_time: command.original_schedule_time.as_ref().map_or(now, Time::from_proto),
            schedule_to_start_timeout: timeout(&command.schedule_to_start_timeout).map(at_most),
            schedule_to_close_timeout,
            start_to_close_timeout,
            local_retry_threshold: timeout(&command.local_retry_threshold).unwrap_or(Duration::from_mins(1)),
            retry_policy: command.retry_policy.unwrap_or_default(),
            activity_id: command.activity_id,
            activity_type: command.activity_type,
            headers: command.headers,
            arguments: command.arguments,
        })
    }
}
