//! Retry policies: their defaults, their validation, and what one decides after a failure.
//!
//! Everything here is a pure function of its arguments and total: no policy, failure or instant makes it
//! panic. Activities and workflow executions share the rules; the one difference between them, how a
//! failure's own `next_retry_delay` relates to the policy's maximum interval, is spelt out at
//! [`activity_backoff`] and [`workflow_backoff`].

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    common::v1::RetryPolicy,
    enums::v1::{RetryState, TimeoutType},
};

use super::{durations, failure_kind::FailureKind};
use crate::clock::Time;

/// The initial interval of a policy that sets none.
const DEFAULT_INITIAL_INTERVAL: prost_types::Duration = prost_types::Duration { seconds: 1, nanos: 0 };

/// The backoff coefficient of a policy that sets none.
const DEFAULT_BACKOFF_COEFFICIENT: f64 = 2.0;

/// The maximum interval of a policy that sets none, as a multiple of its initial interval.
const DEFAULT_MAXIMUM_INTERVAL_FACTOR: i64 = 100;

/// How `non_retryable_error_types` names a timeout: this, then the name of the timeout type.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";

/// Why the server refuses a retry policy, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRetryPolicy {
    /// The initial interval is no valid timeout.
    #[error("invalid InitialInterval set on retry policy: {0}")]
    InitialInterval(durations::Invalid),
    /// The interval would shrink from attempt to attempt.
    #[error("BackoffCoefficient cannot be less than 1 on retry policy.")]
    BackoffCoefficientBelowOne,
    /// The maximum interval is no valid timeout.
    #[error("invalid MaximumInterval set on retry policy: {0}")]
    MaximumInterval(durations::Invalid),
    /// The maximum interval is shorter than the first one.
    #[error("MaximumInterval cannot be less than InitialInterval on retry policy.")]
    MaximumIntervalBelowInitial,
    /// A negative number of attempts.
    #[error("MaximumAttempts cannot be negative on retry policy.")]
    NegativeMaximumAttempts,
    /// `TemporalTimeout:` is followed by something that is no timeout type.
    #[error("Invalid timeout type value: {0}.")]
    UnknownTimeoutType(String),
}

/// Fills in what the policy leaves unset: initial interval 1 s, coefficient 2, maximum interval 100 times the
/// initial one. Maximum attempts stay 0, which is no limit.
pub(crate) fn fill_defaults(policy: &mut RetryPolicy) {
    if durations::nanos(policy.initial_interval.as_ref()) == 0 {
        policy.initial_interval = Some(DEFAULT_INITIAL_INTERVAL);
    }
    if durations::nanos(policy.maximum_interval.as_ref()) == 0 {
        // The server multiplies without looking for an overflow: an initial interval of three years gives a
        // negative maximum, which validation then refuses.
        let initial = durations::nanos(policy.initial_interval.as_ref());
        policy.maximum_interval =
            Some(durations::from_nanos(initial.wrapping_mul(DEFAULT_MAXIMUM_INTERVAL_FACTOR)));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = DEFAULT_BACKOFF_COEFFICIENT;
    }
}

/// Checks a policy whose defaults are filled in, and caps its intervals at 100 years.
///
/// A policy that allows a single attempt is never looked at.
pub(crate) fn validate(policy: &mut RetryPolicy) -> Result<(), InvalidRetryPolicy> {
    if policy.maximum_attempts == 1 {
        return Ok(());
    }
    durations::validate(policy.initial_interval.as_mut()).map_err(InvalidRetryPolicy::InitialInterval)?;
    if policy.backoff_coefficient < 1.0 {
        return Err(InvalidRetryPolicy::BackoffCoefficientBelowOne);
    }
    durations::validate(policy.maximum_interval.as_mut()).map_err(InvalidRetryPolicy::MaximumInterval)?;
    let initial = durations::nanos(policy.initial_interval.as_ref());
    let maximum = durations::nanos(policy.maximum_interval.as_ref());
    if maximum > 0 && maximum < initial {
        return Err(InvalidRetryPolicy::MaximumIntervalBelowInitial);
    }
    if policy.maximum_attempts < 0 {
        return Err(InvalidRetryPolicy::NegativeMaximumAttempts);
    }
    let named_timeouts =
        policy.non_retryable_error_types.iter().filter_map(|t| t.strip_prefix(TIMEOUT_PREFIX));
    for name in named_timeouts {
        if !is_timeout_type(name) {
            return Err(InvalidRetryPolicy::UnknownTimeoutType(name.to_owned()));
        }
    }
    Ok(())
}

/// Whether a failure of this kind may be retried at all, whatever the number of attempts.
///
/// * no failure information, or that of an activity, a child workflow, a Nexus operation or a reset: yes;
/// * terminated and canceled: no;
/// * start-to-close and heartbeat timeouts: unless the list names them, as `TemporalTimeout:StartToClose` or
///   `TemporalTimeout:Heartbeat`; the other timeouts: no;
/// * server failures: unless marked non-retryable;
/// * application failures: unless marked non-retryable or the list has their type, spelt exactly so. Causes
///   are not looked at.
pub(crate) fn is_retryable(failure: FailureKind<'_>, non_retryable_error_types: &[String]) -> bool {
    let mut listed = non_retryable_error_types.iter();
    match failure {
        FailureKind::Application { error_type, non_retryable, .. } => {
            !non_retryable && listed.all(|listed| listed != error_type)
        }
        FailureKind::Timeout(retryable @ (TimeoutType::StartToClose | TimeoutType::Heartbeat)) => {
            listed.all(|listed| listed.strip_prefix(TIMEOUT_PREFIX) != Some(timeout_name(retryable)))
        }
        FailureKind::Server { non_retryable } => !non_retryable,
        FailureKind::Timeout(_) | FailureKind::Stopped => false,
        FailureKind::Other => true,
    }
}

/// An attempt that has just failed with a retryable failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailedAttempt<'a> {
    /// Which attempt it was, from 1.
    pub(crate) number: i32,
    /// What it failed with.
    pub(crate) failure: FailureKind<'a>,
    /// When.
    pub(crate) at: Time,
    /// The instant after which no further attempt may begin; `None` if there is none.
    pub(crate) expiration: Option<Time>,
}

/// How long an activity waits before its next attempt, or why there is none.
///
/// A `next_retry_delay` in the failure is taken as it is, above the policy's maximum interval too; a delay of
/// zero gives no retry but [`RetryState::Timeout`].
pub(crate) fn activity_backoff(
    policy: &RetryPolicy,
    failed: FailedAttempt<'_>,
) -> Result<Duration, RetryState> {
    let delay = next_retry_delay(failed.failure);
    let maximum = delay.unwrap_or_else(|| durations::nanos(policy.maximum_interval.as_ref()));
    backoff(policy, failed, delay, maximum)
}

/// How long a workflow execution waits before its next run, or why there is none.
///
/// A `next_retry_delay` in the failure replaces the interval, but the policy's maximum interval still caps it,
/// and takes the place of a delay of zero.
pub(crate) fn workflow_backoff(
    policy: &RetryPolicy,
    failed: FailedAttempt<'_>,
) -> Result<Duration, RetryState> {
    if !is_retryable(failed.failure, &policy.non_retryable_error_types) {
        return Err(RetryState::NonRetryableFailure);
    }
    backoff(
        policy,
        failed,
        next_retry_delay(failed.failure),
        durations::nanos(policy.maximum_interval.as_ref()),
    )
}

/// The policy's interval after the given attempt: `initial_interval * backoff_coefficient ^ (attempt - 1)`,
/// capped at the maximum interval; nothing else is considered.
pub(crate) fn interval_after(policy: &RetryPolicy, attempt: i32) -> Duration {
    let maximum = durations::nanos(policy.maximum_interval.as_ref());
    let interval = exponential(policy, attempt);
    to_duration(if maximum != 0 && (interval <= 0 || interval > maximum) { maximum } else { interval })
}

fn backoff(
    policy: &RetryPolicy,
    failed: FailedAttempt<'_>,
    delay: Option<i64>,
    maximum: i64,
) -> Result<Duration, RetryState> {
    let number = failed.number.max(1);
    if policy.maximum_attempts > 0 && number >= policy.maximum_attempts {
        return Err(RetryState::MaximumAttemptsReached);
    }
    let mut interval = delay.unwrap_or_else(|| exponential(policy, number));
    if maximum == 0 && interval <= 0 {
        return Err(RetryState::Timeout);
    }
    if maximum != 0 && (interval <= 0 || interval > maximum) {
        interval = maximum;
    }
    let interval = to_duration(interval);
    match failed.expiration {
        Some(expiration) if failed.at + interval > expiration => Err(RetryState::Timeout),
        _ => Ok(interval),
    }
}

/// In nanoseconds, computed in floating point as the server does, between 0 and `i64::MAX`.
fn exponential(policy: &RetryPolicy, attempt: i32) -> i64 {
    let initial = durations::nanos(policy.initial_interval.as_ref()) as f64;
    let exponent = attempt.saturating_sub(1).max(0).unsigned_abs();
    let interval = initial * power(policy.backoff_coefficient, exponent);
    // `as` saturates, and takes a NaN for 0.
    (interval as i64).max(0)
}

/// `base ^ exponent` by repeated squaring. Unlike the standard library's `powi` and `powf` it gives the same
/// bits on every platform, and they are the ones that the server's arithmetic gives.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

fn next_retry_delay(failure: FailureKind<'_>) -> Option<i64> {
    match failure {
        FailureKind::Application { next_retry_delay, .. } => next_retry_delay,
        _ => None,
    }
}

fn to_duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// Both spellings that the server knows: `StartToClose` and `TIMEOUT_TYPE_START_TO_CLOSE`.
fn is_timeout_type(name: &str) -> bool {
    [
        TimeoutType::StartToClose,
        TimeoutType::ScheduleToStart,
        TimeoutType::ScheduleToClose,
        TimeoutType::Heartbeat,
    ]
    .into_iter()
    .any(|known| name == timeout_name(known) || name == known.as_str_name())
}

/// The name of a timeout type in messages and in `non_retryable_error_types`.
pub(crate) fn timeout_name(timeout_type: TimeoutType) -> &'static str {
    match timeout_type {
        TimeoutType::Unspecified => "Unspecified",
        TimeoutType::StartToClose => "StartToClose",
        TimeoutType::ScheduleToStart => "ScheduleToStart",
        TimeoutType::ScheduleToClose => "ScheduleToClose",
        TimeoutType::Heartbeat => "Heartbeat",
    }
}

#[cfg(test)]
mod tests;
