use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::cluster::execution::test_driver::{Driver, cancel_timer, start_timer};

#[test]
fn timers_of_one_instant_fire_together_in_the_order_of_their_start() {
    let (mut driver, task) = Driver::start();
    let commands = vec![start_timer("late", 5), start_timer("b", 3), start_timer("a", 3)];
    driver.complete(&task, commands).expect("valid commands");
    let task = driver.workflow_task();
    assert_eq!(driver.seconds(), 3.0);
    assert_eq!(
        driver.event_types(8),
        [
            EventType::TimerFired,
            EventType::TimerFired,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
        ]
    );
    driver.complete(&task, Vec::new()).expect("an empty completion");
    assert_eq!(driver.next_deadline(), Some(5.0));
}

#[test]
fn a_cancelled_timer_is_no_deadline() {
    let (mut driver, task) = Driver::start();
    let commands = vec![start_timer("late", 60), start_timer("early", 5), cancel_timer("early")];
    driver.complete(&task, commands).expect("valid commands");
    assert_eq!(driver.next_deadline(), Some(60.0));
}

#[test]
fn a_refused_command_takes_back_what_the_ones_before_it_did() {
    let (mut driver, task) = Driver::start();
    driver.complete(&task, vec![start_timer("t", 60)]).expect("a valid command");
    driver.signal();
    let task = driver.workflow_task();
    let commands = vec![cancel_timer("t"), start_timer("u", 1), cancel_timer("unknown")];
    let error = driver.complete(&task, commands).expect_err("there is no such timer");
    assert_eq!(
        error.message,
        "BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, \
         TimerID: unknown"
    );
    let task = driver.workflow_task();
    driver.complete(&task, vec![start_timer("u", 70)]).expect("its id is free");
    assert_eq!(driver.next_deadline(), Some(60.0));
}

#[test]
fn the_id_of_a_timer_whose_firing_is_held_back_is_free() {
    let (mut driver, task) = Driver::start();
    driver.complete(&task, vec![start_timer("t", 2)]).expect("a valid command");
    driver.signal();
    let task = driver.workflow_task();
    driver.sleep(3);
    driver.complete(&task, vec![start_timer("t", 10), cancel_timer("t")]).expect("this is another timer");
    assert_eq!(
        driver.event_types(9),
        [
            EventType::WorkflowTaskCompleted,
            EventType::TimerStarted,
            EventType::TimerCanceled,
            EventType::TimerFired,
            EventType::WorkflowTaskScheduled,
        ]
    );
}
