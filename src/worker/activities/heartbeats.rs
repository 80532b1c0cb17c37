//! When the heartbeats of one activity attempt go to the server.
//!
//! The first one goes at once. After each report, further ones are held back for the throttle interval and
//! only the latest of them is reported when it ends.

use std::time::Duration;

use temporalio_common::protos::temporal::api::common::v1::Payload;

use crate::clock::Time;

/// The heartbeats of one attempt. Knows no clock and sends nothing itself.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    interval: Duration,
    state: State,
    /// The latest details that were recorded while no report could go out.
    held_back: Option<Vec<Payload>>,
    /// The latest details of all.
    last: Option<Vec<Payload>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// The next heartbeat goes out at once.
    Free,
    /// A report is on its way since this time.
    Reporting { since: Time },
    /// No report goes out before this time.
    Throttled { until: Time },
}

impl Heartbeats {
    /// Throttles at 80 % of the heartbeat timeout, at `default_interval` if there is none, and at most at
    /// `max_interval`.
    pub(crate) fn new(
        heartbeat_timeout: Option<Duration>,
        default_interval: Duration,
        max_interval: Duration,
    ) -> Self {
        let interval = match heartbeat_timeout {
            Some(timeout) if timeout.as_millis() > 0 => timeout.mul_f64(0.8),
            _ => default_interval,
        };
        Self { interval: interval.min(max_interval), state: State::Free, held_back: None, last: None }
    }

    /// The activity recorded a heartbeat; gives what to report now, if anything.
    pub(crate) fn record(&mut self, now: Time, details: Vec<Payload>) -> Option<Vec<Payload>> {
        self.last = Some(details.clone());
        if self.state == State::Free {
            self.state = State::Reporting { since: now };
            return Some(details);
        }
        self.held_back = Some(details);
        None
    }

    /// The server answered the report.
    pub(crate) fn reported(&mut self, now: Time) {
        if let State::Reporting { since } = self.state {
            self.state = State::Throttled { until: (since + self.interval).max(now) };
        }
    }

    /// When to call [`Self::throttle_ended`].
    pub(crate) fn throttled_until(&self) -> Option<Time> {
        match self.state {
            State::Throttled { until } => Some(until),
            _ => None,
        }
    }

    /// The interval has passed; gives what to report now, if anything.
    pub(crate) fn throttle_ended(&mut self, now: Time) -> Option<Vec<Payload>> {
        let details = self.held_back.take();
        self.state = if details.is_some() { State::Reporting { since: now } } else { State::Free };
        details
    }

    /// What was recorded and never reported. The attempt is over.
    pub(crate) fn take_held_back(&mut self) -> Option<Vec<Payload>> {
        self.held_back.take()
    }

    /// The latest details, reported or not.
    pub(crate) fn take_last(&mut self) -> Option<Vec<Payload>> {
        self.last.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn at(seconds: i128) -> Time {
        Time::from_nanos(seconds * SECOND)
    }

    fn details(name: &str) -> Vec<Payload> {
        vec![Payload { data: name.into(), ..Default::default() }]
    }

    fn heartbeats(timeout: Option<u64>) -> Heartbeats {
        let seconds = Duration::from_secs;
        Heartbeats::new(timeout.map(seconds), seconds(30), seconds(60))
    }

    #[test]
    fn the_first_goes_at_once_and_the_latest_of_the_rest_after_the_interval() {
        let mut heartbeats = heartbeats(Some(10));
        assert_eq!(heartbeats.record(at(100), details("1")), Some(details("1")));
        assert_eq!(heartbeats.record(at(101), details("2")), None);
        heartbeats.reported(at(101));
        assert_eq!(heartbeats.throttled_until(), Some(at(108)), "80 % of 10 s after the report was sent");
        assert_eq!(heartbeats.record(at(102), details("3")), None);
        assert_eq!(heartbeats.throttle_ended(at(108)), Some(details("3")));
        heartbeats.reported(at(108));
        assert_eq!(heartbeats.throttle_ended(at(116)), None);
        assert_eq!(heartbeats.record(at(120), details("4")), Some(details("4")), "free again");
        assert_eq!(heartbeats.take_last(), Some(details("4")));
    }

    #[test]
    fn without_a_timeout_the_default_interval_holds_and_no_interval_exceeds_the_maximum() {
        for (timeout, interval) in [(None, 30), (Some(0), 30), (Some(5), 4), (Some(1000), 60)] {
            let mut heartbeats = heartbeats(timeout);
            heartbeats.record(at(0), details("1"));
            heartbeats.reported(at(0));
            assert_eq!(heartbeats.throttled_until(), Some(at(interval)), "timeout {timeout:?}");
        }
    }
}
