//! What becomes of attempts.

use std::time::Duration;

use proptest::{bool, collection, option, prelude::*};

use super::{delays, durations, error_types};
use crate::policy::{AttemptFailure, AttemptOutcome, Ending, Heartbeats};

/// What attempts fail with: mostly something that may be retried.
pub fn attempt_failures() -> impl Strategy<Value = AttemptFailure> + Clone {
    (error_types(), bool::weighted(0.1), option::weighted(0.2, delays())).prop_map(
        |(error_type, non_retryable, next_retry_delay)| AttemptFailure {
            error_type,
            message: String::new(),
            non_retryable,
            next_retry_delay,
        },
    )
}

/// What becomes of one attempt.
pub fn attempt_outcomes() -> impl Strategy<Value = AttemptOutcome> + Clone {
    let ending = prop_oneof![
        3 => delays().prop_map(|after| Ending::Succeed { after }),
        6 => (delays(), attempt_failures()).prop_map(|(after, failure)| Ending::Fail { after, failure }),
        2 => Just(Ending::Hang),
        1 => delays().prop_map(|after| Ending::WorkerLost { after }),
    ];
    let starts_after = prop_oneof![
        10 => Just(Some(Duration::ZERO)),
        3 => delays().prop_map(Some),
        1 => Just(None),
    ];
    let heartbeats =
        (durations(), option::of(delays())).prop_map(|(every, stop_after)| Heartbeats { every, stop_after });
    (starts_after, option::weighted(0.3, heartbeats), ending)
        .prop_map(|(starts_after, heartbeats, ending)| AttemptOutcome { starts_after, heartbeats, ending })
}

/// What becomes of the attempts of an activity, one after the other: at least one, at most `most`.
pub fn scripts(most: usize) -> impl Strategy<Value = Vec<AttemptOutcome>> + Clone {
    collection::vec(attempt_outcomes(), 1..=most.max(1))
}
