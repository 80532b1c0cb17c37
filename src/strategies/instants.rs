//! Points in virtual time, and how they follow one another.

use std::time::Duration;

use proptest::{collection, prelude::*, sample::select, strategy::Union};

/// Points in time from zero to `horizon`: whole seconds, mostly, and if there are points `near` which something changes (a
/// deadline, a timeout, the end of an outage), these, and a nanosecond, a millisecond and a second before and after them.
pub fn instants(horizon: Duration, near: &[Duration]) -> impl Strategy<Value = Duration> + Clone + use<> {
    let seconds = (0..=horizon.as_secs()).prop_map(Duration::from_secs).boxed();
    if near.is_empty() {
        return seconds;
    }
    let off = [1_000_000_000, 1_000_000, 1].map(Duration::from_nanos);
    let offsets: Vec<(bool, Duration)> = [(true, Duration::ZERO)]
        .into_iter()
        .chain(off.map(|by| (true, by)))
        .chain(off.map(|by| (false, by)))
        .collect();
    let near = (select(near.to_vec()), select(offsets)).prop_map(|(point, (is_after, by))| {
        if is_after { point.saturating_add(by) } else { point.saturating_sub(by) }
    });
    Union::new_weighted(vec![(2, seconds), (3, near.boxed())]).boxed()
}

/// When things arrive within a time, at most so many, in order: evenly, in bursts of several at the same instant, at random
/// as customers do (with exponentially distributed gaps), or in bursts with long lulls between them. They shrink to few that
/// come a second apart.
pub fn arrivals(within: Duration, most: usize) -> impl Strategy<Value = Vec<Duration>> + Clone + use<> {
    let most = most.max(1);
    let seconds = within.as_secs().max(1);
    let count = 0..=most;
    let every = (seconds / most as u64).max(1);
    let evenly = (count.clone(), 1..=every).prop_map(|(count, every)| {
        (0..count as u64).map(|index| Duration::from_secs(index.saturating_mul(every))).collect::<Vec<_>>()
    });
    let burst = (0..=seconds, 1..=most.min(8)).prop_map(|(at, size)| vec![Duration::from_secs(at); size]);
    let bursts = collection::vec(burst, 0..=most.div_ceil(4)).prop_map(|bursts| bursts.concat());
    // A draw of a thousand is as precise as an arrival has to be.
    let mean = within.as_secs_f64() / most as f64;
    let gap = (0..1000_u32).prop_map(move |draw| {
        let gap = -mean * (1.0 - f64::from(draw) / 1000.0).ln();
        Duration::from_millis((gap * 1000.0) as u64)
    });
    let at_random = collection::vec(gap, count).prop_map(summed);
    let lull = (1..=3_u64, 1..=most.min(5)).prop_map(move |(quarters, size)| {
        let mut gaps = vec![Duration::ZERO; size];
        gaps[0] = Duration::from_secs(seconds * quarters / 4);
        gaps
    });
    let lulls = collection::vec(lull, 0..=most.div_ceil(3)).prop_map(|lulls| summed(lulls.concat()));
    let arrivals = Union::new_weighted(vec![
        (2, evenly.boxed()),
        (2, bursts.boxed()),
        (3, at_random.boxed()),
        (1, lulls.boxed()),
    ]);
    arrivals.prop_map(move |mut arrivals| {
        arrivals.retain(|at| *at <= within);
        arrivals.sort_unstable();
        arrivals.truncate(most);
        arrivals
    })
}

/// Each gap after the ones before it.
fn summed(gaps: Vec<Duration>) -> Vec<Duration> {
    let mut now = Duration::ZERO;
    gaps.into_iter()
        .map(|gap| {
            now = now.saturating_add(gap);
            now
        })
        .collect()
}
