//! Heartbeats: a worker says how far it is, and learns what the workflow wants of it.

use temporalio_common::protos::temporal::api::common::v1::Payloads;

use crate::cluster::execution::Transaction;

/// What a worker learns from its heartbeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HeartbeatAnswer {
    /// The workflow asked for cancellation.
    pub(crate) cancel_requested: bool,
    /// Somebody paused the activity.
    pub(crate) paused: bool,
    /// Somebody reset the activity.
    pub(crate) reset: bool,
}

impl Transaction<'_> {
    /// A heartbeat of the started attempt. One without details clears those of earlier ones.
    pub(crate) fn heartbeat_activity(
        &mut self,
        scheduled_event_id: i64,
        details: Option<Payloads>,
        identity: &str,
    ) -> HeartbeatAnswer {
        self.record_heartbeat(scheduled_event_id, details);
        let answer = self.run.activities.update(scheduled_event_id, |activity| {
            if !identity.is_empty() {
                activity.last_worker_identity = identity.to_owned();
            }
            HeartbeatAnswer {
                cancel_requested: activity.cancel_requested(),
                paused: activity.pause.is_some(),
                reset: activity.reset,
            }
        });
        answer.unwrap_or_default()
    }

    /// Keeps the details for the next attempt and restarts the heartbeat timeout.
    pub(super) fn record_heartbeat(&mut self, scheduled_event_id: i64, details: Option<Payloads>) {
        let now = self.now;
        self.run.activities.update(scheduled_event_id, |activity| {
            activity.heartbeat_details = details;
            activity.last_heartbeat_time = Some(now);
        });
    }
}
