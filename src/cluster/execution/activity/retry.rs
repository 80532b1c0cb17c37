//! What a failed or timed out attempt leads to: another attempt, or the end of the activity.

use temporalio_common::protos::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::Failure,
};

use super::pending::PendingActivity;
use crate::{
    clock::Time,
    cluster::failure,
    rules::{
        activity_attempts::{EndedAttempt, closing_timeout_failure, timeout_failure},
        failure_kind::FailureKind,
    },
};

pub(crate) use crate::rules::activity_attempts::NextStep;

/// What ends an activity whose attempt timed out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimedOut {
    /// The failure of the ActivityTaskTimedOut event.
    pub(crate) failure: Failure,
    /// Its retry state.
    pub(crate) retry_state: RetryState,
}

impl PendingActivity {
    /// What follows the failure of the current attempt.
    pub(crate) fn after_failure(&self, failure: Option<&Failure>, now: Time) -> NextStep {
        self.ended(now).after_failure(FailureKind::of(failure))
    }

    /// What follows a timeout of the current attempt or of the whole activity: `Ok` with the failure that the next
    /// attempt will find, or `Err` with how the activity closes.
    pub(crate) fn after_timeout(
        &self,
        timeout_type: TimeoutType,
        now: Time,
    ) -> Result<(NextStep, Failure), Box<TimedOut>> {
        match self.ended(now).after_timeout(timeout_type) {
            NextStep::Close(retry_state) => {
                let (last_failure, details) = (self.last_failure.clone(), self.heartbeat_details.clone());
                let failure = closing_timeout_failure(timeout_type, retry_state, last_failure, details);
                Err(Box::new(TimedOut { failure, retry_state }))
            }
            next => Ok((next, timeout_failure(timeout_type))),
        }
    }

    fn ended(&self, now: Time) -> EndedAttempt<'_> {
        EndedAttempt {
            policy: self.options.retry_policy.as_ref(),
            number: self.attempt,
            at: now,
            expiration: self.retry_expiration_time,
            is_cancel_requested: self.cancel_requested(),
            is_paused: self.pause.is_some(),
        }
    }

    /// Turns the failed attempt into the next one.
    pub(crate) fn begin_next_attempt(&mut self, next: &NextStep, failure: Option<Failure>) {
        self.change_stamp();
        self.attempt = self.attempt.saturating_add(1);
        self.started = None;
        self.last_failure = failure.map(failure::kept);
        if let NextStep::Retry(at) = next {
            self.scheduled_time = *at;
            self.forget_reset();
        }
    }

    /// Puts the current attempt on the task queue anew, at `at`. What the previous one failed with is forgotten.
    pub(crate) fn reschedule(&mut self, at: Time) {
        self.change_stamp();
        self.scheduled_time = at;
        self.started = None;
        self.last_failure = None;
        self.forget_reset();
    }

    fn forget_reset(&mut self) {
        self.last_worker_identity.clone_from(&self.last_started_identity);
        if self.reset_heartbeats {
            self.heartbeat_details = None;
            self.last_heartbeat_time = None;
        }
        self.reset = false;
        self.reset_heartbeats = false;
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::{
        common::v1::{Payload, Payloads},
        enums::v1::RetryState,
        failure::v1::{ApplicationFailureInfo, failure::FailureInfo},
    };

    use super::*;
    use crate::cluster::execution::activity::tests::{activity, at, pause, seconds};

    fn application(message: &str) -> Failure {
        Failure {
            message: message.into(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default())),
            ..Default::default()
        }
    }

    fn non_retryable(message: &str) -> Failure {
        let info = ApplicationFailureInfo { non_retryable: true, ..Default::default() };
        Failure { failure_info: Some(FailureInfo::ApplicationFailureInfo(info)), ..application(message) }
    }

    /// An activity in attempt 2 whose first attempt failed with `first`, changed by `change`.
    fn second_attempt(change: impl FnOnce(&mut PendingActivity)) -> PendingActivity {
        let mut activity = activity(5);
        activity.begin_next_attempt(&NextStep::Retry(at(101)), Some(application("first")));
        change(&mut activity);
        activity
    }

    fn maximum_attempts(activity: &mut PendingActivity, attempts: i32) {
        activity.options.retry_policy.as_mut().expect("it has one").maximum_attempts = attempts;
    }

    mod after_a_failure {
        use super::*;

        fn check(change: impl FnOnce(&mut PendingActivity), failure: &Failure, expected: NextStep) {
            assert_eq!(second_attempt(change).after_failure(Some(failure), at(110)), expected);
        }

        #[test]
        fn the_next_attempt_follows_its_backoff() {
            check(|_| {}, &application("x"), NextStep::Retry(at(112)));
        }

        #[test]
        fn a_cancel_request_comes_before_everything() {
            let change = |activity: &mut PendingActivity| activity.cancel_requested_event_id = Some(9);
            check(change, &application("x"), NextStep::Close(RetryState::CancelRequested));
            check(change, &non_retryable("x"), NextStep::Close(RetryState::CancelRequested));
        }

        #[test]
        fn a_pause_hides_the_maximum_of_attempts_but_not_a_non_retryable_failure() {
            let change = |activity: &mut PendingActivity| {
                activity.pause = Some(pause());
                maximum_attempts(activity, 2);
            };
            check(change, &application("x"), NextStep::RetryAfterUnpause);
            check(change, &non_retryable("x"), NextStep::Close(RetryState::NonRetryableFailure));
        }

        #[test]
        fn the_last_attempt_closes_the_activity() {
            check(
                |activity| maximum_attempts(activity, 2),
                &application("x"),
                NextStep::Close(RetryState::MaximumAttemptsReached),
            );
        }

        #[test]
        fn no_attempt_begins_after_schedule_to_close() {
            let expiring = |seconds| {
                move |activity: &mut PendingActivity| {
                    activity.retry_expiration_time = Some(at(seconds));
                }
            };
            check(expiring(112), &application("x"), NextStep::Retry(at(112)));
            check(expiring(111), &application("x"), NextStep::Close(RetryState::Timeout));
        }
    }

    mod after_a_timeout {
        use super::*;

        /// What closes the activity: timeout type, retry state, message, message of the cause.
        fn check(
            change: impl FnOnce(&mut PendingActivity),
            expired: TimeoutType,
            (timeout_type, retry_state, message): (TimeoutType, RetryState, &str),
        ) {
            let details = Payloads { payloads: vec![Payload::default()] };
            let activity = second_attempt(|activity| {
                activity.heartbeat_details = Some(details.clone());
                change(activity);
            });
            let TimedOut { failure, retry_state: found } =
                *activity.after_timeout(expired, at(110)).expect_err("it should close");
            assert_eq!(found, retry_state);
            assert_eq!(failure.message, message);
            assert_eq!(failure.source, "Server");
            assert_eq!(failure.cause.as_ref().map(|cause| cause.message.as_str()), Some("first"));
            match failure.failure_info {
                Some(FailureInfo::TimeoutFailureInfo(info)) => {
                    assert_eq!(info.timeout_type(), timeout_type);
                    assert_eq!(info.last_heartbeat_details, Some(details));
                }
                other => panic!("expected a timeout, got {other:?}"),
            }
        }

        const NOT_ENOUGH_TIME: &str = "Not enough time to schedule next retry before activity ScheduleToClose \
                                       timeout, giving up retrying";

        #[test]
        fn the_whole_activity_ran_out_of_time() {
            check(
                |_| {},
                TimeoutType::ScheduleToStart,
                (TimeoutType::ScheduleToStart, RetryState::Timeout, "activity ScheduleToStart timeout"),
            );
            check(
                |_| {},
                TimeoutType::ScheduleToClose,
                (TimeoutType::ScheduleToClose, RetryState::Timeout, NOT_ENOUGH_TIME),
            );
        }

        #[test]
        fn after_a_cancel_request_the_type_stays_what_it_was() {
            for (expired, message) in [
                (TimeoutType::ScheduleToClose, "activity ScheduleToClose timeout"),
                (TimeoutType::StartToClose, "activity StartToClose timeout"),
                (TimeoutType::Heartbeat, "activity Heartbeat timeout"),
            ] {
                check(
                    |activity| activity.cancel_requested_event_id = Some(9),
                    expired,
                    (expired, RetryState::CancelRequested, message),
                );
            }
        }

        #[test]
        fn the_last_attempt_keeps_its_type() {
            for (expired, message) in [
                (TimeoutType::StartToClose, "activity StartToClose timeout"),
                (TimeoutType::Heartbeat, "activity Heartbeat timeout"),
            ] {
                check(
                    |activity| maximum_attempts(activity, 2),
                    expired,
                    (expired, RetryState::MaximumAttemptsReached, message),
                );
            }
        }

        #[test]
        fn without_time_for_a_retry_it_turns_into_schedule_to_close() {
            check(
                |activity| activity.retry_expiration_time = Some(at(111)),
                TimeoutType::Heartbeat,
                (TimeoutType::ScheduleToClose, RetryState::Timeout, NOT_ENOUGH_TIME),
            );
        }

        #[test]
        fn a_listed_timeout_is_not_retried() {
            check(
                |activity| {
                    let policy = activity.options.retry_policy.as_mut().expect("it has one");
                    policy.non_retryable_error_types.push("TemporalTimeout:StartToClose".into());
                },
                TimeoutType::StartToClose,
                (TimeoutType::StartToClose, RetryState::NonRetryableFailure, "activity StartToClose timeout"),
            );
        }

        #[test]
        fn otherwise_it_is_retried_and_the_next_attempt_finds_the_timeout() {
            let mut activity =
                second_attempt(|activity| activity.options.start_to_close_timeout = seconds(5));
            let (next, failure) =
                activity.after_timeout(TimeoutType::StartToClose, at(110)).expect("it should be retried");
            assert_eq!(next, NextStep::Retry(at(112)));
            activity.begin_next_attempt(&next, Some(failure));
            assert_eq!(activity.attempt, 3);
            assert_eq!(activity.scheduled_time, at(112));
            assert_eq!(
                activity.last_failure.map(|failure| failure.message),
                Some("activity StartToClose timeout".into())
            );
        }
    }
}
