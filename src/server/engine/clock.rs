//! The cluster's time, made of the machine's.

use std::time::Duration;

use crate::{clock::Time, server::wall_clock::Wall};

/// The cluster's clock: it goes as the machine's does, and is ahead of it by whatever was skipped.
#[derive(Debug)]
pub(super) struct Clock {
    /// What has been skipped so far, in nanoseconds.
    ahead: i128,
    /// The last time that was given out.
    last: Time,
    /// How many locks keep time from being skipped; `None` if it never is.
    locks: Option<u32>,
}

/// There is no lock that could be taken away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotLocked;

impl Clock {
    /// A clock that goes as the machine's does, but begins no earlier than at `start`.
    pub(super) fn new(wall: Wall, start: Option<Time>, locks: Option<u32>) -> Self {
        let behind = start.map_or(0, |start| start.as_nanos() - wall.0.as_nanos());
        Self { ahead: behind.max(0), last: start.unwrap_or(wall.0), locks }
    }

    /// The cluster's time. It is later each time it is asked for, if only by a nanosecond: no two things happen at one
    /// instant, so that their order is that of their times.
    pub(super) fn now(&mut self, wall: Wall) -> Time {
        let next = Time::from_nanos(self.last.as_nanos().saturating_add(1));
        self.last = Time::from_nanos(wall.0.as_nanos().saturating_add(self.ahead)).max(next);
        self.last
    }

    /// The machine's time at which the cluster's is this one, if nothing is skipped until then.
    pub(super) fn wall_at(&self, time: Time) -> Wall {
        Wall(Time::from_nanos(time.as_nanos().saturating_sub(self.ahead)))
    }

    /// Skips to a time, if that is not over.
    pub(super) fn skip_to(&mut self, wall: Wall, time: Time) {
        self.ahead = self.ahead.max(time.as_nanos().saturating_sub(wall.0.as_nanos()));
    }

    /// Whether time may ever be skipped.
    pub(super) fn can_skip(&self) -> bool {
        self.locks.is_some()
    }

    /// Whether no lock keeps time from being skipped.
    pub(super) fn is_unlocked(&self) -> bool {
        self.locks == Some(0)
    }

    /// Takes one more lock.
    pub(super) fn lock(&mut self) {
        self.locks = self.locks.map(|locks| locks.saturating_add(1));
    }

    /// Takes one lock away.
    pub(super) fn unlock(&mut self) -> Result<(), NotLocked> {
        match &mut self.locks {
            Some(locks @ 1..) => {
                *locks -= 1;
                Ok(())
            }
            _ => Err(NotLocked),
        }
    }
}

/// Nobody sleeps longer than this at a time.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(nanos: i128) -> Wall {
        Wall(Time::from_nanos(nanos))
    }

    #[test]
    fn what_was_skipped_stays_skipped() {
        let mut clock = Clock::new(wall(100), None, Some(0));
        assert_eq!(clock.now(wall(110)).as_nanos(), 110);
        clock.skip_to(wall(110), Time::from_nanos(1110));
        assert_eq!(clock.now(wall(120)).as_nanos(), 1120);
        assert_eq!(clock.wall_at(Time::from_nanos(1130)), wall(130));
        clock.skip_to(wall(130), Time::from_nanos(1));
        assert_eq!(clock.now(wall(130)).as_nanos(), 1130);
    }

    #[test]
    fn no_instant_is_given_out_twice() {
        let mut clock = Clock::new(wall(100), Some(Time::from_nanos(500)), None);
        let times = [100, 100, 102].map(|nanos| clock.now(wall(nanos)).as_nanos());
        assert_eq!(times, [501, 502, 503]);
    }

    #[test]
    fn an_unlock_without_a_lock_is_refused() {
        let mut clock = Clock::new(wall(0), None, Some(1));
        assert_eq!((clock.unlock(), clock.unlock()), (Ok(()), Err(NotLocked)));
        assert!(clock.is_unlocked());
        clock.lock();
        assert!(!clock.is_unlocked());
        assert_eq!(Clock::new(wall(0), None, None).unlock(), Err(NotLocked));
    }
}
