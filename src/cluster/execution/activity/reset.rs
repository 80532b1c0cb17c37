//! Resetting an activity to its first attempt. No event is written.

use std::time::Duration;

use super::start::scheduled_attributes;
use crate::cluster::execution::Transaction;

/// What a reset does besides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reset {
    /// The heartbeat details are forgotten: at once, or when the running attempt ends.
    pub(crate) reset_heartbeat: bool,
    /// A paused activity stays paused.
    pub(crate) keep_paused: bool,
    /// The options become those of the ActivityTaskScheduled event again.
    pub(crate) restore_original_options: bool,
    /// An attempt that waits is put on its task queue within this time.
    pub(crate) jitter: Duration,
}

impl Transaction<'_> {
    /// Resets an activity to its first attempt. A running attempt goes on and learns of the reset from its next heartbeat;
    /// if it is not the first one, its answers are no longer accepted. An attempt that waits is put on its task queue.
    pub(crate) fn reset_activity(&mut self, scheduled_event_id: i64, reset: Reset) {
        let original = match reset.restore_original_options {
            true => scheduled_attributes(self.run, scheduled_event_id).map(super::options::of_event),
            false => None,
        };
        let jitter = self.random_offset(reset.jitter);
        let now = self.now;
        let waits = self.run.activities.update(scheduled_event_id, |activity| {
            activity.attempt = 1;
            activity.reset = true;
            activity.reset_heartbeats |= reset.reset_heartbeat;
            if let Some(original) = original {
                activity.set_options(original);
            }
            let unpaused = !reset.keep_paused && activity.pause.take().is_some();
            if unpaused {
                activity.change_stamp();
            }
            let waits = activity.waits() && activity.pause.is_none();
            if waits {
                activity.reschedule(now + jitter);
            }
            waits
        });
        if waits == Some(true) {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
        self.update_pause_search_attribute();
    }
}
