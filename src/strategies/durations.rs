//! Durations.

use std::time::Duration;

use proptest::{prelude::*, strategy::Union};

/// What the server takes longer timeouts for.
const HUNDRED_YEARS: u64 = 100 * 365 * 24 * 60 * 60;

/// Timeouts and intervals: never zero, mostly a few whole seconds, sometimes a nanosecond off, sometimes a nanosecond or a
/// century.
pub fn durations() -> impl Strategy<Value = Duration> + Clone {
    let extremes = [
        Duration::from_secs(60 * 60),
        Duration::from_secs(24 * 60 * 60),
        Duration::from_secs(30 * 24 * 60 * 60),
        Duration::from_nanos(1),
        Duration::from_secs(HUNDRED_YEARS),
        Duration::from_secs(HUNDRED_YEARS) + Duration::from_nanos(1),
    ];
    Union::new_weighted(vec![
        (12, (1..=8_u64).prop_map(Duration::from_secs).boxed()),
        (3, (1..=120_u64).prop_map(Duration::from_secs).boxed()),
        (
            2,
            // Less than so many seconds by some milliseconds, so that it shrinks to whole seconds.
            (1..=4_u64, 0..1_000_u64)
                .prop_map(|(seconds, less)| Duration::from_millis(seconds * 1_000 - less))
                .boxed(),
        ),
        (
            2,
            (1..=8_u64, -1..=1_i64)
                .prop_map(|(seconds, off)| {
                    Duration::from_nanos((seconds * 1_000_000_000).saturating_add_signed(off))
                })
                .boxed(),
        ),
        (1, proptest::sample::select(extremes.to_vec()).boxed()),
    ])
}

/// How long something takes: zero, or one of [`durations`].
pub fn delays() -> impl Strategy<Value = Duration> + Clone {
    Union::new_weighted(vec![(2, Just(Duration::ZERO).boxed()), (3, durations().boxed())])
}
