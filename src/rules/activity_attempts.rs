//! The attempts of an activity: until when one may last, and what follows one that did not succeed.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1::{Payloads, RetryPolicy},
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use super::{
    failure,
    failure_kind::FailureKind,
    retry::{self, FailedAttempt},
};
use crate::clock::{self, Time};

/// The instants from which the timeouts of an attempt count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptTimes {
    /// When the activity was scheduled.
    pub(crate) first_scheduled: Time,
    /// When the attempt was or will be put on its task queue; for a retry the end of its backoff.
    pub(crate) scheduled: Time,
    /// When a worker took it; `None` if none has.
    pub(crate) started: Option<Time>,
    /// When the latest heartbeat came, of whatever attempt.
    pub(crate) last_heartbeat: Option<Time>,
}

/// The four timeouts of an activity, as its options have them once they are filled in. One of zero is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) schedule_to_start: Option<Duration>,
    pub(crate) schedule_to_close: Option<Duration>,
    pub(crate) start_to_close: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
}

impl Timeouts {
    /// Those of these options.
    pub(crate) fn of(options: &ActivityOptions) -> Self {
        let set = |timeout: &Option<_>| Some(clock::duration(timeout.as_ref())).filter(|it| !it.is_zero());
        Self {
            schedule_to_start: set(&options.schedule_to_start_timeout),
            schedule_to_close: set(&options.schedule_to_close_timeout),
            start_to_close: set(&options.start_to_close_timeout),
            heartbeat: set(&options.heartbeat_timeout),
        }
    }
}

impl AttemptTimes {
    /// When the timeouts expire that are armed, in no particular order.
    ///
    /// | timeout | counts from | while |
    /// |---|---|---|
    /// | schedule-to-start | the scheduled time of the attempt | the attempt is not started |
    /// | schedule-to-close | the first scheduled time | the activity is pending |
    /// | start-to-close | the start of the attempt | the attempt is started |
    /// | heartbeat | the start of the attempt or the latest heartbeat, whichever is later | the attempt is started |
    pub(crate) fn expirations(self, timeouts: &Timeouts) -> [Option<(Time, TimeoutType)>; 4] {
        let Self { first_scheduled, scheduled, started, last_heartbeat } = self;
        let waiting = if started.is_none() { Some(scheduled) } else { None };
        let alive = started.map(|started| last_heartbeat.map_or(started, |beat| beat.max(started)));
        let expires = |from: Option<Time>, timeout: Option<Duration>, timeout_type| {
            Some((from? + timeout?, timeout_type))
        };
        [
            expires(waiting, timeouts.schedule_to_start, TimeoutType::ScheduleToStart),
            expires(Some(first_scheduled), timeouts.schedule_to_close, TimeoutType::ScheduleToClose),
            expires(started, timeouts.start_to_close, TimeoutType::StartToClose),
            expires(alive, timeouts.heartbeat, TimeoutType::Heartbeat),
        ]
    }
}

/// An attempt that did not succeed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedAttempt<'a> {
    /// The activity's retry policy, with its defaults filled in.
    pub(crate) policy: Option<&'a RetryPolicy>,
    /// Which attempt it was, from 1.
    pub(crate) number: i32,
    /// When it ended.
    pub(crate) at: Time,
    /// The instant after which no attempt may begin; `None` if there is none.
    pub(crate) expiration: Option<Time>,
    /// Whether the workflow wants the activity cancelled.
    pub(crate) is_cancel_requested: bool,
    /// Whether somebody has paused the activity.
    pub(crate) is_paused: bool,
}

/// What follows an attempt that did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NextStep {
    /// Another attempt, put on the task queue at this time.
    Retry(Time),
    /// Another attempt, as soon as the activity is no longer paused.
    RetryAfterUnpause,
    /// The activity closes, for this reason.
    Close(RetryState),
}

impl EndedAttempt<'_> {
    /// What follows if it failed. The first that applies:
    ///
    /// 1. cancellation was requested: the activity closes;
    /// 2. the failure is a schedule-to-start or schedule-to-close timeout: it closes with `TIMEOUT`;
    /// 3. the failure is not retryable: it closes;
    /// 4. the activity is paused: it waits, whatever the maximum number of attempts;
    /// 5. that number is reached, or the next attempt would begin after the schedule-to-close timeout: it closes;
    /// 6. it is retried after the policy's interval.
    pub(crate) fn after_failure(self, failure: FailureKind<'_>) -> NextStep {
        let Some(policy) = self.policy else {
            return NextStep::Close(RetryState::RetryPolicyNotSet);
        };
        if self.is_cancel_requested {
            return NextStep::Close(RetryState::CancelRequested);
        }
        if is_timeout_of_the_whole_activity(failure) {
            return NextStep::Close(RetryState::Timeout);
        }
        if !retry::is_retryable(failure, &policy.non_retryable_error_types) {
            return NextStep::Close(RetryState::NonRetryableFailure);
        }
        if self.is_paused {
            return NextStep::RetryAfterUnpause;
        }
        let Self { number, at, expiration, .. } = self;
        match retry::activity_backoff(policy, FailedAttempt { number, failure, at, expiration }) {
            Ok(interval) => NextStep::Retry(at + interval),
            Err(retry_state) => NextStep::Close(retry_state),
        }
    }

    /// What follows if it timed out, or the whole activity did: the same as after a failure of that kind.
    pub(crate) fn after_timeout(self, timeout_type: TimeoutType) -> NextStep {
        self.after_failure(FailureKind::Timeout(timeout_type))
    }
}

/// The failure that an attempt finds if the one before it timed out.
pub(crate) fn timeout_failure(timeout_type: TimeoutType) -> Failure {
    failure::timeout(format!("activity {} timeout", retry::timeout_name(timeout_type)), timeout_type)
}

/// The failure of an activity that a timeout closes with this retry state. `last_failure` is what the attempt before the
/// one that timed out failed with; it becomes the cause. `heartbeat_details` is what the latest heartbeat said.
///
/// A start-to-close or heartbeat timeout that would have been retried had there been time turns into a schedule-to-close
/// timeout.
pub(crate) fn closing_timeout_failure(
    timeout_type: TimeoutType,
    retry_state: RetryState,
    last_failure: Option<Failure>,
    heartbeat_details: Option<Payloads>,
) -> Failure {
    let mut failure = if retry_state == RetryState::Timeout && timeout_type != TimeoutType::ScheduleToStart {
        failure::timeout(
            "Not enough time to schedule next retry before activity ScheduleToClose timeout, \
             giving up retrying",
            TimeoutType::ScheduleToClose,
        )
    } else {
        timeout_failure(timeout_type)
    };
    if let Some(FailureInfo::TimeoutFailureInfo(info)) = &mut failure.failure_info {
        info.last_heartbeat_details = heartbeat_details;
    }
    failure.cause = last_failure.map(Box::new);
    failure
}

/// Whether a failure is a timeout that no further attempt follows.
fn is_timeout_of_the_whole_activity(failure: FailureKind<'_>) -> bool {
    matches!(failure, FailureKind::Timeout(TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose))
}
