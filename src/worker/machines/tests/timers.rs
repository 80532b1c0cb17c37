//! Timers.

use temporalio_common::protos::{
    coresdk::workflow_commands::{CancelTimer, StartTimer},
    temporal::api::command::v1::command::Attributes,
};

use super::*;

fn start(seq: u32) -> Variant {
    Variant::StartTimer(StartTimer { seq, ..Default::default() })
}

fn cancel(seq: u32) -> Variant {
    Variant::CancelTimer(CancelTimer { seq })
}

#[test]
fn a_timer_is_started_and_fires() {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([start(1)]);
    let completion = run.completion();
    assert!(matches!(
        &completion.commands[0].attributes,
        Some(Attributes::StartTimerCommandAttributes(attributes)) if attributes.timer_id == "1"
    ));

    history.completed();
    let timer = history.timer_started("1");
    history.timer_fired("1", timer);
    history.task();
    run.task(history.after(first));
    assert_eq!(run.jobs(), ["FireTimer(1)"]);
    run.respond([complete_workflow()]);
    assert_eq!(run.commands(), [CommandType::CompleteWorkflowExecution]);
    assert!(run.machines.is_finished());
}

#[test]
fn a_timer_cancelled_at_once_leaves_no_command() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([start(1), start(2), cancel(1)]);
    assert_eq!(run.commands(), [CommandType::StartTimer]);
}

#[test]
fn a_running_timer_is_cancelled_by_a_command_and_tells_the_workflow_nothing() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let timer = history.timer_started("1");
    history.signaled("stop");
    let second = history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([start(1)]);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
    run.respond([cancel(1), cancel(1)]);
    assert_eq!(run.commands(), [CommandType::CancelTimer]);

    history.completed();
    history.timer_canceled("1", timer);
    history.signaled("again");
    history.task();
    run.task(history.after(second));
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
    run.respond([cancel(1)]);
    assert_eq!(run.commands(), []);
}

#[test]
fn a_recorded_timer_that_the_code_does_not_start() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let timer = history.timer_started("1");
    history.timer_fired("1", timer);
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let error = run.try_respond([]).expect_err("history has a timer");
    assert_eq!(
        error.to_string(),
        "[TMPRL1100] Nondeterminism error: event 5 (EVENT_TYPE_TIMER_STARTED): the workflow issued no command for it"
    );
    assert_eq!(
        error.workflow_task_failed_cause().as_str_name(),
        "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"
    );
}

#[test]
fn a_timer_that_history_has_under_another_number() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let timer = history.timer_started("1");
    history.timer_fired("1", timer);
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let error = run.try_respond([start(7)]).expect_err("another timer fires");
    let Mismatch::OtherIdentity { recorded, produced, .. } = kind(error) else { panic!("{run:?}") };
    assert_eq!((recorded.as_str(), produced.as_str()), ("1", "7"));
}
