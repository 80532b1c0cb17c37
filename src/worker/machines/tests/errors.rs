//! What goes wrong is an error, never a panic.

use temporalio_common::protos::{
    coresdk::workflow_commands::{CancelTimer, ScheduleNexusOperation, StartTimer},
    temporal::api::{
        enums::v1::EventType,
        history::v1::{HistoryEvent, MarkerRecordedEventAttributes},
    },
};

use super::*;

fn begun() -> Run {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run
}

#[test]
fn commands_that_make_no_sense() {
    for command in [
        Variant::CancelTimer(CancelTimer { seq: 9 }),
        Variant::ScheduleNexusOperation(ScheduleNexusOperation::default()),
    ] {
        assert!(matches!(begun().try_respond([command]), Err(Error::InvalidCommand(_))));
    }
    let mut run = begun();
    let success = Success { commands: vec![WorkflowCommand::default()], ..Default::default() };
    let outcome = run.machines.handle_commands(Time::from_nanos(0), success);
    assert!(matches!(outcome, Err(Error::InvalidCommand(_))));
}

#[test]
fn calls_out_of_turn() {
    let mut run = begun();
    assert!(matches!(run.machines.next_step(), Err(Error::InvalidCommand(_))));
    assert!(matches!(run.machines.handle_task(Task::default()), Err(Error::InvalidCommand(_))));
    let mut run = Run::new();
    assert_eq!(run.step(), Step::Idle);
    assert!(matches!(run.try_respond([]), Err(Error::InvalidCommand(_))));
}

#[test]
fn another_kind_of_command() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.activity_scheduled("1", "greet");
    history.signaled("next");
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let timer = Variant::StartTimer(StartTimer { seq: 1, ..Default::default() });
    let error = run.try_respond([timer]).expect_err("history has an activity");
    assert_eq!(
        error.to_string(),
        "[TMPRL1100] Nondeterminism error: event 5 (EVENT_TYPE_ACTIVITY_TASK_SCHEDULED): \
         the workflow's next command is COMMAND_TYPE_START_TIMER (timer \"1\")"
    );
}

#[test]
fn markers_of_nobody_here() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.marker(MarkerRecordedEventAttributes { marker_name: "SideEffect".into(), ..Default::default() });
    history.signaled("next");
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    assert_eq!(kind(run.try_respond([]).expect_err("unknown marker")), Mismatch::NoCommand);
}

#[test]
fn results_of_what_was_never_started() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.timer_fired("1", 4);
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let error = run.try_respond([]).expect_err("nothing was started");
    assert_eq!(kind(error), Mismatch::NothingStarted { initiating_event_id: 4 });
}

#[test]
fn events_nobody_knows() {
    let mut history = Builder::new();
    history.events.push(HistoryEvent { event_id: 2, event_type: 9999, ..Default::default() });
    history.task();
    let outcome = Run::new().machines.handle_task(history.full());
    assert!(matches!(outcome, Err(Error::MalformedHistory { event_id: Some(2), .. })), "{outcome:?}");
    history.events[1].worker_may_ignore = true;
    assert_eq!(Run::of(history.full()).jobs(), ["InitializeWorkflow"]);
}

#[test]
fn events_after_the_end() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.add(
        EventType::WorkflowExecutionTerminated,
        temporalio_common::protos::temporal::api::history::v1::history_event::Attributes::
            WorkflowExecutionTerminatedEventAttributes(Default::default()),
    );
    history.signaled("too late");
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    assert!(matches!(run.try_respond([]), Err(Error::MalformedHistory { .. })));
}
