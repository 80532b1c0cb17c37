//! Whether a local activity is tried again, which the worker decides by itself.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{ApplicationFailureInfo, failure::FailureInfo},
};

use super::{LocalActivity, LocalActivityOutcome};
use crate::clock::duration;

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterAttempt {
    /// Report it: it is the result.
    Report,
    /// Try again after this time, without telling the workflow.
    TryAgain(Duration),
    /// Report it, with this as [`super::LocalActivityResult::backoff`]: the wait is longer than
    /// [`LocalActivity::local_retry_threshold`], so the workflow spends it on a timer.
    BackOff(Duration),
}

impl LocalActivity {
    /// What to do after the given attempt, the first being 1. Failures and start-to-close timeouts are
    /// retried, other timeouts, results and cancellations are not.
    pub(crate) fn after_attempt(&self, attempt: u32, outcome: &LocalActivityOutcome) -> AfterAttempt {
        let failure = match outcome {
            LocalActivityOutcome::Failed(failed) => failed.failure.as_ref(),
            LocalActivityOutcome::TimedOut(timed_out)
                if timed_out.failure.as_ref().and_then(|failure| match &failure.failure_info {
                    Some(FailureInfo::TimeoutFailureInfo(info)) => Some(info.timeout_type()),
                    _ => None,
                }) == Some(TimeoutType::StartToClose) =>
            {
                timed_out.failure.as_ref()
            }
            _ => return AfterAttempt::Report,
        };
        let application = match failure.and_then(|failure| failure.failure_info.as_ref()) {
            Some(FailureInfo::ApplicationFailureInfo(info)) => Some(info),
            _ => None,
        };
        match self.backoff(attempt.max(1), application) {
            None => AfterAttempt::Report,
            Some(wait) if wait > self.local_retry_threshold => AfterAttempt::BackOff(wait),
            Some(wait) => AfterAttempt::TryAgain(wait),
        }
    }

    /// How long to wait before the next attempt; `None` if there is none.
    ///
    /// Unset, or invalid, the policy's fields are: 1 s, coefficient 2, a hundred times the initial interval,
    /// any number of attempts.
    fn backoff(&self, attempt: u32, failure: Option<&ApplicationFailureInfo>) -> Option<Duration> {
        let policy = &self.retry_policy;
        let maximum_attempts = u32::try_from(policy.maximum_attempts).unwrap_or(0);
        if maximum_attempts > 0 && attempt >= maximum_attempts {
            return None;
        }
        if failure.is_some_and(|failure| failure.non_retryable) {
            return None;
        }
        let failure_type = failure.map_or("", |failure| &failure.r#type).to_lowercase();
        if policy.non_retryable_error_types.iter().any(|own| own.to_lowercase() == failure_type) {
            return None;
        }
        if let Some(wait) = failure.and_then(|failure| failure.next_retry_delay.as_ref()) {
            return Some(duration(Some(wait)));
        }
        let initial = policy
            .initial_interval
            .as_ref()
            .map_or(Duration::from_secs(1), |interval| duration(Some(interval)));
        if attempt == 1 {
            return Some(initial);
        }
        let maximum = policy
            .maximum_interval
            .as_ref()
            .map_or(initial.saturating_mul(100), |interval| duration(Some(interval)).max(initial));
        let coefficient = if policy.backoff_coefficient >= 1.0 { policy.backoff_coefficient } else { 2.0 };
        let factor = i32::try_from(attempt - 1).ok().map(|exponent| coefficient.powi(exponent));
        let wait = factor
            .and_then(|factor| Duration::try_from_secs_f64(initial.as_secs_f64() * factor).ok())
            .unwrap_or(maximum);
        Some(wait.min(maximum))
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::{
        coresdk::{
            activity_result::{Failure as Failed, Success},
            workflow_commands::ScheduleLocalActivity,
        },
        temporal::api::{common::v1::RetryPolicy, failure::v1::Failure},
    };

    use super::*;
    use crate::clock::{Time, to_proto};

    const SECOND: Duration = Duration::from_secs(1);

    fn activity(retry_policy: RetryPolicy) -> LocalActivity {
        let command = ScheduleLocalActivity {
            start_to_close_timeout: Some(to_proto(SECOND)),
            retry_policy: Some(retry_policy),
            ..Default::default()
        };
        LocalActivity::new(command, Time::default()).expect("it has a timeout")
    }

    fn failed(info: ApplicationFailureInfo) -> LocalActivityOutcome {
        LocalActivityOutcome::Failed(Failed {
            failure: Some(Failure {
                failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    #[test]
    fn waits_double_until_they_are_worth_a_timer() {
        let activity = activity(RetryPolicy::default());
        let failure = failed(ApplicationFailureInfo::default());
        let after = |attempt| activity.after_attempt(attempt, &failure);
        assert_eq!(after(1), AfterAttempt::TryAgain(SECOND));
        assert_eq!(after(2), AfterAttempt::TryAgain(2 * SECOND));
        assert_eq!(after(6), AfterAttempt::TryAgain(32 * SECOND));
        assert_eq!(after(7), AfterAttempt::BackOff(64 * SECOND));
        assert_eq!(after(u32::MAX), AfterAttempt::BackOff(100 * SECOND));
    }

    #[test]
    fn what_is_not_tried_again() {
        let once = activity(RetryPolicy { maximum_attempts: 1, ..Default::default() });
        let picky = activity(RetryPolicy {
            non_retryable_error_types: vec!["Declined".into()],
            ..Default::default()
        });
        let declined = failed(ApplicationFailureInfo { r#type: "declined".into(), ..Default::default() });
        let fatal = failed(ApplicationFailureInfo { non_retryable: true, ..Default::default() });
        let any = failed(ApplicationFailureInfo::default());
        for (activity, outcome) in [
            (&once, &any),
            (&picky, &declined),
            (&picky, &fatal),
            (&picky, &LocalActivityOutcome::Completed(Success::default())),
            (&picky, &LocalActivityOutcome::cancelled()),
            (&picky, &LocalActivityOutcome::timed_out(TimeoutType::ScheduleToClose)),
        ] {
            assert_eq!(activity.after_attempt(1, outcome), AfterAttempt::Report, "{outcome:?}");
        }
        let slow = LocalActivityOutcome::timed_out(TimeoutType::StartToClose);
        assert_eq!(picky.after_attempt(1, &slow), AfterAttempt::TryAgain(SECOND));
    }

    #[test]
    fn a_failure_can_say_when() {
        let activity = activity(RetryPolicy::default());
        let info =
            ApplicationFailureInfo { next_retry_delay: Some(to_proto(90 * SECOND)), ..Default::default() };
        assert_eq!(activity.after_attempt(1, &failed(info)), AfterAttempt::BackOff(90 * SECOND));
    }
}
