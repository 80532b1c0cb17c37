//! Pausing a whole run: a server allows it only if it is configured to, and by default it is not.
//!
//! So no run is ever paused here, and the answers are those of a server as it is delivered.

use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PauseWorkflowExecutionRequest, PauseWorkflowExecutionResponse, UnpauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionResponse,
};
use tonic::Code;

use crate::cluster::{Cluster, error::Error, requests};

impl Cluster {
    /// Refuses to pause a run.
    pub(in crate::cluster) fn pause_workflow_execution(
        &self,
        request: &PauseWorkflowExecutionRequest,
    ) -> Result<PauseWorkflowExecutionResponse, Error> {
        self.shared.namespaces.find(&request.namespace)?;
        Err(Error::new(
            Code::Unimplemented,
            format!("workflow pause is not enabled for namespace: {}", request.namespace),
        ))
    }

    /// Says that a run is not paused.
    pub(in crate::cluster) fn unpause_workflow_execution(
        &self,
        request: &UnpauseWorkflowExecutionRequest,
    ) -> Result<UnpauseWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let longest = self.limits().id_length;
        let texts = [
            ("reason", &request.reason),
            ("request id", &request.request_id),
            ("identity", &request.identity),
        ];
        for (name, text) in texts {
            if text.len() > longest {
                return Err(Error::invalid_argument(format!("{name} is too long.")));
            }
        }
        if request.workflow_id.is_empty() {
            return Err(Error::invalid_argument("Can't load workflow execution. WorkflowId not set."));
        }
        requests::check_run_uuid(&request.run_id)?;
        let run = self.runs.find(namespace, &request.workflow_id, &request.run_id)?;
        if !run.is_running() {
            return Err(Error::already_completed());
        }
        Err(Error::failed_precondition("workflow is not paused."))
    }
}
