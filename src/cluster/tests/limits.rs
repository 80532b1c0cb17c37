//! Limits that somebody has chosen.

use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads},
    enums::v1::ParentClosePolicy,
    history::v1::history_event,
    workflowservice::v1::{DescribeWorkflowExecutionRequest, ExecuteMultiOperationRequest},
};

use super::{super::Limits, *};

/// A cluster that takes less than a real one.
fn server(change: impl FnOnce(&mut Limits)) -> Server {
    let mut limits = Limits::default();
    change(&mut limits);
    Server::with(Config { limits, ..Config::default() })
}

fn payloads(size: usize) -> Option<Payloads> {
    Some(Payloads { payloads: vec![Payload { data: vec![0; size], ..Default::default() }] })
}

#[test]
fn an_id_may_be_longer_than_a_real_server_takes_it() {
    let long = "x".repeat(1001);
    assert!(Server::new().call(start(&long)).unwrap_err().message.contains("(1001/1000)"));
    let mut server = server(|limits| limits.id_length = 1001);
    server.start(&long);
}

#[test]
fn a_payload_may_be_no_larger_than_a_blob() {
    let mut server = server(|limits| limits.blob_size = 100);
    let error =
        server.call(StartWorkflowExecutionRequest { input: payloads(100), ..start("wf") }).unwrap_err();
    assert_eq!(error.message, "Blob data size exceeds limit.");
    server.call(StartWorkflowExecutionRequest { input: payloads(50), ..start("wf") }).unwrap();
}

#[test]
fn a_long_history_suggests_to_continue_as_new_and_then_ends_its_run() {
    let mut server = server(|limits| {
        limits.history_count_suggest_continue_as_new = 8;
        limits.history_count = 12;
    });
    server.start("wf");
    let suggested = |task: &PollWorkflowTaskQueueResponse| {
        let started = task.history.as_ref().and_then(|history| history.events.last());
        match started.and_then(|event| event.attributes.as_ref()) {
            Some(history_event::Attributes::WorkflowTaskStartedEventAttributes(started)) => {
                started.suggest_continue_as_new
            }
            other => panic!("{other:?}"),
        }
    };
    let task = server.poll();
    assert!(!suggested(&task));
    server.complete(&task, vec![record_marker("m"); 3]).unwrap();
    server.signal("wf", "s");
    let task = server.poll();
    assert!(suggested(&task));
    let error = server.complete(&task, vec![record_marker("m"); 2]).unwrap_err();
    assert_eq!(error.message, "Workflow history count exceeds limit.");
    assert!(server.history("wf").ends_with("Terminated"));
}

#[test]
fn a_run_has_no_more_children_than_it_may() {
    let mut server = server(|limits| limits.pending_children = 1);
    server.start("wf");
    let task = server.poll();
    let child = |id| children::start_child(id, "tq", ParentClosePolicy::Abandon);
    let error = server.complete(&task, vec![child("a"), child("b")]).unwrap_err();
    assert_eq!(
        error.message,
        "PendingChildWorkflowsLimitExceeded: the number of pending child workflow executions, 1, has reached the \
         per-workflow limit of 1"
    );
}

#[test]
fn a_run_takes_no_more_signals_than_it_may() {
    let mut server = server(|limits| limits.signals = 1);
    server.start("wf");
    server.signal("wf", "first");
    let error = server
        .call(SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: Some(execution("wf")),
            signal_name: "second".to_owned(),
            ..Default::default()
        })
        .unwrap_err();
    assert_eq!(error.message, "exceeded workflow execution limit for signal events");
}

#[test]
fn what_is_written_at_once_may_not_be_too_large() {
    let mut server = server(|limits| limits.transaction_size = 1000);
    server.start("wf");
    let task = server.poll();
    let error = server.complete(&task, vec![record_marker("m"); 100]).unwrap_err();
    assert_eq!(error.message, "Transaction size exceeds limit.");
    assert!(server.history("wf").ends_with("Terminated"));
}

#[test]
fn what_is_too_much_leaves_nothing_behind() {
    let mut server = server(|limits| limits.transaction_size = 1000);
    server.start("wf");
    let task = server.poll();
    let child = children::start_child("child", "tq", ParentClosePolicy::Abandon);
    let mut commands = vec![record_marker("m"); 100];
    commands.push(child);
    server.complete(&task, commands).unwrap_err();
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskFailed Terminated");
    let describe = DescribeWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        execution: Some(execution("child")),
    };
    assert!(server.call(describe).is_err(), "the child has not started");
    let describe = DescribeWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        execution: Some(execution("wf")),
    };
    assert_eq!(server.call(describe).unwrap().pending_children, []);
}

#[test]
fn a_run_that_keeps_too_much_is_terminated() {
    let mut server = server(|limits| limits.mutable_state_size = 10_000);
    server.start("wf");
    let _task = server.poll();
    let signal = |size| SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution("wf")),
        signal_name: "s".to_owned(),
        input: payloads(size),
        ..Default::default()
    };
    server.call(signal(5000)).expect("a signal that is held back");
    let error = server.call(signal(5000)).unwrap_err();
    assert_eq!(error.message, "Workflow mutable state size exceeds limit.");
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskFailed Signaled Terminated");
}

#[test]
fn a_run_counts_what_has_changed_it() {
    let mut server = Server::new();
    server.start("wf");
    let count = |server: &mut Server| {
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: Some(execution("wf")),
        };
        server.call(request).unwrap().workflow_execution_info.unwrap().state_transition_count
    };
    assert_eq!(count(&mut server), 1);
    let task = server.poll();
    assert_eq!(count(&mut server), 2);
    server.complete(&task, Vec::new()).unwrap();
    assert_eq!(count(&mut server), 3);
    server.signal("wf", "s");
    assert_eq!(count(&mut server), 4);
    // What is refused changes nothing.
    server.call(ExecuteMultiOperationRequest::default()).unwrap_err();
    server.complete(&task, Vec::new()).unwrap_err();
    assert_eq!(count(&mut server), 4);
}
