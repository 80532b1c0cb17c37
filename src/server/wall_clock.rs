//! The machine's clock. Nothing else in this crate reads it.

use std::time::{Duration, SystemTime};

use crate::clock::Time;

/// An instant of the machine's clock, as opposed to one of the cluster's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wall(pub(super) Time);

impl Wall {
    /// How long after `earlier` this is; zero if it is not.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }
}

impl std::ops::Add<Duration> for Wall {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// Reads the machine's clock.
///
/// When somebody sets it back, time goes on from where it was: a deadline that was an hour away still is.
#[derive(Debug)]
pub(super) struct WallClock {
    last_read: Time,
    /// How far it has been set back so far.
    set_back: Duration,
}

impl WallClock {
    pub(super) fn start() -> Self {
        Self { last_read: read(), set_back: Duration::ZERO }
    }

    /// The time, which is never earlier than it was.
    pub(super) fn now(&mut self) -> Wall {
        self.read_as(read())
    }

    fn read_as(&mut self, read: Time) -> Wall {
        self.set_back += self.last_read.since(read);
        self.last_read = read;
        Wall(read + self.set_back)
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is on real time, and this is where it comes from")]
fn read() -> Time {
    Time::from_system_time(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_goes_on() {
        let at = Time::from_nanos;
        let mut clock = WallClock { last_read: at(0), set_back: Duration::ZERO };
        let read = [5, 9, 2, 3, 1, 8].map(|nanos| clock.read_as(at(nanos)).0.as_nanos());
        assert_eq!(read, [5, 9, 9, 10, 10, 17]);
    }
}
