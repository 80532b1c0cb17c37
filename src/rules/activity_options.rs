//! The options of an activity: what the server demands of them, and how it fills in what they leave out.

use prost_types::Duration;
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions, common::v1::Priority, enums::v1::TaskQueueKind,
    history::v1::ActivityTaskScheduledEventAttributes, taskqueue::v1::TaskQueue,
};

use super::{
    durations, names,
    retry::{self, InvalidRetryPolicy},
};

/// The longest fairness key, in bytes.
const MAXIMUM_FAIRNESS_KEY_LENGTH: usize = 64;

/// Why the server refuses an activity, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidActivity {
    /// The task queue is absent (there is no default), or its name is missing, too long or one of the server's.
    #[error("{0}")]
    TaskQueue(&'static str),
    /// There is no activity id.
    #[error("activityId is not set")]
    NoActivityId,
    /// There is no activity type, or it has no name.
    #[error("activityType is not set")]
    NoActivityType,
    /// The retry policy is invalid.
    #[error(transparent)]
    RetryPolicy(#[from] InvalidRetryPolicy),
    /// Id or type is too long.
    #[error("{field} exceeds length limit. Length={length} Limit={limit}")]
    TooLong {
        /// `activityId` or `activityType`.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The priority is invalid.
    #[error("invalid priorities: {0}")]
    Priority(&'static str),
    /// One of the four timeouts is no valid duration.
    #[error("invalid {field}: {reason}")]
    Timeout {
        /// `StartToCloseTimeout` and the like.
        field: &'static str,
        /// What is wrong with it.
        reason: durations::Invalid,
    },
    /// Nothing bounds the time that an attempt may take.
    #[error(
        "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. \
         ActivityId={activity_id} ActivityType={activity_type}"
    )]
    NoTimeout {
        /// The activity's id.
        activity_id: String,
        /// The activity's type.
        activity_type: String,
    },
}

/// Checks an activity and fills in what its options leave out; the first rule that is broken decides.
///
/// `run_timeout` is the workflow run's, zero or absent if it has none. Afterwards all four timeouts are present:
///
/// * with a schedule-to-close timeout, it stands in for a missing schedule-to-start or start-to-close timeout
///   and caps those that are set;
/// * with a start-to-close timeout only, the run timeout stands in for a missing schedule-to-close and
///   schedule-to-start timeout, and zero means none;
/// * the run timeout, if there is one, caps all four;
/// * the start-to-close timeout caps the heartbeat timeout, of which zero means none.
pub(crate) fn normalize(
    activity_id: &str,
    activity_type: &str,
    options: &mut ActivityOptions,
    run_timeout: Option<Duration>,
    id_length: usize,
) -> Result<(), InvalidActivity> {
    normalize_task_queue(options.task_queue.as_mut(), id_length)?;
    if activity_id.is_empty() {
        return Err(InvalidActivity::NoActivityId);
    }
    if activity_type.is_empty() {
        return Err(InvalidActivity::NoActivityType);
    }
    normalize_retry_policy(options)?;
    for (field, value) in [("activityId", activity_id), ("activityType", activity_type)] {
        if value.len() > id_length {
            return Err(InvalidActivity::TooLong { field, length: value.len(), limit: id_length });
        }
    }
    validate_priority(options.priority.as_ref()).map_err(InvalidActivity::Priority)?;
    normalize_timeouts(activity_id, activity_type, options, run_timeout.unwrap_or_default())
}

/// Checks the retry policy and fills in its defaults; an absent one is one that sets nothing.
pub(crate) fn normalize_retry_policy(options: &mut ActivityOptions) -> Result<(), InvalidRetryPolicy> {
    let policy = options.retry_policy.get_or_insert_default();
    retry::fill_defaults(policy);
    retry::validate(policy)
}

/// The options with which an activity was scheduled.
pub(crate) fn of_event(scheduled: &ActivityTaskScheduledEventAttributes) -> ActivityOptions {
    ActivityOptions {
        task_queue: scheduled.task_queue.clone(),
        schedule_to_close_timeout: scheduled.schedule_to_close_timeout,
        schedule_to_start_timeout: scheduled.schedule_to_start_timeout,
        start_to_close_timeout: scheduled.start_to_close_timeout,
        heartbeat_timeout: scheduled.heartbeat_timeout,
        retry_policy: scheduled.retry_policy.clone(),
        priority: scheduled.priority.clone(),
        ..Default::default()
    }
}

fn normalize_task_queue(task_queue: Option<&mut TaskQueue>, id_length: usize) -> Result<(), InvalidActivity> {
    names::check_task_queue(task_queue.as_deref(), id_length).map_err(InvalidActivity::TaskQueue)?;
    if let Some(task_queue) = task_queue
        && task_queue.kind() == TaskQueueKind::Unspecified
    {
        task_queue.set_kind(TaskQueueKind::Normal);
    }
    Ok(())
}

/// Checks a priority; the error is the server's message.
pub(crate) fn validate_priority(priority: Option<&Priority>) -> Result<(), &'static str> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        return Err("priority key can't be negative");
    }
    if priority.fairness_key.len() > MAXIMUM_FAIRNESS_KEY_LENGTH {
        return Err("fairness key length exceeds limit");
    }
    if priority.fairness_weight < 0.0 {
        return Err("must be greater than zero");
    }
    Ok(())
}

/// Checks the timeouts and fills in those that are not set, as [`normalize`] says.
pub(crate) fn normalize_timeouts(
    activity_id: &str,
    activity_type: &str,
    options: &mut ActivityOptions,
    run_timeout: Duration,
) -> Result<(), InvalidActivity> {
    for (field, timeout) in [
        ("ScheduleToCloseTimeout", &mut options.schedule_to_close_timeout),
        ("ScheduleToStartTimeout", &mut options.schedule_to_start_timeout),
        ("StartToCloseTimeout", &mut options.start_to_close_timeout),
        ("HeartbeatTimeout", &mut options.heartbeat_timeout),
    ] {
        durations::validate(timeout.as_mut()).map_err(|reason| InvalidActivity::Timeout { field, reason })?;
    }
    let set = |timeout: Option<Duration>| timeout.filter(|timeout| durations::nanos(Some(timeout)) > 0);
    let given_schedule_to_start = set(options.schedule_to_start_timeout);
    let given_start_to_close = set(options.start_to_close_timeout);
    let (schedule_to_close, schedule_to_start, start_to_close) =
        match (set(options.schedule_to_close_timeout), given_start_to_close) {
            (Some(whole), _) => {
                let capped = |timeout: Option<Duration>| durations::min(timeout.or(Some(whole)), Some(whole));
                (whole, capped(given_schedule_to_start), capped(given_start_to_close))
            }
            (None, Some(start_to_close)) => {
                (run_timeout, given_schedule_to_start.unwrap_or(run_timeout), start_to_close)
            }
            (None, None) => {
                return Err(InvalidActivity::NoTimeout {
                    activity_id: activity_id.to_owned(),
                    activity_type: activity_type.to_owned(),
                });
            }
        };
    let within_run = |timeout: Duration| match set(Some(run_timeout)) {
        Some(run_timeout) => durations::min(Some(timeout), Some(run_timeout)),
        None => timeout,
    };
    let start_to_close = within_run(start_to_close);
    let heartbeat = durations::min(options.heartbeat_timeout.map(within_run), Some(start_to_close));
    options.schedule_to_close_timeout = Some(within_run(schedule_to_close));
    options.schedule_to_start_timeout = Some(within_run(schedule_to_start));
    options.start_to_close_timeout = Some(start_to_close);
    options.heartbeat_timeout = Some(heartbeat);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use temporalio_common::protos::temporal::api::common::v1::RetryPolicy;

    use super::*;
    use crate::rules::names::ID_LENGTH;

    fn seconds(seconds: i64) -> Option<Duration> {
        Some(Duration { seconds, nanos: 0 })
    }

    /// Valid options without a timeout.
    fn options() -> ActivityOptions {
        ActivityOptions {
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            ..Default::default()
        }
    }

    /// Schedule-to-close, schedule-to-start, start-to-close and heartbeat timeouts, in seconds.
    type Timeouts = [i64; 4];

    fn normalized(given: Timeouts, run_timeout: i64) -> Result<Timeouts, InvalidActivity> {
        let [schedule_to_close, schedule_to_start, start_to_close, heartbeat] = given.map(seconds);
        let mut options = ActivityOptions {
            schedule_to_close_timeout: schedule_to_close,
            schedule_to_start_timeout: schedule_to_start,
            start_to_close_timeout: start_to_close,
            heartbeat_timeout: heartbeat,
            ..options()
        };
        normalize("a", "A", &mut options, seconds(run_timeout), ID_LENGTH)?;
        let in_seconds = |timeout: Option<Duration>| timeout.expect("every timeout is filled in").seconds;
        Ok([
            in_seconds(options.schedule_to_close_timeout),
            in_seconds(options.schedule_to_start_timeout),
            in_seconds(options.start_to_close_timeout),
            in_seconds(options.heartbeat_timeout),
        ])
    }

    #[test]
    fn without_a_run_timeout() {
        for (given, expected) in [
            ([0, 0, 10, 0], [0, 0, 10, 0]),
            ([20, 0, 0, 0], [20, 20, 20, 0]),
            ([5, 60, 60, 60], [5, 5, 5, 5]),
            ([0, 60, 4, 30], [0, 60, 4, 4]),
            ([30, 0, 4, 0], [30, 30, 4, 0]),
        ] {
            assert_eq!(normalized(given, 0), Ok(expected), "{given:?}");
        }
    }

    #[test]
    fn a_run_timeout_fills_in_and_caps() {
        for (given, expected) in [
            ([0, 0, 10, 0], [100, 100, 10, 0]),
            ([500, 0, 0, 0], [100, 100, 100, 0]),
            ([0, 500, 500, 500], [100, 100, 100, 100]),
            ([50, 0, 0, 0], [50, 50, 50, 0]),
        ] {
            assert_eq!(normalized(given, 100), Ok(expected), "{given:?}");
        }
    }

    fn check(change: impl FnOnce(&mut ActivityOptions), message: &str) {
        let mut options = ActivityOptions { start_to_close_timeout: seconds(5), ..options() };
        change(&mut options);
        assert_eq!(normalize("a", "A", &mut options, None, ID_LENGTH).unwrap_err().to_string(), message);
    }

    #[test]
    fn task_queues() {
        let named = |name: &str| Some(TaskQueue { name: name.into(), ..Default::default() });
        check(|options| options.task_queue = None, "taskQueue is not set");
        check(|options| options.task_queue = named(""), "missing task queue name");
        check(|options| options.task_queue = named(&"q".repeat(1001)), "taskQueue length exceeds limit");
        check(
            |options| options.task_queue = named("/_sys/q"),
            "task queue name cannot start with reserved prefix /_sys/",
        );
    }

    #[test]
    fn ids_and_types() {
        let refused = |activity_id: &str, activity_type: &str| {
            normalize(activity_id, activity_type, &mut options(), None, ID_LENGTH).unwrap_err().to_string()
        };
        let long = "x".repeat(1001);
        assert_eq!(refused("", "A"), "activityId is not set");
        assert_eq!(refused("a", ""), "activityType is not set");
        assert_eq!(refused(&long, "A"), "activityId exceeds length limit. Length=1001 Limit=1000");
        assert_eq!(refused("a", &long), "activityType exceeds length limit. Length=1001 Limit=1000");
    }

    #[test]
    fn timeouts() {
        check(
            |options| options.start_to_close_timeout = None,
            "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. \
             ActivityId=a ActivityType=A",
        );
        let negative = seconds(-1);
        check(
            |options| options.schedule_to_close_timeout = negative,
            "invalid ScheduleToCloseTimeout: negative duration",
        );
        check(
            |options| options.schedule_to_start_timeout = negative,
            "invalid ScheduleToStartTimeout: negative duration",
        );
        check(
            |options| options.start_to_close_timeout = negative,
            "invalid StartToCloseTimeout: negative duration",
        );
        check(|options| options.heartbeat_timeout = negative, "invalid HeartbeatTimeout: negative duration");
    }

    #[test]
    fn an_activity_always_has_a_retry_policy() {
        let mut options = ActivityOptions { start_to_close_timeout: seconds(5), ..options() };
        assert_eq!(normalize("a", "A", &mut options, None, ID_LENGTH), Ok(()));
        assert_eq!(
            options.retry_policy,
            Some(RetryPolicy {
                initial_interval: seconds(1),
                backoff_coefficient: 2.0,
                maximum_interval: seconds(100),
                ..Default::default()
            })
        );
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(
            given in proptest::array::uniform4(0..1000_i64),
            run_timeout in 0..1000_i64,
        ) {
            if let Ok(once) = normalized(given, run_timeout) {
                prop_assert_eq!(normalized(once, run_timeout), Ok(once));
                let [_, _, start_to_close, heartbeat] = once;
                prop_assert!(heartbeat <= start_to_close);
            } else {
                prop_assert_eq!((given[0], given[2]), (0, 0));
            }
        }
    }
}
