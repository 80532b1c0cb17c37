//! How fast time is skipped when nobody takes notice.
//!
//! A workflow with a cron schedule and a timeout begins again and again, whether or not a worker has ever seen it, and there is
//! always another instant to skip to. Without a bound a server that skips time would do nothing else, as fast as it can, and
//! fill its memory with what comes of it.

use std::time::Duration;

use crate::server::wall_clock::Wall;

/// So many skips in a row may go unnoticed.
const UNNOTICED: u32 = 1000;
/// The same while somebody sleeps, and wants to see what has come of everything until then.
const UNNOTICED_SLEEPING: u32 = 100_000;
/// From there on time is skipped only so often.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counts the skips that nobody takes notice of. Whoever asks for tasks takes none, unless there is one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    unnoticed: u32,
    last: Option<Wall>,
}

impl Pace {
    /// Somebody has called, or got a task.
    pub(super) fn noticed(&mut self) {
        self.unnoticed = 0;
    }

    /// Time was skipped.
    pub(super) fn skipped(&mut self, wall: Wall) {
        self.unnoticed = self.unnoticed.saturating_add(1);
        self.last = Some(wall);
    }

    /// When time may be skipped next; `None` if at once. `sleeping` is whether somebody sleeps.
    pub(super) fn next(&self, sleeping: bool) -> Option<Wall> {
        let most = if sleeping { UNNOTICED_SLEEPING } else { UNNOTICED };
        self.last.filter(|_| self.unnoticed >= most).map(|last| last + INTERVAL)
    }
}
