//! The StartChildWorkflowExecution command.

use temporalio_common::protos::temporal::api::{
    command::v1::StartChildWorkflowExecutionCommandAttributes as Command,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{StartChildWorkflowExecutionInitiatedEventAttributes, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use super::{
    pending::PendingChild,
    validation::{complete, refuse},
};
use crate::cluster::{
    execution::{
        Event, FollowUp, Transaction,
        completed::{CommandFailure, Completion},
        external::check_pending,
    },
    payloads,
};

/// Records that a child is going to be started.
pub(crate) fn start_child_workflow_execution(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    command: Option<Command>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let mut command = command.ok_or_else(|| {
        refuse(
            "StartChildWorkflowExecutionCommandAttributes is not set on StartChildWorkflowExecutionCommand.",
        )
    })?;
    complete(tx, &mut command)?;
    check_pending(
        tx.run.children.len(),
        tx.limits().pending_children,
        Cause::PendingChildWorkflowsLimitExceeded,
        "child workflow executions",
    )?;
    if let Some(memo) = &mut command.memo {
        memo.fields.retain(|_, payload| !payloads::is_nil(payload));
    }
    if let Some(attributes) = &mut command.search_attributes {
        attributes.indexed_fields.retain(|_, payload| !payloads::is_nil(payload));
    }
    completion.initiated_children.insert(command.workflow_id.clone());
    let initiated = StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace: command.namespace,
        namespace_id: tx.namespace_id(tx.run.namespace),
        workflow_id: command.workflow_id,
        workflow_type: command.workflow_type,
        task_queue: command.task_queue,
        input: command.input,
        workflow_execution_timeout: command.workflow_execution_timeout,
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        parent_close_policy: command.parent_close_policy,
        control: command.control,
        workflow_task_completed_event_id: completion.completed_event_id,
        workflow_id_reuse_policy: command.workflow_id_reuse_policy,
        retry_policy: command.retry_policy,
        cron_schedule: command.cron_schedule,
        header: command.header,
        memo: command.memo.filter(|memo| !memo.fields.is_empty()),
        search_attributes: command
            .search_attributes
            .filter(|attributes| !attributes.indexed_fields.is_empty()),
        inherit_build_id: command.inherit_build_id,
        priority: command.priority,
        ..Default::default()
    };
    let event = Event::new(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(initiated));
    let initiated_event_id = tx.add_event(event.user_metadata(user_metadata));
    tx.run.children.insert(initiated_event_id, PendingChild::default());
    tx.follow_up(FollowUp::StartChild { run: tx.run.key, initiated_event_id });
    Ok(())
}
