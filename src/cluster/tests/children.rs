//! Child workflows, and commands for other workflows.

use temporalio_common::protos::temporal::api::{
    command::v1::{
        CancelWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
        FailWorkflowExecutionCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes, StartChildWorkflowExecutionCommandAttributes,
    },
    common::v1::RetryPolicy,
    enums::v1::{ParentClosePolicy as Policy, WorkflowIdConflictPolicy},
    failure::v1::Failure,
    history::v1::history_event,
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, DescribeWorkflowExecutionRequest, RegisterNamespaceRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::*;
use crate::clock;

/// The task queue of the children.
const CHILDREN: &str = "children";

/// The least that time can pass: everything that happens at this instant has happened.
const A_MOMENT: Duration = Duration::from_nanos(1);

/// The child that each policy is tried on.
const POLICIES: [(Policy, &str); 3] =
    [(Policy::Terminate, "terminated"), (Policy::RequestCancel, "cancelled"), (Policy::Abandon, "abandoned")];

pub(super) fn start_child(workflow_id: &str, task_queue: &str, policy: Policy) -> Command {
    command(Attributes::StartChildWorkflowExecutionCommandAttributes(
        StartChildWorkflowExecutionCommandAttributes {
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: "C".to_owned() }),
            task_queue: Some(queue(task_queue)),
            parent_close_policy: policy as i32,
            ..Default::default()
        },
    ))
}

fn signal_target(namespace: &str) -> Command {
    command(Attributes::SignalExternalWorkflowExecutionCommandAttributes(
        SignalExternalWorkflowExecutionCommandAttributes {
            namespace: namespace.to_owned(),
            execution: Some(execution("target")),
            signal_name: "s".to_owned(),
            ..Default::default()
        },
    ))
}

fn cancel_target(namespace: &str) -> Command {
    command(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(
        RequestCancelExternalWorkflowExecutionCommandAttributes {
            namespace: namespace.to_owned(),
            workflow_id: "target".to_owned(),
            ..Default::default()
        },
    ))
}

fn fail_workflow() -> Command {
    let failure = Some(Failure { message: "no".to_owned(), ..Default::default() });
    command(Attributes::FailWorkflowExecutionCommandAttributes(FailWorkflowExecutionCommandAttributes {
        failure,
    }))
}

fn continue_as_new() -> Command {
    command(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(
        ContinueAsNewWorkflowExecutionCommandAttributes::default(),
    ))
}

fn terminate(workflow_id: &str) -> TerminateWorkflowExecutionRequest {
    TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(workflow_id)),
        ..Default::default()
    }
}

fn delete(workflow_id: &str) -> DeleteWorkflowExecutionRequest {
    DeleteWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(workflow_id)),
    }
}

impl Server {
    /// The next task of a child.
    fn poll_child(&mut self) -> PollWorkflowTaskQueueResponse {
        self.call(super::poll(queue(CHILDREN))).expect("a workflow task of a child")
    }

    /// The workflow takes its next task and answers with these commands.
    fn step(&mut self, commands: Vec<Command>) {
        let task = self.poll();
        self.complete(&task, commands).expect("commands that are carried out");
    }

    /// A workflow `wf` with one child `child`, whose start it has seen.
    fn with_child(policy: Policy) -> Self {
        let mut server = Self::new();
        server.start("wf");
        server.step(vec![start_child("child", CHILDREN, policy)]);
        server.step(Vec::new());
        server
    }

    fn pending_children(&mut self, workflow_id: &str) -> Vec<(i64, String)> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: Some(execution(workflow_id)),
        };
        let described = self.call(request).expect("a description");
        described.pending_children.into_iter().map(|child| (child.initiated_id, child.workflow_id)).collect()
    }
}

/// A way in which a parent can close: how it is started, and what closes it.
struct Way {
    name: &'static str,
    start: StartWorkflowExecutionRequest,
    close: fn(&mut Server),
}

fn ways_to_close() -> Vec<Way> {
    let way = |name, close| Way { name, start: start("wf"), close };
    let retries = Some(RetryPolicy { maximum_attempts: 3, ..Default::default() });
    let run_timeout = Some(clock::to_proto(seconds(30)));
    vec![
        way("completes", |server| server.step(vec![complete_workflow()])),
        way("fails", |server| server.step(vec![fail_workflow()])),
        way("cancels", |server| {
            let attributes = CancelWorkflowExecutionCommandAttributes::default();
            server.step(vec![command(Attributes::CancelWorkflowExecutionCommandAttributes(attributes))]);
        }),
        way("continues as new", |server| server.step(vec![continue_as_new()])),
        Way {
            name: "is retried",
            start: StartWorkflowExecutionRequest { retry_policy: retries, ..start("wf") },
            close: |server| server.step(vec![fail_workflow()]),
        },
        Way {
            name: "is followed by its cron schedule",
            start: StartWorkflowExecutionRequest { cron_schedule: "@every 1s".to_owned(), ..start("wf") },
            close: |server| server.step(vec![complete_workflow()]),
        },
        Way {
            name: "times out",
            start: StartWorkflowExecutionRequest { workflow_run_timeout: run_timeout, ..start("wf") },
            close: |server| server.advance(seconds(30)),
        },
        way("is terminated", |server| {
            server.call(terminate("wf")).expect("a termination");
        }),
        way("makes way for another run", |server| {
            let policy = WorkflowIdConflictPolicy::TerminateExisting as i32;
            let restart =
                StartWorkflowExecutionRequest { workflow_id_conflict_policy: policy, ..start("wf") };
            server.call(restart).expect("a start");
        }),
        way("is deleted", |server| {
            server.call(delete("wf")).expect("a deletion");
        }),
        way("asks for too much", |server| {
            let task = server.poll();
            let mut command = start_child("large", CHILDREN, Policy::Abandon);
            if let Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)) =
                &mut command.attributes
            {
                child.input = Some(crate::cluster::payloads::json(&"x".repeat(3 << 20)));
            }
            server.complete(&task, vec![command]).expect_err("the input is too large");
        }),
    ]
}

#[test]
fn children_end_as_their_policies_say_however_the_parent_closes() {
    for Way { name, start, close } in ways_to_close() {
        let mut server = Server::new();
        server.call(start).expect("a start");
        server.advance(seconds(1));
        server.step(POLICIES.map(|(policy, id)| start_child(id, CHILDREN, policy)).into());
        close(&mut server);
        server.advance(A_MOMENT);
        let histories = POLICIES.map(|(_, id)| server.history(id));
        let expected = [
            "Started TaskScheduled Terminated",
            "Started TaskScheduled CancelRequested",
            "Started TaskScheduled",
        ];
        assert_eq!(histories, expected, "a parent that {name}");
    }
}

#[test]
fn a_policy_means_the_run_that_the_child_has_come_to() {
    let mut server = Server::with_child(Policy::Terminate);
    let task = server.poll_child();
    server.complete(&task, vec![continue_as_new()]).expect("a next run");
    server.advance(seconds(1));
    let next = server.poll_child();
    assert_ne!(next.workflow_execution, task.workflow_execution);
    server.call(terminate("wf")).expect("a termination");
    server.advance(A_MOMENT);
    assert_eq!(server.history("child"), "Started TaskScheduled TaskStarted TaskFailed Terminated");
}

#[test]
fn a_child_completes_what_it_has_pending_at_the_instant_of_its_end() {
    let mut server = Server::with_child(Policy::Terminate);
    server.call(terminate("wf")).expect("a termination");
    let task = server.poll_child();
    server.complete(&task, vec![record_marker("here")]).expect("a completion");
    server.advance(A_MOMENT);
    let history = server.history("child");
    assert_eq!(history, "Started TaskScheduled TaskStarted TaskCompleted MarkerRecorded Terminated");
}

#[test]
fn a_child_that_has_nothing_pending_ends_with_its_parent() {
    let mut server = Server::with_child(Policy::Terminate);
    let task = server.poll_child();
    server.complete(&task, Vec::new()).expect("a completion");
    server.call(terminate("wf")).expect("a termination");
    assert_eq!(server.history("child"), "Started TaskScheduled TaskStarted TaskCompleted Terminated");
}

#[test]
fn another_workflow_of_the_same_id_is_not_the_child() {
    let mut server = Server::with_child(Policy::Terminate);
    let policy = WorkflowIdConflictPolicy::TerminateExisting as i32;
    server
        .call(StartWorkflowExecutionRequest { workflow_id_conflict_policy: policy, ..start("child") })
        .expect("a start");
    assert!(server.history("wf").ends_with("ChildTerminated TaskScheduled"));
    server.call(terminate("wf")).expect("a termination");
    server.advance(A_MOMENT);
    assert_eq!(server.history("child"), "Started TaskScheduled");
}

#[test]
fn the_parent_hears_of_the_end_of_the_chain_only() {
    let mut server = Server::with_child(Policy::Terminate);
    let task = server.poll_child();
    let first = task.workflow_execution.clone();
    server.complete(&task, vec![continue_as_new()]).expect("a next run");
    assert_eq!(server.pending_children("wf"), [(5, "child".to_owned())]);
    server.advance(seconds(1));
    let task = server.poll_child();
    let last = task.workflow_execution.clone();
    server.complete(&task, vec![complete_workflow()]).expect("a completion");
    assert_eq!(server.pending_children("wf"), []);

    let events = server.events("wf");
    let of_child = |event: &HistoryEvent| match &event.attributes {
        Some(history_event::Attributes::ChildWorkflowExecutionStartedEventAttributes(started)) => {
            Some((event.event_id, started.workflow_execution.clone()))
        }
        Some(history_event::Attributes::ChildWorkflowExecutionCompletedEventAttributes(completed)) => {
            Some((completed.started_event_id, completed.workflow_execution.clone()))
        }
        _ => None,
    };
    let of_child: Vec<_> = events.iter().filter_map(of_child).collect();
    assert_eq!(of_child, [(6, first), (6, last)], "both name the same ChildWorkflowExecutionStarted event");
}

#[test]
fn a_child_that_is_deleted_has_been_terminated_for_its_parent() {
    let mut server = Server::with_child(Policy::Abandon);
    server.call(delete("child")).expect("a deletion");
    assert!(server.history("wf").ends_with("ChildTerminated TaskScheduled"));
}

#[test]
fn a_child_may_make_way_for_itself() {
    // The parent has the id that the child asks for, and it is the parent that has to make way.
    let mut server = Server::new();
    server.start("wf");
    let mut command = start_child("wf", CHILDREN, Policy::Terminate);
    if let Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)) = &mut command.attributes {
        use temporalio_common::protos::temporal::api::enums::v1::WorkflowIdReusePolicy;
        child.workflow_id_reuse_policy = WorkflowIdReusePolicy::TerminateIfRunning as i32;
    }
    server.step(vec![command]);
    server.advance(A_MOMENT);
    assert_eq!(server.history("wf"), "Started TaskScheduled Terminated", "the child ends with its parent");
}

#[test]
fn commands_stay_in_their_namespace() {
    let mut server = Server::new();
    server
        .call(RegisterNamespaceRequest {
            namespace: "other".to_owned(),
            workflow_execution_retention_period: Some(clock::to_proto(seconds(86_400))),
            ..Default::default()
        })
        .expect("a namespace");
    let mut child = start_child("child", CHILDREN, Policy::Abandon);
    if let Some(Attributes::StartChildWorkflowExecutionCommandAttributes(attributes)) = &mut child.attributes
    {
        attributes.namespace = "other".to_owned();
    }
    let (signal, cancel) = (signal_target("other"), cancel_target("other"));
    for (workflow_id, command, cause) in [
        ("child", child, "BadStartChildExecutionAttributes"),
        ("signal", signal, "BadSignalWorkflowExecutionAttributes"),
        ("cancel", cancel, "BadRequestCancelExternalWorkflowExecutionAttributes"),
    ] {
        server.start(workflow_id);
        let task = server.poll();
        let error = server.complete(&task, vec![command]).expect_err("another namespace");
        assert_eq!(error.message, format!("{cause}: cross namespace commands are not allowed"));
        server.call(terminate(workflow_id)).expect("a termination");
    }
}

#[test]
fn one_task_sends_at_most_two_thousand_signals_or_cancellations() {
    for (command, message) in [
        (
            signal_target(""),
            "PendingSignalsLimitExceeded: the number of pending signals to external workflows, 2000, has reached \
             the per-workflow limit of 2000",
        ),
        (
            cancel_target(""),
            "PendingRequestCancelLimitExceeded: the number of pending requests to cancel external workflows, \
             2000, has reached the per-workflow limit of 2000",
        ),
    ] {
        let mut server = Server::new();
        server.start("wf");
        let task = server.poll();
        let error = server.complete(&task, vec![command.clone(); 2001]).expect_err("one too many");
        assert_eq!(error.message, message);
        assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskFailed", "nothing is sent");
        let task = server.poll();
        server.complete(&task, vec![command; 2000]).expect("as many as there may be");
    }
}
