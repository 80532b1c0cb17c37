//! Pausing and unpausing an activity. Neither writes an event.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

use super::pending::Pause;
use crate::cluster::{error::Error, execution::Transaction, search_attributes::Value};

/// The search attribute that says what is paused in a run.
const PAUSE_INFO: &str = "TemporalPauseInfo";

/// What an unpause does besides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unpause {
    /// The activity is in its first attempt again.
    pub(crate) reset_attempts: bool,
    /// Its heartbeat details are forgotten.
    pub(crate) reset_heartbeat: bool,
    /// An attempt that waits is put on its task queue within this time.
    pub(crate) jitter: Duration,
}

impl Transaction<'_> {
    /// Whether an activity may be paused.
    ///
    /// # Errors
    ///
    /// FAILED_PRECONDITION if it is paused already, by another request.
    pub(super) fn check_activity_pause(&self, scheduled_event_id: i64, pause: &Pause) -> Result<(), Error> {
        match self.run.activities.get(scheduled_event_id).and_then(|activity| activity.pause.as_ref()) {
            Some(present) if present.request_id != pause.request_id => {
                Err(Error::failed_precondition("activity is already paused"))
            }
            _ => Ok(()),
        }
    }

    /// Pauses an activity, if it is not paused yet. A started attempt goes on; no timeout expires and no attempt begins
    /// until it is unpaused.
    pub(super) fn pause_activity(&mut self, scheduled_event_id: i64, pause: &Pause) {
        self.run.activities.update(scheduled_event_id, |activity| {
            if activity.pause.is_some() {
                return;
            }
            if activity.waits() {
                // Its task, if it is on a task queue, must not be handed out.
                activity.change_stamp();
            }
            activity.pause = Some(pause.clone());
        });
        self.update_pause_search_attribute();
    }

    /// Ends the pause of an activity, if it is paused. Its timeouts count on as if it had not been; an attempt that waits
    /// is put on its task queue.
    pub(crate) fn unpause_activity(&mut self, scheduled_event_id: i64, unpause: Unpause) {
        let jitter = self.random_offset(unpause.jitter);
        let now = self.now;
        let waits = self.run.activities.update(scheduled_event_id, |activity| {
            activity.pause.take()?;
            activity.change_stamp();
            if unpause.reset_attempts {
                activity.attempt = 1;
            }
            if unpause.reset_heartbeat {
                activity.heartbeat_details = None;
                activity.last_heartbeat_time = None;
            }
            let waits = activity.waits();
            if waits {
                activity.reschedule(now + jitter);
            }
            Some(waits)
        });
        if waits.flatten() == Some(true) {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
        self.update_pause_search_attribute();
    }

    /// Shows in the search attributes of the run whether it is paused, and which types of activities are.
    pub(in crate::cluster::execution) fn update_pause_search_attribute(&mut self) {
        let types: BTreeSet<_> = self
            .run
            .activities
            .iter()
            .filter(|activity| activity.pause.is_some())
            .map(|activity| format!("property:activityType={}", activity.activity_type))
            .collect();
        let mut paused = self.run.pause_entries();
        paused.extend(types);
        let attributes = Arc::make_mut(&mut self.run.state.search_attributes);
        if paused.is_empty() {
            attributes.remove(PAUSE_INFO);
        } else {
            let payload = Value::KeywordList(paused).encode(IndexedValueType::KeywordList);
            attributes.insert(PAUSE_INFO.to_owned(), payload);
        }
    }

    /// A random time below `jitter`.
    pub(super) fn random_offset(&mut self, jitter: Duration) -> Duration {
        match u64::try_from(jitter.as_nanos()) {
            Ok(0) => Duration::ZERO,
            bound => Duration::from_nanos(self.shared.activity_jitter.below(bound.unwrap_or(u64::MAX))),
        }
    }
}
