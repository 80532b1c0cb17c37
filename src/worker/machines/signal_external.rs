//! Signals to another workflow execution, or to a child.

use temporalio_common::protos::{
    coresdk::{
        IntoPayloadsExt,
        common::NamespacedWorkflowExecution,
        workflow_activation::ResolveSignalExternalWorkflow,
        workflow_commands::{SignalExternalWorkflowExecution, signal_external_workflow_execution::Target},
    },
    temporal::api::{
        command::v1::{
            Command, SignalExternalWorkflowExecutionCommandAttributes,
            command::Attributes as CommandAttributes,
        },
        common::v1::WorkflowExecution,
        enums::v1::{EventType, SignalExternalWorkflowExecutionFailedCause as Cause},
        failure::v1::{ApplicationFailureInfo, CanceledFailureInfo, Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    machine::{Outbox, unexpected, unexpected_command},
};

/// A signal to another workflow execution.
#[derive(Debug)]
pub(super) struct SignalExternal {
    seq: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Requested,
    CancelledBeforeSent,
    Initiated,
    Signaled,
    Failed,
}

impl SignalExternal {
    /// A signal and its command. `namespace` is the workflow's own, in which its children run.
    #[allow(deprecated, reason = "servers still tell other namespaces apart by it")]
    pub(super) fn new(
        signal: SignalExternalWorkflowExecution,
        namespace: &str,
        annotations: Annotations,
    ) -> Result<(Self, Command), Error> {
        let (target, child_workflow_only) = match signal.target {
            Some(Target::WorkflowExecution(execution)) => (execution, false),
            Some(Target::ChildWorkflowId(workflow_id)) => {
                let namespace = namespace.to_owned();
                (NamespacedWorkflowExecution { namespace, workflow_id, ..Default::default() }, true)
            }
            None => {
                return Err(Error::InvalidCommand(format!("external signal {} has no target", signal.seq)));
            }
        };
        let attributes = SignalExternalWorkflowExecutionCommandAttributes {
            namespace: target.namespace,
            execution: Some(WorkflowExecution { workflow_id: target.workflow_id, run_id: target.run_id }),
            header: if signal.headers.is_empty() { None } else { Some(signal.headers.into()) },
            signal_name: signal.signal_name,
            input: signal.args.into_payloads(),
            child_workflow_only,
            ..Default::default()
        };
        let command = annotations
            .command(CommandAttributes::SignalExternalWorkflowExecutionCommandAttributes(attributes));
        Ok((Self { seq: signal.seq, state: State::Requested }, command))
    }

    /// The workflow takes the signal back, which works until it is sent.
    pub(super) fn cancel(&mut self, out: &mut Outbox) -> Result<(), Error> {
        match self.state {
            State::Requested => {
                self.state = State::CancelledBeforeSent;
                let failure = Failure {
                    message: "Signal was cancelled before being sent".to_owned(),
                    failure_info: Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default())),
                    ..Default::default()
                };
                self.resolve(Some(failure), Cause::Unspecified, out);
                Ok(())
            }
            State::CancelledBeforeSent | State::Initiated | State::Signaled => Ok(()),
            State::Failed => Err(unexpected_command(self.name(), self.state.describe())),
        }
    }

    pub(super) fn handle_event(&mut self, event: &HistoryEvent, out: &mut Outbox) -> Result<(), Error> {
        let at = EventRef::of(event);
        match (at.event_type, &event.attributes) {
            (EventType::SignalExternalWorkflowExecutionInitiated, _) if self.state == State::Requested => {
                self.state = State::Initiated;
            }
            (EventType::ExternalWorkflowExecutionSignaled, _) if self.state == State::Initiated => {
                self.state = State::Signaled;
                self.resolve(None, Cause::Unspecified, out);
            }
            (_, Some(Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(failed)))
                if self.state == State::Initiated =>
            {
                self.state = State::Failed;
                let cause = failed.cause();
                let reason = match cause {
                    Cause::Unspecified => "unknown",
                    Cause::ExternalWorkflowExecutionNotFound | Cause::NamespaceNotFound => "it was not found",
                    Cause::SignalCountLimitExceeded => "The per-workflow signal limit was exceeded",
                };
                let failure = Failure {
                    message: format!("Unable to signal external workflow because {reason}"),
                    failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                        r#type: cause.to_string(),
                        ..Default::default()
                    })),
                    ..Default::default()
                };
                self.resolve(Some(failure), cause, out);
            }
            _ => return Err(unexpected(at, self.name(), self.state.describe())),
        }
        Ok(())
    }

    pub(super) fn is_cancelled_before_sent(&self) -> bool {
        self.state == State::CancelledBeforeSent
    }

    fn resolve(&self, failure: Option<Failure>, cause: Cause, out: &mut Outbox) {
        out.jobs.push(ResolveSignalExternalWorkflow { seq: self.seq, failure, cause: cause.into() }.into());
    }

    fn name(&self) -> String {
        format!("external signal {}", self.seq)
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Requested => "it is not recorded",
            Self::CancelledBeforeSent => "it is cancelled",
            Self::Initiated => "it is under way",
            Self::Signaled => "it is delivered",
            Self::Failed => "it has failed",
        }
    }
}
