//! What a schedule needs of the executions of its namespace.

use temporalio_common::protos::temporal::api::{
    common::v1::{Payloads, WorkflowExecution},
    enums::v1::WorkflowExecutionStatus,
    failure::v1::Failure,
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

/// The executions of a namespace, as a schedule sees them: like any client.
pub(super) trait Executions {
    /// Starts a workflow execution, and answers its run id; `None` if it is refused.
    fn start(&mut self, request: StartWorkflowExecutionRequest) -> Option<String>;

    /// Asks a workflow execution to cancel. It does not matter if that is refused.
    fn cancel(&mut self, request: RequestCancelWorkflowExecutionRequest);

    /// Terminates a workflow execution. It does not matter if that is refused.
    fn terminate(&mut self, request: TerminateWorkflowExecutionRequest);

    /// How a chain of runs stands, given its workflow id and the id of its first run.
    fn outcome(&self, first: &WorkflowExecution) -> Outcome;

    /// A request id that was never used before.
    fn request_id(&mut self) -> String;
}

/// How a chain of runs stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// It has an open run.
    Running,
    /// Its last run is closed, or gone: then the status is unspecified.
    Closed { status: WorkflowExecutionStatus, result: Option<Payloads>, failure: Option<Box<Failure>> },
}
