//! Other options than workflow code asks for: applied to its commands on their way to the cluster.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use temporalio_common::protos::{
    coresdk::workflow_commands::{
        ScheduleLocalActivity, WorkflowCommand, workflow_command::Variant as SdkCommand,
    },
    temporal::api::{
        command::v1::{Command, command::Attributes},
        common::v1::RetryPolicy as ProtoRetryPolicy,
        workflowservice::v1::{
            StartWorkflowExecutionRequest, execute_multi_operation_request::operation::Operation,
        },
    },
};

use crate::{
    clock,
    policy::{ActivityOptions, RetryPolicy, WorkflowOptions, WorkflowTimeouts},
    rpc::Request,
};

/// The changes that a test wants, by the type of what they are for. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Overrides(Arc<Mutex<Changes>>);

#[derive(Default)]
struct Changes {
    activities: Vec<Change<ActivityOptions>>,
    local_activities: Vec<Change<ActivityOptions>>,
    workflows: Vec<Change<WorkflowOptions>>,
    child_workflows: Vec<Change<WorkflowOptions>>,
}

/// A change of the options of one type.
struct Change<O> {
    type_name: String,
    change: Box<dyn Fn(&mut O) + Send>,
}

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// An activity.
    Activity,
    /// A local activity.
    LocalActivity,
}

/// How a workflow is started that a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// By a client.
    Client,
    /// As a child.
    Child,
}

impl Overrides {
    /// Changes the options of an activity type from here on, after earlier changes.
    pub(crate) fn activity(
        &self,
        target: Target,
        type_name: &str,
        change: impl Fn(&mut ActivityOptions) + Send + 'static,
    ) {
        self.with(|changes| {
            let list = match target {
                Target::Activity => &mut changes.activities,
                Target::LocalActivity => &mut changes.local_activities,
            };
            list.push(Change { type_name: type_name.to_owned(), change: Box::new(change) });
        });
    }

    /// Changes the options of a workflow type from here on, after earlier changes.
    pub(crate) fn workflow(
        &self,
        start: Start,
        type_name: &str,
        change: impl Fn(&mut WorkflowOptions) + Send + 'static,
    ) {
        self.with(|changes| {
            let list = match start {
                Start::Client => &mut changes.workflows,
                Start::Child => &mut changes.child_workflows,
            };
            list.push(Change { type_name: type_name.to_owned(), change: Box::new(change) });
        });
    }

    /// Changes what a request asks for.
    pub(crate) fn rewrite(&self, request: &mut Request) {
        self.with(|changes| match request {
            Request::RespondWorkflowTaskCompleted(completed) => {
                completed.commands.iter_mut().for_each(|command| changes.rewrite_command(command));
            }
            Request::StartWorkflowExecution(start) => changes.rewrite_start(start),
            Request::SignalWithStartWorkflowExecution(start) => rewrite_workflow(
                &changes.workflows,
                start.workflow_type.as_ref().map_or("", |it| &it.name),
                [
                    &mut start.workflow_execution_timeout,
                    &mut start.workflow_run_timeout,
                    &mut start.workflow_task_timeout,
                ],
                &mut start.retry_policy,
            ),
            Request::ExecuteMultiOperation(operations) => {
                for operation in &mut operations.operations {
                    if let Some(Operation::StartWorkflow(start)) = &mut operation.operation {
                        changes.rewrite_start(start);
                    }
                }
            }
            _ => {}
        });
    }

    /// Whether a test wants other options for an activity.
    pub(crate) fn change_activities(&self) -> bool {
        self.with(|changes| !changes.activities.is_empty())
    }

    /// Whether a test wants other options for a child workflow.
    pub(crate) fn change_child_workflows(&self) -> bool {
        self.with(|changes| !changes.child_workflows.is_empty())
    }

    /// Changes the local activities among the commands of workflow code, which never reach the cluster.
    pub(crate) fn rewrite_sdk_commands(&self, commands: &mut [WorkflowCommand]) {
        self.with(|changes| {
            for command in commands {
                if let Some(SdkCommand::ScheduleLocalActivity(activity)) = &mut command.variant {
                    changes.rewrite_local_activity(activity);
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Changes) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Changes {
    fn rewrite_start(&self, start: &mut StartWorkflowExecutionRequest) {
        rewrite_workflow(
            &self.workflows,
            start.workflow_type.as_ref().map_or("", |it| &it.name),
            [
                &mut start.workflow_execution_timeout,
                &mut start.workflow_run_timeout,
                &mut start.workflow_task_timeout,
            ],
            &mut start.retry_policy,
        );
    }

    fn rewrite_command(&self, command: &mut Command) {
        match &mut command.attributes {
            Some(Attributes::ScheduleActivityTaskCommandAttributes(activity)) => rewrite_activity(
                &self.activities,
                activity.activity_type.as_ref().map_or("", |it| &it.name),
                [
                    &mut activity.schedule_to_close_timeout,
                    &mut activity.schedule_to_start_timeout,
                    &mut activity.start_to_close_timeout,
                    &mut activity.heartbeat_timeout,
                ],
                &mut activity.retry_policy,
            ),
            Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)) => rewrite_workflow(
                &self.child_workflows,
                child.workflow_type.as_ref().map_or("", |it| &it.name),
                [
                    &mut child.workflow_execution_timeout,
                    &mut child.workflow_run_timeout,
                    &mut child.workflow_task_timeout,
                ],
                &mut child.retry_policy,
            ),
            _ => {}
        }
    }

    fn rewrite_local_activity(&self, activity: &mut ScheduleLocalActivity) {
        let mut no_heartbeat = None;
        rewrite_activity(
            &self.local_activities,
            &activity.activity_type,
            [
                &mut activity.schedule_to_close_timeout,
                &mut activity.schedule_to_start_timeout,
                &mut activity.start_to_close_timeout,
                &mut no_heartbeat,
            ],
            &mut activity.retry_policy,
        );
    }
}

/// Writes back what the changes have changed, and nothing else.
fn rewrite_workflow(
    changes: &[Change<WorkflowOptions>],
    type_name: &str,
    timeouts: [&mut Option<prost_types::Duration>; 3],
    retry_policy: &mut Option<ProtoRetryPolicy>,
) {
    let Some(change) = changes_of(changes, type_name) else { return };
    let read = |timeout: &Option<prost_types::Duration>| timeout.as_ref().map(|it| clock::duration(Some(it)));
    let before = WorkflowOptions {
        timeouts: WorkflowTimeouts {
            execution_timeout: read(timeouts[0]),
            run_timeout: read(timeouts[1]),
            task_timeout: read(timeouts[2]),
        },
        retry_policy: retry_policy.as_ref().map(RetryPolicy::from_proto),
    };
    let after = change(&before);
    let [execution, run, task] = timeouts;
    for (timeout, before, after) in [
        (execution, before.timeouts.execution_timeout, after.timeouts.execution_timeout),
        (run, before.timeouts.run_timeout, after.timeouts.run_timeout),
        (task, before.timeouts.task_timeout, after.timeouts.task_timeout),
    ] {
        if before != after {
            *timeout = after.map(clock::to_proto);
        }
    }
    if before.retry_policy != after.retry_policy {
        *retry_policy = after.retry_policy.as_ref().map(RetryPolicy::to_proto);
    }
}

/// The same for an activity.
fn rewrite_activity(
    changes: &[Change<ActivityOptions>],
    type_name: &str,
    timeouts: [&mut Option<prost_types::Duration>; 4],
    retry_policy: &mut Option<ProtoRetryPolicy>,
) {
    let Some(change) = changes_of(changes, type_name) else { return };
    let read = |timeout: &Option<prost_types::Duration>| timeout.as_ref().map(|it| clock::duration(Some(it)));
    let before = ActivityOptions {
        schedule_to_close_timeout: read(timeouts[0]),
        schedule_to_start_timeout: read(timeouts[1]),
        start_to_close_timeout: read(timeouts[2]),
        heartbeat_timeout: read(timeouts[3]),
        retry_policy: retry_policy.as_ref().map(RetryPolicy::from_proto).unwrap_or_default(),
    };
    let after = change(&before);
    let [schedule_to_close, schedule_to_start, start_to_close, heartbeat] = timeouts;
    for (timeout, before, after) in [
        (schedule_to_close, before.schedule_to_close_timeout, after.schedule_to_close_timeout),
        (schedule_to_start, before.schedule_to_start_timeout, after.schedule_to_start_timeout),
        (start_to_close, before.start_to_close_timeout, after.start_to_close_timeout),
        (heartbeat, before.heartbeat_timeout, after.heartbeat_timeout),
    ] {
        if before != after {
            *timeout = after.map(clock::to_proto);
        }
    }
    if before.retry_policy != after.retry_policy {
        *retry_policy = Some(after.retry_policy.to_proto());
    }
}

/// What makes all changes of this type; `None` if there are none.
fn changes_of<O: Clone>(changes: &[Change<O>], type_name: &str) -> Option<impl FnOnce(&O) -> O> {
    let mut of_type = changes.iter().filter(move |change| change.type_name == type_name).peekable();
    of_type.peek()?;
    Some(move |before: &O| {
        let mut after = before.clone();
        of_type.for_each(|change| (change.change)(&mut after));
        after
    })
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides").finish_non_exhaustive()
    }
}
