//! Retry policies: their defaults, what makes them invalid, what they do not retry, and how long they wait.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    common::v1::RetryPolicy,
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use crate::clock::{self, Time};

/// How the types of a policy's non-retryable errors name a timeout.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";

/// Fills in what a policy leaves open: 1 s, doubling, at most 100 times the first interval, without end.
pub(crate) fn with_defaults(mut policy: RetryPolicy) -> RetryPolicy {
    if policy.initial_interval.is_none_or(|interval| interval == prost_types::Duration::default()) {
        policy.initial_interval = Some(clock::to_proto(Duration::from_secs(1)));
    }
    if policy.maximum_interval.is_none_or(|interval| interval == prost_types::Duration::default()) {
        let initial = clock::duration(policy.initial_interval.as_ref());
        policy.maximum_interval = Some(clock::to_proto(initial.saturating_mul(100)));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = 2.0;
    }
    policy
}

/// Says what is wrong with a policy that has its defaults. A policy of one attempt is never wrong.
pub(crate) fn check(policy: &RetryPolicy) -> Result<(), String> {
    if policy.maximum_attempts == 1 {
        return Ok(());
    }
    if policy.initial_interval.as_ref().is_some_and(is_negative) {
        return Err("invalid InitialInterval set on retry policy: negative duration".to_owned());
    }
    if policy.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    if policy.maximum_interval.as_ref().is_some_and(is_negative) {
        return Err("invalid MaximumInterval set on retry policy: negative duration".to_owned());
    }
    let maximum = clock::duration(policy.maximum_interval.as_ref());
    if !maximum.is_zero() && maximum < clock::duration(policy.initial_interval.as_ref()) {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".to_owned());
    }
    if policy.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".to_owned());
    }
    for timeout in
        policy.non_retryable_error_types.iter().filter_map(|name| name.strip_prefix(TIMEOUT_PREFIX))
    {
        if !TIMEOUT_NAMES.iter().any(|&(_, name)| name == timeout) {
            return Err(format!("Invalid timeout type value: {timeout}."));
        }
    }
    Ok(())
}

const TIMEOUT_NAMES: [(TimeoutType, &str); 5] = [
    (TimeoutType::Unspecified, "Unspecified"),
    (TimeoutType::StartToClose, "StartToClose"),
    (TimeoutType::ScheduleToStart, "ScheduleToStart"),
    (TimeoutType::ScheduleToClose, "ScheduleToClose"),
    (TimeoutType::Heartbeat, "Heartbeat"),
];

/// Whether a duration is less than nothing.
pub(crate) fn is_negative(duration: &prost_types::Duration) -> bool {
    duration.seconds < 0 || duration.nanos < 0
}

/// Whether a failure may be retried at all. Its causes are not looked at.
pub(crate) fn is_retryable(failure: Option<&Failure>, non_retryable_error_types: &[String]) -> bool {
    let listed = |name: &str| non_retryable_error_types.iter().any(|listed| listed == name);
    match failure.and_then(|failure| failure.failure_info.as_ref()) {
        Some(FailureInfo::TerminatedFailureInfo(_) | FailureInfo::CanceledFailureInfo(_)) => false,
        Some(FailureInfo::TimeoutFailureInfo(info)) => match info.timeout_type() {
            TimeoutType::StartToClose => !listed("TemporalTimeout:StartToClose"),
            TimeoutType::Heartbeat => !listed("TemporalTimeout:Heartbeat"),
            _ => false,
        },
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::ApplicationFailureInfo(info)) => !info.non_retryable && !listed(&info.r#type),
        _ => true,
    }
}

/// The delay that a failure itself asks for before the next attempt.
pub(crate) fn next_retry_delay(failure: Option<&Failure>) -> Option<Duration> {
    match failure?.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) => {
            info.next_retry_delay.as_ref().map(|delay| clock::duration(Some(delay)))
        }
        _ => None,
    }
}

/// The interval after an attempt, from 1 on, before the maximum interval is applied.
pub(crate) fn exponential_interval(policy: &RetryPolicy, attempt: i32) -> Duration {
    let initial = clock::duration(policy.initial_interval.as_ref());
    let factor = policy.backoff_coefficient.powi(attempt.saturating_sub(1).max(0));
    let nanos = (initial.as_nanos() as f64 * factor).trunc();
    if nanos.is_nan() || nanos <= 0.0 {
        Duration::ZERO
    } else {
        // The server counts nanoseconds in 63 bits.
        Duration::from_nanos(nanos.min(i64::MAX as f64) as u64)
    }
}

/// How long a run waits after a failed attempt until the next one, or why there is none.
pub(crate) fn workflow_retry_interval(
    policy: &RetryPolicy,
    attempt: i32,
    failure: Option<&Failure>,
    now: Time,
    expiration: Option<Time>,
) -> Result<Duration, RetryState> {
    if !is_retryable(failure, &policy.non_retryable_error_types) {
        return Err(RetryState::NonRetryableFailure);
    }
    if policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts {
        return Err(RetryState::MaximumAttemptsReached);
    }
    let maximum = clock::duration(policy.maximum_interval.as_ref());
    let mut interval = next_retry_delay(failure).unwrap_or_else(|| exponential_interval(policy, attempt));
    if maximum.is_zero() {
        if interval.is_zero() {
            return Err(RetryState::Timeout);
        }
    } else if interval.is_zero() || interval > maximum {
        interval = maximum;
    }
    if expiration.is_some_and(|expiration| now + interval > expiration) {
        return Err(RetryState::Timeout);
    }
    Ok(interval)
}
