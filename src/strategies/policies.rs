//! Retry policies, timeouts and activity options.

use std::time::Duration;

use proptest::{option, prelude::*, sample::subsequence};

use super::{delays, durations};
use crate::policy::{ActivityOptions, RetryPolicy, WorkflowTimeouts};

/// An initial interval above this makes the server's default for the maximum interval overflow, which it refuses.
const LONGEST_INITIAL_INTERVAL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The types of application failures that generated scripts throw.
pub fn error_types() -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(vec!["Unavailable", "InvalidArgument", "CardDeclined", ""])
        .prop_map(str::to_owned)
}

/// Retry policies that the server accepts.
pub fn retry_policies() -> impl Strategy<Value = RetryPolicy> + Clone {
    let coefficients = prop_oneof![
        6 => Just(2.0),
        3 => Just(1.0),
        2 => Just(1.5),
        1 => Just(1.1),
        1 => Just(10.0),
        1 => Just(1e9),
    ];
    let attempts = prop_oneof![4 => Just(0_u32), 8 => 1..=6_u32, 1 => Just(u32::MAX)];
    let listed = subsequence(
        vec!["InvalidArgument", "CardDeclined", "TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"],
        0..=2,
    );
    let factor = prop_oneof![Just(1_u32), Just(2), Just(100), 1..=20_u32];
    (
        option::weighted(0.6, durations().prop_map(|initial| initial.min(LONGEST_INITIAL_INTERVAL))),
        coefficients,
        option::weighted(0.4, factor),
        attempts,
        prop_oneof![3 => Just(Vec::new()), 1 => listed],
    )
        .prop_map(|(initial_interval, backoff_coefficient, factor, maximum_attempts, listed)| {
            let initial = initial_interval.unwrap_or(Duration::from_secs(1));
            RetryPolicy {
                initial_interval,
                backoff_coefficient,
                maximum_interval: factor.map(|factor| initial.saturating_mul(factor)),
                maximum_attempts,
                non_retryable_error_types: listed.into_iter().map(str::to_owned).collect(),
            }
        })
}

/// Activity options that the server accepts.
pub fn activity_options() -> impl Strategy<Value = ActivityOptions> + Clone {
    // At least one of start-to-close and schedule-to-close.
    let closing = prop_oneof![
        4 => durations().prop_map(|start| (Some(start), None)),
        3 => (durations(), durations()).prop_map(|(start, schedule)| (Some(start), Some(schedule))),
        2 => durations().prop_map(|schedule| (None, Some(schedule))),
    ];
    (closing, option::weighted(0.2, durations()), option::weighted(0.4, durations()), retry_policies())
        .prop_map(|((start_to_close, schedule_to_close), schedule_to_start, heartbeat, retry_policy)| {
            ActivityOptions {
                schedule_to_close_timeout: schedule_to_close,
                schedule_to_start_timeout: schedule_to_start,
                start_to_close_timeout: start_to_close,
                heartbeat_timeout: heartbeat,
                retry_policy,
            }
        })
}

/// Timeouts of a workflow, mostly none.
pub fn workflow_timeouts() -> impl Strategy<Value = WorkflowTimeouts> + Clone {
    let timeout = || option::weighted(0.3, durations());
    (timeout(), timeout(), option::weighted(0.1, durations())).prop_map(
        |(execution_timeout, run_timeout, task_timeout)| WorkflowTimeouts {
            execution_timeout,
            run_timeout,
            task_timeout,
        },
    )
}

/// Any retry policy at all, also those that the server refuses.
pub fn hostile_retry_policies() -> impl Strategy<Value = RetryPolicy> + Clone {
    let interval = || option::of(any_duration());
    let types = proptest::collection::vec("TemporalTimeout:[A-Za-z]{0,12}|[A-Za-z]{0,6}", 0..3);
    let policy = (interval(), any::<f64>(), interval(), any::<u32>(), types).prop_map(
        |(initial_interval, backoff_coefficient, maximum_interval, maximum_attempts, types)| RetryPolicy {
            initial_interval,
            backoff_coefficient,
            maximum_interval,
            maximum_attempts,
            non_retryable_error_types: types,
        },
    );
    prop_oneof![retry_policies(), policy]
}

/// Any activity options at all, also those that the server refuses.
pub fn hostile_activity_options() -> impl Strategy<Value = ActivityOptions> + Clone {
    let timeout = || option::of(any_duration());
    (timeout(), timeout(), timeout(), timeout(), hostile_retry_policies()).prop_map(
        |(schedule_to_close, schedule_to_start, start_to_close, heartbeat, retry_policy)| ActivityOptions {
            schedule_to_close_timeout: schedule_to_close,
            schedule_to_start_timeout: schedule_to_start,
            start_to_close_timeout: start_to_close,
            heartbeat_timeout: heartbeat,
            retry_policy,
        },
    )
}

fn any_duration() -> impl Strategy<Value = Duration> + Clone {
    prop_oneof![delays(), any::<Duration>(), Just(Duration::MAX)]
}
