//! The attempts of an activity: until when one may last, and what follows one that did not succeed.

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1::{Payloads, RetryPolicy},
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use super::{
    failure,
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

impl AttemptTimes {
    /// The timeouts that are armed, and when they expire, in no particular order.
    ///
    /// | timeout | counts from | while |
    /// |---|---|---|
    /// | schedule-to-start | the scheduled time of the attempt | the attempt is not started |
    /// | schedule-to-close | the first scheduled time | the activity is pending |
    /// | start-to-close | the start of the attempt | the attempt is started |
    /// | heartbeat | the start of the attempt or the latest heartbeat, whichever is later | the attempt is started |
    ///
    /// A timeout of zero is never armed.
    pub(crate) fn timeouts(
        self,
        options: &ActivityOptions,
    ) -> impl Iterator<Item = (TimeoutType, Time)> + use<> {
        let Self { first_scheduled, scheduled, started, last_heartbeat } = self;
        let waiting = if started.is_none() { Some(scheduled) } else { None };
        let alive = started.map(|started| last_heartbeat.map_or(started, |beat| beat.max(started)));
        let timeouts = [
            (TimeoutType::ScheduleToStart, waiting, options.schedule_to_start_timeout),
            (TimeoutType::ScheduleToClose, Some(first_scheduled), options.schedule_to_close_timeout),
            (TimeoutType::StartToClose, started, options.start_to_close_timeout),
            (TimeoutType::Heartbeat, alive, options.heartbeat_timeout),
        ];
        timeouts.into_iter().filter_map(|(timeout_type, from, timeout)| {
            let timeout = clock::duration(timeout.as_ref());
            let from = from.filter(|_| !timeout.is_zero())?;
            Some((timeout_type, from + timeout))
        })
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

/// What ends an activity whose attempt timed out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimedOut {
    /// The failure of the ActivityTaskTimedOut event.
    pub(crate) failure: Failure,
    /// Its retry state.
    pub(crate) retry_state: RetryState,
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
    pub(crate) fn after_failure(self, failure: Option<&Failure>) -> NextStep {
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

    /// What follows if it timed out, or the whole activity did: `Ok` with the failure that the next attempt will
    /// find, or `Err` with how the activity closes. `last_failure` is what the attempt before this one failed with,
    /// `heartbeat_details` what the latest heartbeat said.
    ///
    /// A closing start-to-close or heartbeat timeout that would have been retried had there been time turns into a
    /// schedule-to-close timeout. The cause is the failure of the attempt *before* the one that timed out.
    pub(crate) fn after_timeout(
        self,
        timeout_type: TimeoutType,
        last_failure: Option<&Failure>,
        heartbeat_details: Option<&Payloads>,
    ) -> Result<(NextStep, Failure), Box<TimedOut>> {
        let name = retry::timeout_name(timeout_type);
        let mut failure = failure::timeout(format!("activity {name} timeout"), timeout_type);
        let retry_state = match self.after_failure(Some(&failure)) {
            NextStep::Close(retry_state) => retry_state,
            next => return Ok((next, failure)),
        };
        if retry_state == RetryState::Timeout && timeout_type != TimeoutType::ScheduleToStart {
            failure = failure::timeout(
                "Not enough time to schedule next retry before activity ScheduleToClose timeout, \
                 giving up retrying",
                TimeoutType::ScheduleToClose,
            );
        }
        if let Some(FailureInfo::TimeoutFailureInfo(info)) = &mut failure.failure_info {
            info.last_heartbeat_details = heartbeat_details.cloned();
        }
        failure.cause = last_failure.cloned().map(Box::new);
        Err(Box::new(TimedOut { failure, retry_state }))
    }
}

fn is_timeout_of_the_whole_activity(failure: Option<&Failure>) -> bool {
    match failure.and_then(|failure| failure.failure_info.as_ref()) {
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            matches!(info.timeout_type(), TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose)
        }
        _ => false,
    }
}
