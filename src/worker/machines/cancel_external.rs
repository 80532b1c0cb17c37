//! Requests to cancel another workflow execution, or a child.

use temporalio_common::protos::{
    coresdk::{
        common::NamespacedWorkflowExecution, workflow_activation::ResolveRequestCancelExternalWorkflow,
    },
    temporal::api::{
        command::v1::{
            Command, RequestCancelExternalWorkflowExecutionCommandAttributes,
            command::Attributes as CommandAttributes,
        },
        enums::v1::{CancelExternalWorkflowExecutionFailedCause as Cause, EventType},
        failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    machine::{Outbox, unexpected},
};

/// A request to cancel another workflow execution.
#[derive(Debug)]
pub(super) struct CancelExternal {
    /// The workflow's number for the request; `None` if it is part of cancelling a child, whose outcome
    /// nobody waits for.
    seq: Option<u32>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Requested,
    Initiated,
    Closed,
}

impl CancelExternal {
    /// A request and its command.
    #[allow(deprecated, reason = "servers still tell other namespaces apart by it")]
    pub(super) fn new(
        seq: Option<u32>,
        target: NamespacedWorkflowExecution,
        child_workflow_only: bool,
        reason: String,
        annotations: Annotations,
    ) -> (Self, Command) {
        let attributes = RequestCancelExternalWorkflowExecutionCommandAttributes {
            namespace: target.namespace,
            workflow_id: target.workflow_id,
            run_id: target.run_id,
            child_workflow_only,
            reason,
            ..Default::default()
        };
        let command = annotations
            .command(CommandAttributes::RequestCancelExternalWorkflowExecutionCommandAttributes(attributes));
        (Self { seq, state: State::Requested }, command)
    }

    pub(super) fn handle_event(&mut self, event: &HistoryEvent, out: &mut Outbox) -> Result<(), Error> {
        let at = EventRef::of(event);
        match (at.event_type, &event.attributes) {
            (EventType::RequestCancelExternalWorkflowExecutionInitiated, _)
                if self.state == State::Requested =>
            {
                self.state = State::Initiated;
            }
            (EventType::ExternalWorkflowExecutionCancelRequested, _) if self.state == State::Initiated => {
                self.resolve(None, Cause::Unspecified, out);
            }
            (_, Some(Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(failed)))
                if self.state == State::Initiated =>
            {
                let cause = failed.cause();
                let reason = match cause {
                    Cause::Unspecified => "unknown",
                    Cause::ExternalWorkflowExecutionNotFound | Cause::NamespaceNotFound => "not found",
                };
                let failure = Failure {
                    message: format!("Unable to cancel external workflow because {reason}"),
                    failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                        r#type: cause.to_string(),
                        ..Default::default()
                    })),
                    ..Default::default()
                };
                self.resolve(Some(failure), cause, out);
            }
            _ => {
                let name = format!("cancellation request {}", self.seq.unwrap_or_default());
                return Err(unexpected(at, name, self.state.describe()));
            }
        }
        Ok(())
    }

    fn resolve(&mut self, failure: Option<Failure>, cause: Cause, out: &mut Outbox) {
        self.state = State::Closed;
        if let Some(seq) = self.seq {
            out.jobs.push(ResolveRequestCancelExternalWorkflow { seq, failure, cause: cause.into() }.into());
        }
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Requested => "it is not recorded",
            Self::Initiated => "it is under way",
            Self::Closed => "it is answered",
        }
    }
}
