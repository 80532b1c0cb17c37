//! ExecuteMultiOperation: a start and an update that belong together.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    errordetails::v1::{MultiOperationExecutionFailure, multi_operation_execution_failure::OperationStatus},
    failure::v1::MultiOperationExecutionAborted,
    workflowservice::v1::{
        ExecuteMultiOperationRequest, ExecuteMultiOperationResponse, StartWorkflowExecutionRequest,
        StartWorkflowExecutionResponse, UpdateWorkflowExecutionRequest, UpdateWorkflowExecutionResponse,
        execute_multi_operation_request::operation::Operation,
        execute_multi_operation_response::{self, response},
    },
};
use tonic::Code;

use super::{
    Start,
    id_policies::{IdPolicies, Resolution},
};
use crate::{
    clock::Time,
    cluster::{
        Answer, Cluster, Error,
        calls::{CallContext, Reply},
        execution::{
            Run,
            update::{Asked, UpdateRequest, Waiter},
        },
        namespaces::NamespaceKey,
    },
};

/// What became of one of the two operations of a call that failed.
#[derive(Debug)]
enum Operated {
    Succeeded,
    Failed(Error),
    /// The other one failed.
    Aborted,
}

impl Cluster {
    /// Updates the open run of a workflow id, or begins one that gets the update with its first workflow task. The answer comes
    /// when the update has reached the stage that the caller wants.
    pub(in crate::cluster) fn execute_multi_operation(
        &mut self,
        now: Time,
        context: CallContext,
        request: ExecuteMultiOperationRequest,
    ) -> Reply {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let mut operations = request.operations.into_iter().map(|operation| operation.operation);
        let (
            Some(Some(Operation::StartWorkflow(mut start))),
            Some(Some(Operation::UpdateWorkflow(update))),
            None,
        ) = (operations.next(), operations.next(), operations.next())
        else {
            return Err(Error::invalid_argument("Operations have to be exactly [Start, Update]."));
        };
        let start_check = self.check_start(now, namespace, &mut start);
        let workflow_id = start_check.is_ok().then_some(start.workflow_id.as_str());
        let update_check = self.check_update_of_start(workflow_id, &update);
        let (policies, update) = match (start_check, update_check) {
            (Ok(policies), Ok(update)) => (policies, update),
            (start, update) => {
                let operated =
                    |result: Result<(), Error>| result.map_or_else(Operated::Failed, |()| Operated::Aborted);
                return Err(failed([operated(start.map(drop)), operated(update.map(drop))]));
            }
        };
        let waiter = |start: StartWorkflowExecutionResponse, update: &UpdateRequest| Waiter {
            call: context.id,
            update_id: update.id.clone(),
            stage: update.stage,
            asked: Asked::UpdateWithStart {
                request_id: update.request.request_id.clone(),
                start: Box::new(start),
            },
        };
        if let Some(current) = self.runs.current(namespace, &start.workflow_id) {
            if let Some(completed) = self.completed_update(current, &update.id) {
                let start =
                    StartWorkflowExecutionResponse { link: None, ..self.existing_start_response(current) };
                return answer_update_with_start(start, Ok(completed)).map(Some);
            }
            if self.takes_update(namespace, current, &start, policies, &update.id) {
                let (run, waiter) = (current.key, waiter(self.existing_start_response(current), &update));
                self.apply_update(now, run, update)
                    .map_err(|error| failed([Operated::Aborted, Operated::Failed(error)]))?;
                return self.wait_for_update(now, context, run, waiter);
            }
        }
        let refused = |error| failed([Operated::Failed(error), Operated::Aborted]);
        let resolution = self.resolve_workflow_id(namespace, &start, policies, false).map_err(refused)?;
        let Resolution::Start { terminate } = resolution else {
            return Err(Error::internal("a run that takes the update was not found"));
        };
        let (id, request) = (update.id.clone(), update.request.clone());
        let start = Start::of(namespace, start, terminate);
        let run = self.begin(now, start, |tx| {
            tx.schedule_first_workflow_task();
            // A run that has just begun refuses no update.
            drop(tx.admit_update(&id, request));
        });
        let found = self.runs.get(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        let waiter = waiter(self.start_response(found, true), &update);
        self.wait_for_update(now, context, run, waiter)
    }

    /// Whether the current run of a workflow id takes the update, so that none has to begin.
    fn takes_update(
        &self,
        namespace: NamespaceKey,
        current: &Run,
        start: &StartWorkflowExecutionRequest,
        policies: IdPolicies,
        update_id: &str,
    ) -> bool {
        current.is_running()
            && (current.state.updates.contains(update_id)
                || matches!(
                    self.resolve_workflow_id(namespace, start, policies, false),
                    Ok(Resolution::Repeated(_) | Resolution::UseExisting(_))
                ))
    }

    /// What is answered to a start that finds a run.
    fn existing_start_response(&self, run: &Run) -> StartWorkflowExecutionResponse {
        StartWorkflowExecutionResponse {
            first_execution_run_id: String::new(),
            ..self.start_response(run, false)
        }
    }

    fn check_start(
        &mut self,
        now: Time,
        namespace: NamespaceKey,
        start: &mut StartWorkflowExecutionRequest,
    ) -> Result<IdPolicies, Error> {
        let policies = self.validate_start(now, namespace, start)?;
        let refuse = |message| Err(Error::invalid_argument(message));
        if !start.cron_schedule.is_empty() {
            return refuse("CronSchedule is not allowed.");
        }
        if start.request_eager_execution {
            return refuse("RequestEagerExecution is not supported.");
        }
        if start.workflow_start_delay.is_some() {
            return refuse("WorkflowStartDelay is not supported.");
        }
        Ok(policies)
    }

    /// Checks the update. `workflow_id` is that of the start, if nothing is wrong with it.
    fn check_update_of_start(
        &mut self,
        workflow_id: Option<&str>,
        update: &UpdateWorkflowExecutionRequest,
    ) -> Result<UpdateRequest, Error> {
        let refuse = |message| Err(Error::invalid_argument(message));
        let checked = self.check_update(update)?;
        let execution = update.workflow_execution.as_ref();
        if execution.is_some_and(|execution| !execution.run_id.is_empty()) {
            return refuse("RunId is not allowed.");
        }
        if !update.first_execution_run_id.is_empty() {
            return refuse("FirstExecutionRunId is not allowed.");
        }
        if workflow_id.is_some_and(|id| execution.is_some_and(|execution| execution.workflow_id != id)) {
            return refuse("WorkflowId is not consistent with previous operation(s).");
        }
        Ok(checked)
    }
}

/// The answer of a call whose start has succeeded, and whose update has come to where it is waited for.
pub(crate) fn answer_update_with_start(
    start: StartWorkflowExecutionResponse,
    update: Result<UpdateWorkflowExecutionResponse, Error>,
) -> Answer {
    let update = update.map_err(|error| failed([Operated::Succeeded, Operated::Failed(error)]))?;
    let response = |response| execute_multi_operation_response::Response { response: Some(response) };
    Ok(ExecuteMultiOperationResponse {
        responses: vec![
            response(response::Response::StartWorkflow(start)),
            response(response::Response::UpdateWorkflow(update)),
        ],
    }
    .into())
}

/// The error of a call of which an operation has failed: with the code of the first that has, and what became of each.
fn failed(operations: [Operated; 2]) -> Error {
    let code = operations.iter().find_map(|operated| match operated {
        Operated::Failed(error) => Some(error.code),
        Operated::Succeeded | Operated::Aborted => None,
    });
    let statuses = operations.into_iter().map(status).collect();
    Error::detailed(
        code.unwrap_or(Code::Aborted),
        "Update-with-Start could not be executed.",
        "MultiOperationExecutionFailure",
        &MultiOperationExecutionFailure { statuses },
    )
}

fn status(operated: Operated) -> OperationStatus {
    match operated {
        Operated::Succeeded => OperationStatus::default(),
        Operated::Failed(Error { code, message, details }) => {
            OperationStatus { code: code as i32, message, details }
        }
        Operated::Aborted => OperationStatus {
            code: Code::Aborted as i32,
            message: "Operation was aborted.".to_owned(),
            details: vec![prost_types::Any {
                type_url: "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted"
                    .to_owned(),
                value: MultiOperationExecutionAborted {}.encode_to_vec(),
            }],
        },
    }
}
