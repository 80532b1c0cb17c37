//! Activities from their commands to their closing events.

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::{
    command::v1::ScheduleActivityTaskCommandAttributes,
    common::v1::{Payload, Payloads, RetryPolicy},
    enums::v1::{EventType, RetryState, TimeoutType},
    failure::v1::failure::FailureInfo,
    history::v1::{ActivityTaskTimedOutEventAttributes, history_event::Attributes},
    workflowservice::v1::{
        RecordActivityTaskHeartbeatRequest, ResetActivityRequest, RespondActivityTaskCompletedRequest,
        reset_activity_request,
    },
};

use super::seconds;
use crate::cluster::execution::test_driver::{Driver, activity, execution, request_cancel, schedule};

/// The attributes of all ActivityTaskTimedOut events.
fn timeouts(driver: &mut Driver) -> Vec<ActivityTaskTimedOutEventAttributes> {
    driver
        .history()
        .into_iter()
        .filter_map(|event| match event.attributes {
            Some(Attributes::ActivityTaskTimedOutEventAttributes(timed_out)) => Some(timed_out),
            _ => None,
        })
        .collect()
}

fn timeout_type(timed_out: &ActivityTaskTimedOutEventAttributes) -> TimeoutType {
    match timed_out.failure.as_ref().and_then(|failure| failure.failure_info.as_ref()) {
        Some(FailureInfo::TimeoutFailureInfo(info)) => info.timeout_type(),
        other => panic!("expected a timeout, got {other:?}"),
    }
}

/// An activity that backs off by 1 s each time, for ever.
fn retried(activity_id: &str) -> ScheduleActivityTaskCommandAttributes {
    let retry_policy = RetryPolicy { backoff_coefficient: 1.0, ..Default::default() };
    ScheduleActivityTaskCommandAttributes { retry_policy: Some(retry_policy), ..activity(activity_id) }
}

#[test]
fn a_closed_activity_leaves_nothing_to_wait_for() {
    let mut driver = Driver::with_activities([activity("a")]);
    let task = driver.activity_task();
    assert_eq!(driver.next_deadline(), Some(10.0));
    driver.call(RespondActivityTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token,
        ..Default::default()
    });
    let task = driver.workflow_task();
    driver.complete(&task, Vec::new()).expect("an empty completion");
    assert_eq!(driver.next_deadline(), None);
}

#[test]
fn schedule_to_start_comes_before_schedule_to_close_at_the_same_instant() {
    let whole = ScheduleActivityTaskCommandAttributes {
        schedule_to_close_timeout: seconds(7),
        start_to_close_timeout: None,
        ..activity("a")
    };
    let mut driver = Driver::with_activities([whole]);
    driver.workflow_task();
    assert_eq!(driver.seconds(), 7.0);
    let timed_out = timeouts(&mut driver);
    assert_eq!(timed_out.iter().map(timeout_type).collect::<Vec<_>>(), [TimeoutType::ScheduleToStart]);
    assert_eq!(timed_out[0].retry_state(), RetryState::Timeout);
    assert_eq!(timed_out[0].started_event_id, 0);
}

#[test]
fn activities_that_time_out_together_are_one_transaction_and_one_workflow_task() {
    let waiting = |activity_id| ScheduleActivityTaskCommandAttributes {
        schedule_to_start_timeout: seconds(3),
        ..activity(activity_id)
    };
    let mut driver = Driver::with_activities([waiting("b"), waiting("a")]);
    driver.workflow_task();
    let closed: Vec<_> = timeouts(&mut driver).iter().map(|event| event.scheduled_event_id).collect();
    assert_eq!(closed, [5, 6]);
    assert_eq!(
        driver.event_types(7),
        [
            EventType::ActivityTaskTimedOut,
            EventType::ActivityTaskTimedOut,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
        ]
    );
}

#[test]
fn each_heartbeat_postpones_the_heartbeat_timeout_and_no_other() {
    let beating = ScheduleActivityTaskCommandAttributes { heartbeat_timeout: seconds(4), ..activity("a") };
    let mut driver = Driver::with_activities([beating]);
    let task = driver.activity_task();
    for expected in [4.0, 7.0, 10.0, 10.0] {
        assert_eq!(driver.next_deadline(), Some(expected));
        driver.sleep(3);
        let heartbeat = driver.try_call(RecordActivityTaskHeartbeatRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            ..Default::default()
        });
        assert_eq!(heartbeat.is_ok(), driver.seconds() < 10.0);
    }
    assert_eq!(
        timeouts(&mut driver).iter().map(timeout_type).collect::<Vec<_>>(),
        [TimeoutType::StartToClose]
    );
}

#[test]
fn a_refused_command_takes_back_the_activities_scheduled_before_it() {
    let (mut driver, task) = Driver::start();
    let before = driver.next_deadline();
    let waiting =
        ScheduleActivityTaskCommandAttributes { schedule_to_start_timeout: seconds(1), ..activity("a") };
    let commands = vec![schedule(waiting.clone()), schedule(activity("a"))];
    let error = driver.complete(&task, commands).expect_err("the id is pending");
    assert_eq!(
        error.message,
        "ScheduleActivityDuplicateId: invalid history builder state for action: \
         add-activitytask-scheduled-event, ActivityID: a"
    );
    assert_eq!(before, Some(10.0), "the timeout of the workflow task");
    let task = driver.workflow_task();
    driver.complete(&task, vec![schedule(waiting)]).expect("the id is free");
    assert_eq!(driver.next_deadline(), Some(1.0));
}

#[test]
fn the_answer_of_an_attempt_that_was_retried_finds_no_activity() {
    let mut driver = Driver::with_activities([retried("a")]);
    let first = driver.activity_task();
    let second = driver.activity_task();
    assert_eq!((driver.seconds(), second.attempt), (11.0, 2));
    let error = driver.fail(&first, "too late").expect_err("the attempt is over");
    assert_eq!(
        error.message,
        "invalid activityID or activity already timed out or invoking workflow is completed"
    );
}

#[test]
fn a_reset_makes_the_answer_of_a_later_attempt_void() {
    let mut driver = Driver::with_activities([retried("a")]);
    let first = driver.activity_task();
    driver.fail(&first, "boom").expect("a started attempt");
    let second = driver.activity_task();
    driver.call(ResetActivityRequest {
        namespace: "default".into(),
        execution: execution(),
        activity: Some(reset_activity_request::Activity::Id("a".into())),
        ..Default::default()
    });
    driver.fail(&second, "too late").expect_err("attempt 2 is now attempt 1");
    // The attempt times out, and then the second one begins once more.
    let again = driver.activity_task();
    assert_eq!((driver.seconds(), again.attempt), (12.0, 2));
}

#[test]
fn a_result_that_is_too_large_fails_the_activity_for_good() {
    let mut driver = Driver::with_activities([retried("a")]);
    let task = driver.activity_task();
    let large = Payload { data: vec![0; 2 * 1024 * 1024], ..Default::default() };
    driver.call(RespondActivityTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token,
        result: Some(Payloads { payloads: vec![large] }),
        ..Default::default()
    });
    driver.workflow_task();
    let failed = driver.history().into_iter().find_map(|event| match event.attributes {
        Some(Attributes::ActivityTaskFailedEventAttributes(failed)) => Some(failed),
        _ => None,
    });
    let failed = failed.expect("an ActivityTaskFailed event");
    assert_eq!(failed.retry_state(), RetryState::NonRetryableFailure);
    assert_eq!(
        failed.failure.map(|failure| failure.message).as_deref(),
        Some("Complete result exceeds size limit.")
    );
}

#[test]
fn cancelling_an_activity_twice_in_one_completion_is_refused_as_a_whole() {
    let mut driver = Driver::with_activities([activity("a")]);
    driver.activity_task();
    driver.signal();
    let task = driver.workflow_task();
    driver.complete(&task, vec![request_cancel(5), request_cancel(5)]).expect_err("requested already");
    let task = driver.workflow_task();
    driver.complete(&task, vec![request_cancel(5)]).expect("the first request was taken back");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What an operator reads off a policy: so many attempts, so far apart.
    #[test]
    fn an_activity_that_always_fails_is_tried_as_often_and_as_late_as_its_policy_says(
        initial in 1..5_i64,
        coefficient in 1..4_u8,
        maximum in 5..20_i64,
        attempts in 1..8_i32,
    ) {
        let retry_policy = RetryPolicy {
            initial_interval: seconds(initial),
            backoff_coefficient: f64::from(coefficient),
            maximum_interval: seconds(maximum),
            maximum_attempts: attempts,
            ..Default::default()
        };
        let failing =
            ScheduleActivityTaskCommandAttributes { retry_policy: Some(retry_policy), ..activity("a") };
        let mut driver = Driver::with_activities([failing]);
        let mut expected = 0.0;
        for attempt in 1..=attempts {
            let task = driver.activity_task();
            prop_assert_eq!((task.attempt, driver.seconds()), (attempt, expected));
            driver.fail(&task, "boom").expect("a started attempt");
            let interval = initial * i64::from(coefficient).pow(attempt.unsigned_abs() - 1);
            expected += interval.min(maximum) as f64;
        }
        driver.workflow_task();
        prop_assert_eq!(
            driver.event_types(6),
            [
                EventType::ActivityTaskStarted,
                EventType::ActivityTaskFailed,
                EventType::WorkflowTaskScheduled,
                EventType::WorkflowTaskStarted,
            ]
        );
    }
}
