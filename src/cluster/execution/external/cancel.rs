//! The RequestCancelExternalWorkflowExecution command.

use temporalio_common::protos::temporal::api::{
    command::v1::RequestCancelExternalWorkflowExecutionCommandAttributes as Command,
    common::v1::WorkflowExecution,
    enums::v1::{CancelExternalWorkflowExecutionFailedCause, WorkflowTaskFailedCause as Cause},
    history::v1::{
        ExternalWorkflowExecutionCancelRequestedEventAttributes,
        RequestCancelExternalWorkflowExecutionFailedEventAttributes,
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        WorkflowExecutionCancelRequestedEventAttributes, history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use super::{Target, check_pending, is_run_id};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{
            Event, FollowUp, RunKey, Transaction,
            completed::{CommandFailure, Completion},
            workflow_task::HISTORY_SERVICE,
        },
    },
};

const CAUSE: Cause = Cause::BadRequestCancelExternalWorkflowExecutionAttributes;

/// Records that another execution is going to be asked to cancel.
pub(crate) fn request_cancel_external_workflow_execution(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    command: Option<Command>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let command = command.ok_or_else(|| {
        refuse(
            "RequestCancelExternalWorkflowExecutionCommandAttributes is not set on \
             RequestCancelExternalWorkflowExecutionCommand.",
        )
    })?;
    let namespace = tx.target_namespace(&command.namespace)?;
    tx.check_same_namespace(namespace, CAUSE)?;
    check(tx, &command)?;
    if completion.initiated_children.contains(&command.workflow_id) {
        let Command { namespace, workflow_id, run_id, .. } = &command;
        return Err(refuse(format!(
            "Start and RequestCancel for child workflow is not allowed in same workflow task. \
             WorkflowId={workflow_id} RunId={run_id} Namespace={namespace}"
        )));
    }
    check_pending(
        tx.run.cancels_out.len(),
        tx.limits().pending_cancel_requests,
        Cause::PendingRequestCancelLimitExceeded,
        "requests to cancel external workflows",
    )?;
    let event = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completion.completed_event_id,
        namespace: command.namespace,
        namespace_id: tx.namespace_id(namespace),
        workflow_execution: Some(WorkflowExecution {
            workflow_id: command.workflow_id,
            run_id: command.run_id,
        }),
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        reason: command.reason,
    };
    let initiated_event_id = tx.add_event(
        Event::new(Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(event))
            .user_metadata(user_metadata),
    );
    tx.run.cancels_out.insert(initiated_event_id, namespace);
    tx.follow_up(FollowUp::CancelExternal { run: tx.run.key, initiated_event_id });
    Ok(())
}

fn refuse(message: impl Into<String>) -> CommandFailure {
    CommandFailure::new(CAUSE, message)
}

fn check(tx: &Transaction<'_>, command: &Command) -> Result<(), CommandFailure> {
    const NAME: &str = "RequestCancelExternalWorkflowExecutionCommand";
    let Command { namespace, workflow_id, run_id, .. } = command;
    if workflow_id.is_empty() {
        return Err(refuse(format!("WorkflowId is not set on {NAME}. Namespace={namespace} RunId={run_id}")));
    }
    if workflow_id.len() > tx.limits().id_length {
        return Err(refuse(format!(
            "WorkflowId on {NAME} exceeds length limit. WorkflowId={workflow_id} Length={} Limit={} \
             RunId={run_id} Namespace={namespace}",
            workflow_id.len(),
            tx.limits().id_length
        )));
    }
    if !is_run_id(run_id) {
        return Err(refuse(format!(
            "Invalid RunId set on {NAME}. WorkflowId={workflow_id} RunId={run_id} Namespace={namespace}"
        )));
    }
    Ok(())
}

impl Cluster {
    /// Asks the execution to cancel that a run wants to end, and tells the run how that went. A closed
    /// execution has nothing against it.
    pub(in crate::cluster) fn send_external_cancel(
        &mut self,
        now: Time,
        sender: RunKey,
        initiated_event_id: i64,
    ) {
        let Some(run) = self.runs.get(sender).filter(|run| run.is_running()) else { return };
        let Some(&namespace) = run.cancels_out.get(&initiated_event_id) else { return };
        let Some(Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(initiated)) =
            run.history.get(initiated_event_id).and_then(|event| event.attributes.clone())
        else {
            return;
        };
        let target = Target {
            namespace,
            execution: initiated.workflow_execution.clone().unwrap_or_default(),
            child_workflow_only: initiated.child_workflow_only,
        };
        let found = self.find_target(run, &target);
        let request = WorkflowExecutionCancelRequestedEventAttributes {
            cause: initiated.reason,
            external_initiated_event_id: initiated_event_id,
            external_workflow_execution: Some(run.execution()),
            identity: HISTORY_SERVICE.to_owned(),
        };
        let is_found = found.is_ok();
        if let Ok(target) = found {
            self.change(now, target, |tx| tx.request_cancel(request, Vec::new()));
        }
        let namespace_name = self.shared.namespaces.name(namespace).to_owned();
        self.change(now, sender, |tx| {
            tx.run.cancels_out.remove(&initiated_event_id);
            tx.add(if is_found {
                Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
                    ExternalWorkflowExecutionCancelRequestedEventAttributes {
                        initiated_event_id,
                        namespace: namespace_name,
                        namespace_id: initiated.namespace_id,
                        workflow_execution: initiated.workflow_execution,
                    },
                )
            } else {
                let cause = CancelExternalWorkflowExecutionFailedCause::ExternalWorkflowExecutionNotFound;
                Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
                    RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                        cause: cause as i32,
                        namespace: namespace_name,
                        namespace_id: initiated.namespace_id,
                        workflow_execution: initiated.workflow_execution,
                        initiated_event_id,
                        ..Default::default()
                    },
                )
            });
            tx.need_workflow_task();
        });
    }
}
