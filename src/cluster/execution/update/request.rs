//! UpdateWorkflowExecution.

use temporalio_common::protos::temporal::api::{
    errordetails::v1::PermissionDeniedFailure, update::v1::Request,
    workflowservice::v1::UpdateWorkflowExecutionRequest,
};
use tonic::Code;

use super::{
    Stage,
    wait::{Asked, Waiter},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        calls::{CallContext, Reply},
        error::Error,
        execution::RunKey,
        requests,
    },
};

/// A request for an update that has been checked.
#[derive(Debug, Clone)]
pub(crate) struct UpdateRequest {
    pub(crate) id: String,
    pub(crate) request: Request,
    /// The stage that the caller waits for.
    pub(crate) stage: Stage,
}

impl Cluster {
    /// Updates a run, and answers when the update has reached the stage that the caller wants.
    pub(in crate::cluster) fn update_workflow_execution(
        &mut self,
        now: Time,
        context: CallContext,
        request: UpdateWorkflowExecutionRequest,
    ) -> Reply {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let update = self.check_update(&request)?;
        let execution = requests::execution(request.workflow_execution.as_ref())?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        let first = &request.first_execution_run_id;
        if !first.is_empty() && run.info.first_execution_run_id != *first {
            return Err(Error::not_found("workflow execution not found"));
        }
        let key = run.key;
        let waiter = Waiter {
            call: context.id,
            update_id: update.id.clone(),
            stage: update.stage,
            asked: Asked::Update { request_id: update.request.request_id.clone() },
        };
        self.apply_update(now, key, update)?;
        self.wait_for_update(now, context, key, waiter)
    }

    /// Has a run take an update, once: an id that the run knows is the update that it knows.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if the run is closed and has not accepted the update before; and those of
    /// [`Transaction::admit_update`](super::super::Transaction::admit_update).
    pub(in crate::cluster) fn apply_update(
        &mut self,
        now: Time,
        run: RunKey,
        update: UpdateRequest,
    ) -> Result<(), Error> {
        let UpdateRequest { id, request, .. } = update;
        self.transact(now, run, |tx| {
            if tx.run.state.is_paused() {
                Err(Error::failed_precondition("Workflow is paused. Cannot update the workflow."))
            } else if tx.run.is_running() {
                tx.admit_update(&id, request)
            } else if tx.run.knows_update(&id) {
                Ok(())
            } else {
                Err(Error::already_completed())
            }
        })
    }

    /// Checks a request for an update, and gives it an id if it has none.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if something is missing or too long, PERMISSION_DENIED if the caller does not want to wait at all.
    pub(in crate::cluster) fn check_update(
        &mut self,
        request: &UpdateWorkflowExecutionRequest,
    ) -> Result<UpdateRequest, Error> {
        requests::execution(request.workflow_execution.as_ref())?;
        let mut update = request.request.clone().unwrap_or_default();
        let Some(meta) = &mut update.meta else {
            return Err(Error::invalid_argument("Update meta is not set on request."));
        };
        requests::check_length(self.limits(), &meta.update_id, "UpdateId length exceeds limit.")?;
        match &update.input {
            None => return Err(Error::invalid_argument("Update input is not set on request.")),
            Some(input) if input.name.is_empty() => {
                return Err(Error::invalid_argument("Update name is not set on request."));
            }
            Some(_) => {}
        }
        if !update.completion_callbacks.is_empty() && update.request_id.is_empty() {
            return Err(Error::invalid_argument(
                "invalid *update.Request: request_id is required when completion_callbacks are set",
            ));
        }
        requests::check_callbacks(&update.completion_callbacks)?;
        requests::check_links(self.limits(), &update.links)?;
        let stage = match request.wait_policy.as_ref().map(|policy| policy.lifecycle_stage()) {
            None | Some(Stage::Unspecified) => Stage::Completed,
            Some(Stage::Admitted) => {
                return Err(Error::detailed(
                    Code::PermissionDenied,
                    "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.",
                    "PermissionDeniedFailure",
                    &PermissionDeniedFailure::default(),
                ));
            }
            Some(stage) => stage,
        };
        if meta.update_id.is_empty() {
            meta.update_id = self.shared.request_ids.uuid();
        }
        Ok(UpdateRequest { id: meta.update_id.clone(), request: update, stage })
    }
}
