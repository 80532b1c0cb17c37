//! Signals and cancellation requests to other workflows.

use temporalio_common::protos::{
    coresdk::{
        common::NamespacedWorkflowExecution,
        workflow_commands::{
            CancelSignalWorkflow, RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution,
            signal_external_workflow_execution::Target,
        },
    },
    temporal::api::{
        command::v1::command::Attributes as Command,
        enums::v1::{EventType, SignalExternalWorkflowExecutionFailedCause},
        history::v1::{history_event::Attributes, *},
    },
};

use super::*;

fn signal() -> Variant {
    Variant::SignalExternalWorkflowExecution(SignalExternalWorkflowExecution {
        seq: 1,
        signal_name: "hello".into(),
        target: Some(Target::ChildWorkflowId("child".into())),
        ..Default::default()
    })
}

fn begun() -> (Builder, i64, Run) {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    (history, first, run)
}

#[test]
#[allow(deprecated, reason = "servers still tell other namespaces apart by it")]
fn a_signal_to_a_child_goes_to_the_workflows_own_namespace_and_may_fail() {
    let (mut history, first, mut run) = begun();
    run.respond([signal()]);
    let completion = run.completion();
    let Some(Command::SignalExternalWorkflowExecutionCommandAttributes(command)) =
        &completion.commands[0].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!((command.namespace.as_str(), command.child_workflow_only), ("default", true));

    history.completed();
    let initiated = history.add(
        EventType::SignalExternalWorkflowExecutionInitiated,
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(Default::default()),
    );
    history.add(
        EventType::SignalExternalWorkflowExecutionFailed,
        Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(
            SignalExternalWorkflowExecutionFailedEventAttributes {
                initiated_event_id: initiated,
                cause: SignalExternalWorkflowExecutionFailedCause::ExternalWorkflowExecutionNotFound.into(),
                ..Default::default()
            },
        ),
    );
    history.task();
    run.task(history.after(first));
    let activation = run.activation();
    let Job::ResolveSignalExternalWorkflow(resolution) = first_job(&activation) else {
        panic!("{activation:?}")
    };
    let failure = resolution.failure.as_ref().expect("it failed");
    assert_eq!(failure.message, "Unable to signal external workflow because it was not found");
}

#[test]
fn a_signal_taken_back_at_once_is_not_sent() {
    let (_, _, mut run) = begun();
    run.respond([signal(), Variant::CancelSignalWorkflow(CancelSignalWorkflow { seq: 1 })]);
    assert_eq!(run.jobs(), ["ResolveSignalExternalWorkflow"]);
    run.respond([]);
    assert_eq!(run.commands(), []);
}

#[test]
fn a_cancellation_request_says_who_asks() {
    let (mut history, first, mut run) = begun();
    run.respond([Variant::RequestCancelExternalWorkflowExecution(RequestCancelExternalWorkflowExecution {
        seq: 4,
        workflow_execution: Some(NamespacedWorkflowExecution {
            workflow_id: "other".into(),
            ..Default::default()
        }),
        reason: "late".into(),
    })]);
    let completion = run.completion();
    let Some(Command::RequestCancelExternalWorkflowExecutionCommandAttributes(command)) =
        &completion.commands[0].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!(command.reason, "Cancel requested by workflow with run id run-1 with reason: late");

    history.completed();
    let initiated = history.cancel_external_initiated();
    history.add(
        EventType::ExternalWorkflowExecutionCancelRequested,
        Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
            ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id: initiated,
                ..Default::default()
            },
        ),
    );
    history.task();
    run.task(history.after(first));
    let activation = run.activation();
    let Job::ResolveRequestCancelExternalWorkflow(resolution) = first_job(&activation) else {
        panic!("{activation:?}")
    };
    assert_eq!((resolution.seq, resolution.failure.as_ref()), (4, None));
}
