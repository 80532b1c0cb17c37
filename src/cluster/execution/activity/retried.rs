//! The attempts that event histories do not tell of.

use temporalio_common::protos::temporal::api::failure::v1::Failure;

use super::{pending::PendingActivity, retry::NextStep};
use crate::clock::Time;

/// An attempt of an activity that ended and was followed by another one.
///
/// The server forgets it: an event history has the last attempt only. It is kept for reports.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RetriedAttempt {
    /// The activity, by the id of its ActivityTaskScheduled event.
    pub(crate) scheduled_event_id: i64,
    /// Counts from 1.
    pub(crate) attempt: i32,
    /// When a worker took it; `None` if none did.
    pub(crate) started_time: Option<Time>,
    pub(crate) end_time: Time,
    /// What it failed with, as the next attempt finds it.
    pub(crate) failure: Option<Failure>,
    /// When the next attempt is put on its task queue; `None` if that waits for the activity to be unpaused.
    pub(crate) next_attempt_time: Option<Time>,
}

impl PendingActivity {
    /// Turns the failed attempt into the next one. Answers what there is to tell of the failed one.
    pub(super) fn retry(
        &mut self,
        scheduled_event_id: i64,
        next: &NextStep,
        failure: Option<Failure>,
        now: Time,
    ) -> RetriedAttempt {
        let attempt = self.attempt;
        let started_time = self.started.as_ref().map(|started| started.time);
        self.begin_next_attempt(next, failure);
        RetriedAttempt {
            scheduled_event_id,
            attempt,
            started_time,
            end_time: now,
            failure: self.last_failure.clone(),
            next_attempt_time: match next {
                NextStep::Retry(at) => Some(*at),
                NextStep::RetryAfterUnpause | NextStep::Close(_) => None,
            },
        }
    }
}
