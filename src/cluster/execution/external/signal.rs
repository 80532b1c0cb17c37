//! The SignalExternalWorkflowExecution command.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::SignalExternalWorkflowExecutionCommandAttributes as Command,
    common::v1::WorkflowExecution,
    enums::v1::{SignalExternalWorkflowExecutionFailedCause, WorkflowTaskFailedCause as Cause},
    history::v1::{
        ExternalWorkflowExecutionSignaledEventAttributes,
        SignalExternalWorkflowExecutionFailedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes, WorkflowExecutionSignaledEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};
use tonic::Code;

use super::{Target, check_pending, is_run_id};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{
            Event, FollowUp, RunKey, Transaction,
            completed::{CommandFailure, Completion},
            signal::Signal,
            workflow_task::HISTORY_SERVICE,
        },
    },
};

const CAUSE: Cause = Cause::BadSignalWorkflowExecutionAttributes;

/// Records that another execution is going to be signalled.
pub(crate) fn signal_external_workflow_execution(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    command: Option<Command>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let command = command.ok_or_else(|| {
        refuse(
            "SignalExternalWorkflowExecutionCommandAttributes is not set on \
             SignalExternalWorkflowExecutionCommand.",
        )
    })?;
    let namespace = tx.target_namespace(&command.namespace)?;
    let execution = command
        .execution
        .clone()
        .ok_or_else(|| refuse("Execution is not set on SignalExternalWorkflowExecutionCommand."))?;
    tx.check_same_namespace(namespace, CAUSE)?;
    check(tx, &command, &execution)?;
    check_pending(
        tx.run.signals_out.len(),
        tx.limits().pending_signals,
        Cause::PendingSignalsLimitExceeded,
        "signals to external workflows",
    )?;
    if command.input.as_ref().is_some_and(|input| input.encoded_len() > tx.limits().blob_size) {
        return Err(CommandFailure::terminate(
            CAUSE,
            "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.",
        ));
    }
    let event = SignalExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completion.completed_event_id,
        namespace: command.namespace,
        namespace_id: tx.namespace_id(namespace),
        workflow_execution: Some(execution),
        signal_name: command.signal_name,
        input: command.input,
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        header: command.header,
    };
    let initiated_event_id = tx.add_event(
        Event::new(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(event))
            .user_metadata(user_metadata),
    );
    tx.run.signals_out.insert(initiated_event_id, namespace);
    tx.follow_up(FollowUp::SignalExternal { run: tx.run.key, initiated_event_id });
    Ok(())
}

fn refuse(message: impl Into<String>) -> CommandFailure {
    CommandFailure::new(CAUSE, message)
}

fn check(
    tx: &Transaction<'_>,
    command: &Command,
    execution: &WorkflowExecution,
) -> Result<(), CommandFailure> {
    const NAME: &str = "SignalExternalWorkflowExecutionCommand";
    let Command { namespace, signal_name, .. } = command;
    let WorkflowExecution { workflow_id, run_id } = execution;
    if workflow_id.is_empty() {
        return Err(refuse(format!(
            "WorkflowId is not set on {NAME}. Namespace={namespace} RunId={run_id} SignalName={signal_name}"
        )));
    }
    if workflow_id.len() > tx.limits().id_length {
        return Err(refuse(format!(
            "WorkflowId on {NAME} exceeds length limit. WorkflowId={workflow_id} Length={} Limit={} \
             Namespace={namespace} RunId={run_id} SignalName={signal_name}",
            workflow_id.len(),
            tx.limits().id_length
        )));
    }
    if !is_run_id(run_id) {
        return Err(refuse(format!(
            "Invalid RunId set on {NAME}. WorkflowId={workflow_id} Namespace={namespace} RunId={run_id} \
             SignalName={signal_name}"
        )));
    }
    if signal_name.is_empty() {
        return Err(refuse(format!(
            "SignalName is not set on {NAME}. WorkflowId={workflow_id} Namespace={namespace} RunId={run_id}"
        )));
    }
    Ok(())
}

impl Cluster {
    /// Sends the signal that a run has initiated, and tells the run how that went.
    pub(in crate::cluster) fn send_external_signal(
        &mut self,
        now: Time,
        sender: RunKey,
        initiated_event_id: i64,
    ) {
        let Some(run) = self.runs.get(sender).filter(|run| run.is_running()) else { return };
        let Some(&namespace) = run.signals_out.get(&initiated_event_id) else { return };
        let Some(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(initiated)) =
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
        let signal = Signal {
            attributes: WorkflowExecutionSignaledEventAttributes {
                signal_name: initiated.signal_name,
                input: initiated.input,
                identity: HISTORY_SERVICE.to_owned(),
                header: initiated.header,
                external_workflow_execution: Some(run.execution()),
                request_id: self.shared.request_ids.uuid(),
                ..Default::default()
            },
            links: Vec::new(),
            skips_first_backoff: false,
        };
        let sent = found.and_then(|target| self.signal_run(now, target, signal));
        let namespace_name = self.shared.namespaces.name(namespace).to_owned();
        self.change(now, sender, |tx| {
            tx.run.signals_out.remove(&initiated_event_id);
            tx.add(match sent {
                Ok(()) => Attributes::ExternalWorkflowExecutionSignaledEventAttributes(
                    ExternalWorkflowExecutionSignaledEventAttributes {
                        initiated_event_id,
                        namespace: namespace_name,
                        namespace_id: initiated.namespace_id,
                        workflow_execution: initiated.workflow_execution,
                        control: initiated.control,
                    },
                ),
                Err(error) => Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(
                    SignalExternalWorkflowExecutionFailedEventAttributes {
                        cause: match error.code {
                            Code::InvalidArgument => {
                                SignalExternalWorkflowExecutionFailedCause::SignalCountLimitExceeded
                            }
                            _ => {
                                SignalExternalWorkflowExecutionFailedCause::ExternalWorkflowExecutionNotFound
                            }
                        } as i32,
                        workflow_task_completed_event_id: 0,
                        namespace: namespace_name,
                        namespace_id: initiated.namespace_id,
                        workflow_execution: initiated.workflow_execution,
                        initiated_event_id,
                        control: initiated.control,
                    },
                ),
            });
            tx.need_workflow_task();
        });
    }
}
