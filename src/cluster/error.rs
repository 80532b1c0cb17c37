//! The errors of a Temporal server: gRPC code, message and detail message.

use prost::Message;
use temporalio_common::protos::temporal::api::{
    enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope},
    errordetails::v1::{
        NamespaceNotFoundFailure, NotFoundFailure, ResourceExhaustedFailure,
        WorkflowExecutionAlreadyStartedFailure, WorkflowNotReadyFailure,
    },
};
use tonic::Code;

/// An error as the server answers it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub(crate) struct Error {
    /// The gRPC status code.
    pub(crate) code: Code,
    /// The message, in the server's words.
    pub(crate) message: String,
    /// Detail messages, each with its type URL, as in `google.rpc.Status`.
    pub(crate) details: Vec<prost_types::Any>,
}

// All that makes an error is cold: what makes one is all over the cluster, and the compiler puts it out of the way of what goes
// well, of which the caches of the processor then hold more.
impl Error {
    /// An error without details.
    #[cold]
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// An RPC, or an option of one, that is not served. Says which, and where to read what is.
    #[cold]
    pub(crate) fn unimplemented(what: &str) -> Self {
        let page = "see \"How faithful it is\" in its book";
        Self::new(Code::Unimplemented, format!("{what} is not served by temporal-sim: {page}"))
    }

    /// The request itself is wrong.
    #[cold]
    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// What the request names does not exist, or no longer.
    #[cold]
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::detailed(Code::NotFound, message, "NotFoundFailure", &NotFoundFailure::default())
    }

    /// The workflow execution has a close event already.
    #[cold]
    pub(crate) fn already_completed() -> Self {
        Self::not_found("workflow execution already completed")
    }

    /// A workflow task that is no longer the pending one.
    #[cold]
    pub(crate) fn workflow_task_not_found() -> Self {
        Self::not_found("Workflow task not found.")
    }

    /// The namespace is not registered.
    #[cold]
    pub(crate) fn namespace_not_found(namespace: &str) -> Self {
        Self::detailed(
            Code::NotFound,
            format!("Namespace {namespace} is not found."),
            "NamespaceNotFoundFailure",
            &NamespaceNotFoundFailure { namespace: namespace.to_owned() },
        )
    }

    /// The namespace that is not there, if that is what this error says.
    pub(crate) fn missing_namespace(&self) -> Option<String> {
        let [detail] = self.details.as_slice() else { return None };
        let failure = NamespaceNotFoundFailure::decode(detail.value.as_slice());
        failure
            .ok()
            .filter(|_| detail.type_url.ends_with(".NamespaceNotFoundFailure"))
            .map(|failure| failure.namespace)
            .filter(|name| !name.is_empty())
    }

    /// A start that the id policies refuse because of the run `run_id`.
    #[cold]
    pub(crate) fn already_started(
        message: impl Into<String>,
        start_request_id: String,
        run_id: String,
        first_execution_run_id: String,
    ) -> Self {
        let failure =
            WorkflowExecutionAlreadyStartedFailure { start_request_id, run_id, first_execution_run_id };
        Self::detailed(Code::AlreadyExists, message, "WorkflowExecutionAlreadyStartedFailure", &failure)
    }

    /// The state of the execution does not allow the request.
    #[cold]
    pub(crate) fn failed_precondition(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message)
    }

    /// A query or an update cannot be served by the run in its present state.
    #[cold]
    pub(crate) fn workflow_not_ready(message: impl Into<String>) -> Self {
        Self::detailed(
            Code::FailedPrecondition,
            message,
            "WorkflowNotReadyFailure",
            &WorkflowNotReadyFailure::default(),
        )
    }

    /// A limit of the server is reached; clients retry these.
    #[cold]
    pub(crate) fn resource_exhausted(cause: ResourceExhaustedCause, message: impl Into<String>) -> Self {
        let failure =
            ResourceExhaustedFailure { cause: cause as i32, scope: ResourceExhaustedScope::Namespace as i32 };
        Self::detailed(Code::ResourceExhausted, message, "ResourceExhaustedFailure", &failure)
    }

    /// A workflow task tries to close the run, and what has just come in has to wait for it.
    #[cold]
    pub(crate) fn workflow_closing() -> Self {
        Self::resource_exhausted(
            ResourceExhaustedCause::BusyWorkflow,
            "workflow operation can not be applied because workflow is closing",
        )
    }

    /// An error with one detail message of the package `temporal.api.errordetails.v1`.
    #[cold]
    pub(crate) fn detailed(
        code: Code,
        message: impl Into<String>,
        name: &str,
        detail: &impl Message,
    ) -> Self {
        let detail = prost_types::Any {
            type_url: format!("type.googleapis.com/temporal.api.errordetails.v1.{name}"),
            value: detail.encode_to_vec(),
        };
        Self { code, message: message.into(), details: vec![detail] }
    }

    #[cold]
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The caller's own deadline passed.
    #[cold]
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(Code::DeadlineExceeded, "context deadline exceeded")
    }
}
