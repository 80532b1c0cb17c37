//! RespondWorkflowTaskFailed: a worker could not make anything of a workflow task.

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::WorkflowExecutionTerminatedEventAttributes,
    workflowservice::v1::{RespondWorkflowTaskFailedRequest, RespondWorkflowTaskFailedResponse},
};

use super::{
    completed::is_current,
    workflow_task::{HISTORY_SERVICE, WorkflowTaskFailure},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        token::{Token as _, WorkflowTaskToken},
    },
};

impl Cluster {
    /// A worker fails a workflow task. It is scheduled again at once.
    pub(in crate::cluster) fn respond_workflow_task_failed(
        &mut self,
        now: Time,
        request: RespondWorkflowTaskFailedRequest,
    ) -> Result<RespondWorkflowTaskFailedResponse, Error> {
        self.shared.namespaces.check_given(&request.namespace)?;
        let token = WorkflowTaskToken::from_bytes(&request.task_token)?;
        let run =
            self.run_of_token(&request.namespace, &token.namespace_id, &token.workflow_id, &token.run_id)?;
        if !run.is_running() {
            return Err(Error::already_completed());
        }
        if !is_current(run, &token) {
            return Err(Error::workflow_task_not_found());
        }
        let key = run.key;
        self.change(now, key, |tx| match request.cause() {
            Cause::GrpcMessageTooLarge => {
                // The worker would only fail again in the same way.
                tx.end_workflow_task_before_close();
                tx.terminate(WorkflowExecutionTerminatedEventAttributes {
                    reason: "GrpcMessageTooLarge".to_owned(),
                    identity: HISTORY_SERVICE.to_owned(),
                    ..Default::default()
                });
            }
            cause => {
                tx.fail_workflow_task(WorkflowTaskFailure {
                    cause,
                    failure: request.failure,
                    identity: request.identity,
                    binary_checksum: request.binary_checksum,
                    reset: None,
                });
                tx.schedule_workflow_task();
            }
        });
        Ok(RespondWorkflowTaskFailedResponse::default())
    }
}
