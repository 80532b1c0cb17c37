//! How runs begin, and how they end from outside.

use temporalio_common::protos::temporal::api::{
    common::v1::{Callback, RetryPolicy, callback},
    enums::v1::{RetryState, WorkflowIdConflictPolicy},
    failure::v1::Failure,
    history::v1::history_event::Attributes,
    workflowservice::v1::{RequestCancelWorkflowExecutionRequest, TerminateWorkflowExecutionRequest},
};
use tonic::Code;

use super::*;
use crate::clock;

fn terminate(workflow_id: &str) -> TerminateWorkflowExecutionRequest {
    TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(workflow_id)),
        ..Default::default()
    }
}

fn cancel(workflow_id: &str) -> RequestCancelWorkflowExecutionRequest {
    RequestCancelWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(workflow_id)),
        ..Default::default()
    }
}

#[test]
fn the_same_start_twice_is_one_run() {
    let mut server = Server::new();
    let request = StartWorkflowExecutionRequest { request_id: "r".to_owned(), ..start("wf") };
    let first = server.call(request.clone()).unwrap();
    let second = server.call(request).unwrap();
    assert_eq!((first.run_id, true), (second.run_id, second.started));
}

#[test]
fn an_open_run_is_in_the_way_unless_the_policy_says_otherwise() {
    let mut server = Server::new();
    let run_id = server.start("wf");
    let with = |policy: WorkflowIdConflictPolicy| StartWorkflowExecutionRequest {
        workflow_id_conflict_policy: policy as i32,
        ..start("wf")
    };
    let error = server.call(with(WorkflowIdConflictPolicy::Fail)).unwrap_err();
    assert_eq!(error.code, Code::AlreadyExists);
    assert_eq!(error.details.len(), 1);
    let existing = server.call(with(WorkflowIdConflictPolicy::UseExisting)).unwrap();
    assert_eq!((existing.started, &existing.run_id), (false, &run_id));
    let other = server.call(with(WorkflowIdConflictPolicy::TerminateExisting)).unwrap();
    assert!(other.started && other.run_id != run_id);
}

#[test]
fn a_delayed_start_sleeps_through_signals_but_not_through_a_cancellation() {
    let mut server = Server::new();
    let delayed = |workflow_id| StartWorkflowExecutionRequest {
        workflow_start_delay: Some(clock::to_proto(seconds(60))),
        ..start(workflow_id)
    };
    for workflow_id in ["signalled", "cancelled"] {
        server.call(delayed(workflow_id)).unwrap();
    }
    server.signal("signalled", "s");
    server.call(cancel("cancelled")).unwrap();
    assert_eq!(server.history("signalled"), "Started Signaled");
    assert_eq!(server.history("cancelled"), "Started CancelRequested TaskScheduled");
    server.advance(seconds(60));
    assert_eq!(server.history("signalled"), "Started Signaled TaskScheduled");
    assert_eq!(server.history("cancelled"), "Started CancelRequested TaskScheduled");
}

#[test]
fn a_cancellation_is_asked_for_once() {
    let mut server = Server::new();
    server.start("wf");
    server.call(cancel("wf")).unwrap();
    server.call(cancel("wf")).unwrap();
    assert_eq!(server.history("wf"), "Started TaskScheduled CancelRequested");
    server.call(terminate("wf")).unwrap();
    server.call(cancel("wf")).expect("a closed run has nothing against it");
}

#[test]
fn a_started_task_fails_before_its_run_is_terminated() {
    let mut server = Server::new();
    server.start("wf");
    server.poll();
    server.signal("wf", "s");
    server.call(terminate("wf")).unwrap();
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskFailed Signaled Terminated");
    assert_eq!(server.call(terminate("wf")).unwrap_err().message, "workflow execution already completed");
}

#[test]
fn a_run_times_out_at_its_very_instant() {
    let mut server = Server::new();
    let timeout = Some(clock::to_proto(seconds(5)));
    server.call(StartWorkflowExecutionRequest { workflow_run_timeout: timeout, ..start("wf") }).unwrap();
    assert_eq!(server.cluster.next_deadline(), Some(server.now + seconds(5)));
    server.advance(seconds(5));
    assert_eq!(server.history("wf"), "Started TaskScheduled TimedOut");
}

#[test]
fn a_failed_run_is_retried_as_its_policy_says() {
    let mut server = Server::new();
    let policy = RetryPolicy { maximum_attempts: 2, ..Default::default() };
    server.call(StartWorkflowExecutionRequest { retry_policy: Some(policy), ..start("wf") }).unwrap();
    let fail_workflow = || {
        use temporalio_common::protos::temporal::api::command::v1::FailWorkflowExecutionCommandAttributes;
        let failure = Some(Failure { message: "no".to_owned(), ..Default::default() });
        command(super::Attributes::FailWorkflowExecutionCommandAttributes(
            FailWorkflowExecutionCommandAttributes { failure },
        ))
    };
    let task = server.poll();
    server.complete(&task, vec![fail_workflow()]).unwrap();
    assert_eq!(server.history("wf"), "Started", "the second attempt backs off");
    server.advance(seconds(1));
    let task = server.poll();
    server.complete(&task, vec![fail_workflow()]).unwrap();
    match server.events("wf").last().and_then(|event| event.attributes.clone()) {
        Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) => {
            assert_eq!(failed.retry_state(), RetryState::MaximumAttemptsReached);
            assert_eq!(failed.new_execution_run_id, "");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_continues_as_new_starts_again_no_sooner_than_after_a_second() {
    let mut server = Server::new();
    let first = server.start("wf");
    let task = server.poll();
    let command =
        command(super::Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default()));
    server.complete(&task, vec![command]).unwrap();
    assert_eq!(server.history("wf"), "Started");
    match &server.events("wf")[0].attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
            assert_eq!(started.first_workflow_task_backoff, Some(clock::to_proto(seconds(1))));
            assert_eq!(started.continued_execution_run_id, first);
        }
        other => panic!("{other:?}"),
    }
    server.advance(seconds(1));
    assert_eq!(server.history("wf"), "Started TaskScheduled");
}

#[test]
fn what_is_not_served_is_named() {
    let mut server = Server::new();
    let handler = Some(callback::Variant::NexusHandler(Default::default()));
    let callbacks = vec![Callback { variant: handler, ..Default::default() }];
    let request = StartWorkflowExecutionRequest { completion_callbacks: callbacks, ..start("wf") };
    let error = server.call(request).unwrap_err();
    assert_eq!(error.code, Code::Unimplemented);
    assert!(error.message.contains("completion callback"), "{error}");
}

#[test]
fn a_history_that_becomes_too_long_ends_its_run() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    let error = server.complete(&task, vec![record_marker("m"); 51_200]).unwrap_err();
    assert_eq!(error.message, "Workflow history count exceeds limit.");
    let last = server.events("wf").last().map(HistoryEvent::event_type);
    assert_eq!(last, Some(EventType::WorkflowExecutionTerminated));
}

#[test]
fn one_workflow_signals_another() {
    use temporalio_common::protos::temporal::api::command::v1::SignalExternalWorkflowExecutionCommandAttributes;
    let mut server = Server::new();
    server.start("target");
    server.poll();
    server.start("wf");
    let task = server.poll();
    let signal = Command {
        command_type: CommandType::SignalExternalWorkflowExecution as i32,
        attributes: Some(super::Attributes::SignalExternalWorkflowExecutionCommandAttributes(
            SignalExternalWorkflowExecutionCommandAttributes {
                execution: Some(execution("target")),
                signal_name: "s".to_owned(),
                ..Default::default()
            },
        )),
        ..Default::default()
    };
    server.complete(&task, vec![signal]).unwrap();
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskCompleted SignalExternalInitiated ExternalSignaled TaskScheduled"
    );
    server.advance(seconds(10));
    assert_eq!(
        server.history("target"),
        "Started TaskScheduled TaskStarted TaskTimedOut Signaled TaskScheduled",
        "the signal has waited for the task of its target to end"
    );
}
