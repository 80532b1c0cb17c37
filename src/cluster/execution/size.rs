//! How large the mutable state of a run is, and what is left of it when it was too large.

use prost::Message as _;
use temporalio_common::protos::temporal::api::common::v1::Payload;

use super::Run;

/// What is settled when a run starts, times and counters.
const EXECUTION: usize = 1000;
/// A user timer.
const TIMER: usize = 60;
/// A child, or a signal or request to cancel that is on its way to another workflow execution.
const CHILD: usize = 250;
/// An update that has not ended or of which the end is known.
const UPDATE: usize = 100;

impl Run {
    /// Forgets what is pending of which the history does not know, because it was taken back.
    pub(super) fn forget_what_has_no_event(&mut self) {
        let next_event_id = self.history.next_event_id();
        let activities: Vec<_> = self.activities.iter().map(|activity| activity.scheduled_event_id).collect();
        let children: Vec<_> = self.children.iter().map(|(&id, _)| id).collect();
        for scheduled_event_id in activities.into_iter().filter(|&id| id >= next_event_id) {
            self.activities.remove(scheduled_event_id);
        }
        for initiated_event_id in children.into_iter().filter(|&id| id >= next_event_id) {
            self.children.remove(&initiated_event_id);
        }
    }

    /// How much of a server's memory the run takes, in bytes. A server counts the fields of its own records; this is what
    /// they come to, near enough, and exactly for what a workflow or its activities can make large.
    pub(super) fn size(&self) -> usize {
        let state = &self.state;
        let field = |(name, payload): (&String, &Payload)| name.len() + payload.encoded_len();
        let fields = state.memo.iter().chain(&*state.search_attributes).map(field).sum::<usize>();
        let buffered = state.buffered.iter().map(|event| event.encoded_len()).sum::<usize>();
        let others = self.children.len() + self.signals_out.len() + self.cancels_out.len();
        EXECUTION
            + fields
            + buffered
            + self.activities.size()
            + TIMER * self.timers.len()
            + CHILD * others
            + UPDATE * self.completed_updates.len()
    }
}
