//! Which of an activity's four timeouts is armed, and until when.
//!
//! From which instant each counts is said at [`AttemptTimes::expirations`]. None is armed while the activity is paused.

use temporalio_common::protos::temporal::api::enums::v1::TimeoutType;

use super::pending::PendingActivity;
use crate::{
    clock::Time,
    rules::activity_attempts::{AttemptTimes, Timeouts},
};

/// An armed timeout. The order is that in which expired timeouts are handled: by instant, then by activity, then
/// by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline {
    /// When it expires.
    pub(crate) at: Time,
    /// The ActivityTaskScheduled event of its activity.
    pub(crate) scheduled_event_id: i64,
    /// Which of the four it is.
    pub(crate) timeout_type: TimeoutType,
    /// The attempt that it belongs to.
    pub(crate) attempt: i32,
}

impl PendingActivity {
    /// The timeouts that are armed, in no particular order.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = Deadline> + use<> {
        let (scheduled_event_id, attempt) = (self.scheduled_event_id, self.attempt);
        let times = AttemptTimes {
            first_scheduled: self.first_scheduled_time,
            scheduled: self.scheduled_time,
            started: self.started.as_ref().map(|started| started.time),
            last_heartbeat: self.last_heartbeat_time,
        };
        let armed = self.pause.is_none().then(|| times.expirations(&Timeouts::of(&self.options)));
        armed.into_iter().flatten().flatten().map(move |(at, timeout_type)| Deadline {
            at,
            scheduled_event_id,
            timeout_type,
            attempt,
        })
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::enums::v1::TimeoutType::{
        Heartbeat, ScheduleToClose, ScheduleToStart, StartToClose,
    };

    use super::*;
    use crate::cluster::execution::activity::{
        pending::{Activities, Started},
        tests::{activity, at, pause, seconds},
    };

    /// Changes an activity with all four timeouts, scheduled at 100 s, and looks at what is armed then.
    fn check(change: impl FnOnce(&mut PendingActivity), expected: &[(TimeoutType, i128)]) {
        let mut activity = activity(7);
        activity.options.schedule_to_start_timeout = seconds(10);
        activity.options.schedule_to_close_timeout = seconds(60);
        activity.options.start_to_close_timeout = seconds(20);
        activity.options.heartbeat_timeout = seconds(5);
        change(&mut activity);
        let armed: Vec<_> =
            activity.deadlines().map(|deadline| (deadline.timeout_type, deadline.at)).collect();
        let expected: Vec<_> =
            expected.iter().map(|&(timeout_type, seconds)| (timeout_type, at(seconds))).collect();
        assert_eq!(armed, expected);
    }

    fn start(activity: &mut PendingActivity, seconds: i128) {
        activity.started = Some(Started {
            time: at(seconds),
            identity: String::new(),
            request_id: String::new(),
            worker_version: None,
        });
    }

    #[test]
    fn a_waiting_attempt_has_to_start_and_to_close() {
        check(|_| {}, &[(ScheduleToStart, 110), (ScheduleToClose, 160)]);
    }

    #[test]
    fn a_retry_has_to_start_after_its_backoff() {
        check(
            |activity| activity.scheduled_time = at(130),
            &[(ScheduleToStart, 140), (ScheduleToClose, 160)],
        );
    }

    #[test]
    fn a_started_attempt_has_to_close_and_to_heartbeat() {
        check(
            |activity| start(activity, 105),
            &[(ScheduleToClose, 160), (StartToClose, 125), (Heartbeat, 110)],
        );
    }

    #[test]
    fn a_heartbeat_counts_unless_it_is_of_an_earlier_attempt() {
        for (heartbeat, expected) in [(108, 113), (104, 110)] {
            check(
                |activity| {
                    start(activity, 105);
                    activity.last_heartbeat_time = Some(at(heartbeat));
                },
                &[(ScheduleToClose, 160), (StartToClose, 125), (Heartbeat, expected)],
            );
        }
    }

    #[test]
    fn nothing_expires_while_paused() {
        check(
            |activity| {
                start(activity, 105);
                activity.pause = Some(pause());
            },
            &[],
        );
    }

    #[test]
    fn a_timeout_of_zero_is_none() {
        check(
            |activity| {
                activity.options.schedule_to_start_timeout = seconds(0);
                activity.options.schedule_to_close_timeout = None;
            },
            &[],
        );
    }

    #[test]
    fn at_one_instant_the_activity_decides_then_the_type() {
        let mut activities = Activities::default();
        for scheduled_event_id in [6, 5] {
            let mut activity = activity(scheduled_event_id);
            activity.options.schedule_to_start_timeout = seconds(10);
            activity.options.schedule_to_close_timeout = seconds(10);
            activities.insert(activity);
        }
        let expired: Vec<_> = activities
            .expired(at(110))
            .into_iter()
            .map(|deadline| (deadline.scheduled_event_id, deadline.timeout_type))
            .collect();
        assert_eq!(
            expired,
            [(5, ScheduleToStart), (5, ScheduleToClose), (6, ScheduleToStart), (6, ScheduleToClose)]
        );
        assert_eq!(activities.expired(at(109)), []);
    }
}
