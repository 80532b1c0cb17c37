//! Child workflows.

use temporalio_common::protos::{
    coresdk::{
        child_workflow::ChildWorkflowCancellationType,
        workflow_commands::{CancelChildWorkflowExecution, StartChildWorkflowExecution},
    },
    temporal::api::command::v1::command::Attributes,
};

use super::*;

fn start(cancellation_type: ChildWorkflowCancellationType) -> Variant {
    Variant::StartChildWorkflowExecution(StartChildWorkflowExecution {
        seq: 1,
        namespace: "default".into(),
        workflow_id: "child".into(),
        workflow_type: "Child".into(),
        cancellation_type: cancellation_type.into(),
        ..Default::default()
    })
}

fn cancel() -> Variant {
    Variant::CancelChildWorkflowExecution(CancelChildWorkflowExecution {
        child_workflow_seq: 1,
        reason: "enough".into(),
    })
}

/// A parent whose child runs; it gets a signal in its third task.
fn running(cancellation_type: ChildWorkflowCancellationType) -> (Builder, i64, i64, Run) {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let initiated = history.child_initiated("child");
    history.child_started(initiated);
    history.task();
    history.completed();
    history.signaled("stop");
    let third = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([start(cancellation_type)]);
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecutionStart"]);
    run.respond([]);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
    (history, initiated, third, run)
}

#[test]
fn a_child_starts_and_completes() {
    let (mut history, initiated, third, mut run) = running(ChildWorkflowCancellationType::TryCancel);
    run.respond([]);
    run.completion();
    history.completed();
    history.child_completed(initiated);
    history.task();
    run.task(history.after(third));
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecution"]);
}

#[test]
fn cancelled_before_it_is_sent() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([start(ChildWorkflowCancellationType::WaitCancellationCompleted), cancel()]);
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecutionStart"]);
    run.respond([]);
    assert_eq!(run.commands(), []);
}

#[test]
fn waiting_asks_the_server_and_hears_the_outcome() {
    let (mut history, initiated, third, mut run) =
        running(ChildWorkflowCancellationType::WaitCancellationCompleted);
    run.respond([cancel()]);
    let completion = run.completion();
    let Some(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(request)) =
        &completion.commands[0].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!((request.workflow_id.as_str(), request.run_id.as_str()), ("child", "child-run"));
    assert_eq!((request.child_workflow_only, request.reason.as_str()), (true, "enough"));

    history.completed();
    history.cancel_external_initiated();
    history.child_canceled(initiated);
    history.task();
    run.task(history.after(third));
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecution"]);
}

#[test]
fn trying_asks_the_server_and_hears_at_once() {
    let (mut history, initiated, third, mut run) = running(ChildWorkflowCancellationType::TryCancel);
    run.respond([cancel()]);
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecution"]);
    run.respond([]);
    assert_eq!(run.commands(), [CommandType::RequestCancelExternalWorkflowExecution]);

    history.completed();
    history.cancel_external_initiated();
    history.child_completed(initiated);
    history.signaled("go on");
    history.task();
    run.task(history.after(third));
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
}

#[test]
fn abandoning_asks_nobody() {
    let (_, _, _, mut run) = running(ChildWorkflowCancellationType::Abandon);
    run.respond([cancel()]);
    assert_eq!(run.jobs(), ["ResolveChildWorkflowExecution"]);
    run.respond([]);
    assert_eq!(run.commands(), []);
}

#[test]
fn another_workflow_id_is_nondeterminism() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.child_initiated("somebody else's child");
    history.signaled("go");
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let error = run.try_respond([start(ChildWorkflowCancellationType::Abandon)]).expect_err("other id");
    assert!(matches!(kind(error), Mismatch::OtherIdentity { what: "child workflow id", .. }));
}
