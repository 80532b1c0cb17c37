//! How many tasks per second a task queue gives out, as its workers ask for.

use std::time::Duration;

use crate::clock::Time;

/// A rate limiter that keeps the instant from which on the next task may go. Tasks that were not given out in
/// the last second may be made up for at once.
#[derive(Debug)]
pub(super) struct RateLimit {
    pub(super) per_second: f64,
    /// The time between two tasks; `None` if there are no tasks at all.
    interval: Option<Duration>,
    ready: Option<Time>,
}

const BURST: Duration = Duration::from_secs(1);

/// Rates below this one are none.
const SMALLEST: f64 = 1e-9;

impl RateLimit {
    pub(super) fn new(per_second: f64) -> Self {
        let interval = (per_second > SMALLEST)
            .then(|| Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX));
        Self { per_second, interval, ready: None }
    }

    /// The limiter for another rate. What was given out lately counts for no more than one task, and so does a
    /// pause.
    pub(super) fn changed(&self, now: Time, per_second: f64) -> Self {
        let changed = Self::new(per_second);
        let latest = changed.interval.map(|interval| now + interval + BURST);
        let ready = if self.interval.is_none() {
            latest
        } else {
            self.ready.map(|ready| latest.map_or(ready, |latest| ready.min(latest)))
        };
        Self { ready, ..changed }
    }

    /// When the next task may go; `None` if that is never.
    pub(super) fn ready_at(&self, now: Time) -> Option<Time> {
        self.interval?;
        Some(self.ready.map_or(now, |ready| ready.max(now)))
    }

    /// A task has gone.
    pub(super) fn consume(&mut self, now: Time) {
        if let Some(interval) = self.interval {
            let earliest = Time::from_nanos(now.as_nanos() - BURST.as_nanos() as i128);
            self.ready = Some(self.ready.map_or(earliest, |ready| ready.max(earliest)) + interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: i128) -> Time {
        Time::from_nanos(milliseconds * 1_000_000)
    }

    /// When each of so many tasks goes that all wait from the beginning, in milliseconds.
    fn schedule(mut limit: RateLimit, tasks: usize) -> Vec<i128> {
        let mut now = at(10_000);
        let mut times = Vec::new();
        for _ in 0..tasks {
            now = limit.ready_at(now).expect("a time");
            limit.consume(now);
            times.push(now.since(at(10_000)).as_millis() as i128);
        }
        times
    }

    #[test]
    fn a_second_of_tasks_goes_at_once_and_the_rest_at_the_rate() {
        assert_eq!(schedule(RateLimit::new(2.0), 6), [0, 0, 0, 500, 1000, 1500]);
        assert_eq!(schedule(RateLimit::new(0.5), 3), [0, 1000, 3000]);
    }

    #[test]
    fn a_rate_of_zero_gives_out_nothing() {
        assert_eq!(RateLimit::new(0.0).ready_at(at(0)), None);
    }

    #[test]
    fn a_higher_rate_takes_effect_at_once() {
        let mut limit = RateLimit::new(0.001);
        limit.consume(at(0));
        limit.consume(at(0));
        assert_eq!(limit.ready_at(at(0)), Some(at(1_999_000)));
        assert_eq!(limit.changed(at(0), 10.0).ready_at(at(0)), Some(at(1_100)));
    }
}
