//! Activities.

use temporalio_common::protos::{
    coresdk::workflow_commands::{ActivityCancellationType, RequestCancelActivity, ScheduleActivity},
    temporal::api::command::v1::command::Attributes,
};

use super::*;

fn schedule(cancellation_type: ActivityCancellationType) -> Variant {
    Variant::ScheduleActivity(ScheduleActivity {
        seq: 1,
        activity_id: "1".into(),
        activity_type: "greet".into(),
        task_queue: "queue".into(),
        cancellation_type: cancellation_type.into(),
        ..Default::default()
    })
}

const CANCEL: Variant = Variant::RequestCancelActivity(RequestCancelActivity { seq: 1 });

/// A workflow that scheduled an activity in its first task and gets a signal in its second.
fn signalled(started: bool) -> (Builder, i64, i64) {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let scheduled = history.activity_scheduled("1", "greet");
    if started {
        history.activity_started(scheduled);
    }
    history.signaled("stop");
    let second = history.task();
    (history, scheduled, second)
}

fn signalled_run(history: &Builder, cancellation_type: ActivityCancellationType) -> Run {
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([schedule(cancellation_type)]);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
    run
}

#[test]
fn an_activity_completes() {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([schedule(ActivityCancellationType::TryCancel)]);
    let completion = run.completion();
    let Some(Attributes::ScheduleActivityTaskCommandAttributes(command)) = &completion.commands[0].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!(command.activity_id, "1");
    assert!(command.use_workflow_build_id, "it stays on the workflow's own task queue");
    assert!(command.request_eager_execution);

    history.completed();
    let scheduled = history.activity_scheduled("1", "greet");
    history.activity_started(scheduled);
    history.activity_completed(scheduled);
    history.task();
    run.task(history.after(first));
    assert_eq!(run.jobs(), ["ResolveActivity(1, Completed)"]);
}

#[test]
fn an_activity_fails() {
    let (mut history, scheduled, second) = signalled(true);
    let mut run = signalled_run(&history, ActivityCancellationType::TryCancel);
    run.respond([]);
    run.completion();
    history.completed();
    history.activity_failed(scheduled, "boom");
    history.task();
    run.task(history.after(second));
    let activation = run.activation();
    let Job::ResolveActivity(resolution) = first_job(&activation) else { panic!("{activation:?}") };
    let failure = resolution.result.clone().expect("resolved").unwrap_failure();
    assert_eq!(failure.message, "Activity task failed");
    assert_eq!(failure.cause.expect("it has one").message, "boom");
}

#[test]
fn cancelled_before_it_is_sent() {
    for cancellation_type in [
        ActivityCancellationType::TryCancel,
        ActivityCancellationType::WaitCancellationCompleted,
        ActivityCancellationType::Abandon,
    ] {
        let mut history = Builder::new();
        history.task();
        let mut run = Run::of(history.full());
        run.activation();
        run.respond([schedule(cancellation_type), CANCEL]);
        assert_eq!(run.jobs(), ["ResolveActivity(1, Cancelled)"], "{cancellation_type:?}");
        run.respond([]);
        assert_eq!(run.commands(), [], "{cancellation_type:?}");
    }
}

/// Tries: the workflow hears of the cancellation at once, and of nothing later.
#[test]
fn try_cancel() {
    let (mut history, scheduled, second) = signalled(false);
    let mut run = signalled_run(&history, ActivityCancellationType::TryCancel);
    run.respond([CANCEL]);
    assert_eq!(run.jobs(), ["ResolveActivity(1, Cancelled)"]);
    run.respond([]);
    assert_eq!(run.commands(), [CommandType::RequestCancelActivityTask]);

    history.completed();
    history.activity_cancel_requested(scheduled);
    history.activity_canceled(scheduled);
    history.signaled("go on");
    history.task();
    run.task(history.after(second));
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
}

/// Waits: the workflow hears of the outcome, here that the activity completed nevertheless.
#[test]
fn wait_for_cancellation() {
    let (mut history, scheduled, second) = signalled(true);
    let mut run = signalled_run(&history, ActivityCancellationType::WaitCancellationCompleted);
    run.respond([CANCEL]);
    assert_eq!(run.commands(), [CommandType::RequestCancelActivityTask]);

    history.completed();
    history.activity_cancel_requested(scheduled);
    history.activity_completed(scheduled);
    history.task();
    run.task(history.after(second));
    assert_eq!(run.jobs(), ["ResolveActivity(1, Completed)"]);
}

/// Abandons: the server hears nothing, the workflow hears nothing more.
#[test]
fn abandon() {
    let (mut history, scheduled, second) = signalled(false);
    let mut run = signalled_run(&history, ActivityCancellationType::Abandon);
    run.respond([CANCEL]);
    assert_eq!(run.jobs(), ["ResolveActivity(1, Cancelled)"]);
    run.respond([]);
    assert_eq!(run.commands(), []);

    history.completed();
    history.activity_started(scheduled);
    history.activity_completed(scheduled);
    history.signaled("go on");
    history.task();
    run.task(history.after(second));
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
}

fn replayed_with_other_type(flags: &[u32]) -> Result<(), Error> {
    let mut history = Builder::with_flags(flags);
    history.task();
    history.completed();
    let scheduled = history.activity_scheduled("1", "greet_politely");
    history.activity_started(scheduled);
    history.activity_completed(scheduled);
    history.task();
    history.completed();
    history.workflow_completed();
    let mut run = Run::of(history.full());
    run.activation();
    run.try_respond([schedule(ActivityCancellationType::TryCancel)])
}

#[test]
fn another_type_is_nondeterminism() {
    let error = replayed_with_other_type(&[1]).expect_err("the types differ");
    assert_eq!(
        kind(error).to_string(),
        r#"the activity type is "greet_politely" in history and "greet" in the workflow's command"#
    );
}

#[test]
fn histories_without_the_flag_are_not_checked_for_types() {
    replayed_with_other_type(&[]).expect("it was recorded before types were checked");
}
