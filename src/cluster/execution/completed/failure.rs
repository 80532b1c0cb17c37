//! A command that is refused.

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::{Failure, ServerFailureInfo, failure::FailureInfo},
    history::v1::{WorkflowExecutionTerminatedEventAttributes, history_event::Attributes},
};

use super::camel_case;
use crate::cluster::{
    error::Error,
    execution::{
        Transaction,
        workflow_task::{HISTORY_SERVICE, WorkflowTaskFailure},
    },
};

/// Why a command is refused, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CommandFailure {
    /// The workflow task fails.
    FailWorkflowTask { cause: WorkflowTaskFailedCause, message: String },
    /// The workflow task fails and the run is terminated: it asks for more than a server takes, and would
    /// ask again.
    Terminate { cause: WorkflowTaskFailedCause, message: String },
    /// The call is refused, and the worker keeps its workflow task.
    RefuseCall(Error),
}

impl CommandFailure {
    /// The command fails the workflow task.
    pub(crate) fn new(cause: WorkflowTaskFailedCause, message: impl Into<String>) -> Self {
        Self::FailWorkflowTask { cause, message: message.into() }
    }

    /// The command terminates the run.
    pub(crate) fn terminate(cause: WorkflowTaskFailedCause, message: impl Into<String>) -> Self {
        Self::Terminate { cause, message: message.into() }
    }

    /// The run has events that the worker has not seen, and must not be closed.
    pub(crate) fn unhandled_command() -> Self {
        Self::new(WorkflowTaskFailedCause::UnhandledCommand, "")
    }

    /// Fails the started workflow task, which the caller has brought back, and answers the error of the
    /// call. A transient attempt is left to time out, unless it was refused for what it could not know.
    pub(super) fn fail_workflow_task(
        self,
        tx: &mut Transaction<'_>,
        attempt: i32,
        identity: String,
    ) -> Error {
        let (cause, message, terminate) = match self {
            Self::FailWorkflowTask { cause, message } => (cause, message, false),
            Self::Terminate { cause, message } => (cause, message, true),
            Self::RefuseCall(error) => return error,
        };
        tx.abort_sent_updates();
        let name = camel_case(cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_");
        let message = if message.is_empty() { name } else { format!("{name}: {message}") };
        let error = Error::invalid_argument(message.clone());
        if attempt > 1 && cause != WorkflowTaskFailedCause::UnhandledCommand {
            return error;
        }
        let failure = Failure {
            message: message.clone(),
            failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: false })),
            ..Default::default()
        };
        tx.fail_workflow_task(WorkflowTaskFailure {
            cause,
            failure: Some(failure),
            identity,
            binary_checksum: String::new(),
            reset: None,
        });
        if terminate {
            tx.flush_buffered_events();
            tx.terminate(WorkflowExecutionTerminatedEventAttributes {
                reason: message,
                identity: HISTORY_SERVICE.to_owned(),
                ..Default::default()
            });
        } else {
            tx.schedule_workflow_task();
        }
        error
    }
}

impl Transaction<'_> {
    /// Writes the event that terminates the run.
    pub(crate) fn terminate(&mut self, attributes: WorkflowExecutionTerminatedEventAttributes) {
        self.close(Attributes::WorkflowExecutionTerminatedEventAttributes(attributes));
    }
}
