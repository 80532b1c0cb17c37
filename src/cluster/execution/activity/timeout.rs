//! Timeouts of activities fire.

use temporalio_common::protos::temporal::api::history::v1::{
    ActivityTaskTimedOutEventAttributes, history_event::Attributes,
};

use super::{deadline::Deadline, retry::TimedOut};
use crate::cluster::{execution::Transaction, timers::Timer};

impl Transaction<'_> {
    /// Handles every timeout that has expired, of whatever activity of the run. One that a retry has made void, or that
    /// belongs to an activity which another one has just closed, is passed over.
    pub(crate) fn time_out_activities(&mut self) {
        let mut closed = false;
        for expired in self.run.activities.expired(self.now) {
            closed |= self.time_out_activity(expired);
        }
        if closed {
            self.need_workflow_task();
        }
    }

    /// Answers whether that closed the activity.
    fn time_out_activity(&mut self, expired: Deadline) -> bool {
        let Deadline { scheduled_event_id, timeout_type, attempt, .. } = expired;
        let Some(activity) =
            self.run.activities.get(scheduled_event_id).filter(|activity| activity.attempt == attempt)
        else {
            return false;
        };
        let TimedOut { failure, retry_state } = match activity.after_timeout(timeout_type, self.now) {
            Err(timed_out) => *timed_out,
            Ok((next, failure)) => {
                self.retry_activity(scheduled_event_id, &next, Some(failure));
                return false;
            }
        };
        self.close_activity(scheduled_event_id, |started_event_id| {
            Attributes::ActivityTaskTimedOutEventAttributes(ActivityTaskTimedOutEventAttributes {
                failure: Some(failure),
                scheduled_event_id,
                started_event_id,
                retry_state: retry_state.into(),
            })
        });
        true
    }

    /// Arms a timer for the timeout that expires first. Called when a transaction ends, because any change to an
    /// activity may move it.
    pub(in crate::cluster::execution) fn arm_activity_timeout(&mut self) {
        if let Some((at, generation)) = self.run.activities.first_deadline_to_arm() {
            let run = self.run.key;
            self.arm(at, Timer::ActivityTimeout { run, generation });
        }
    }
}
