//! PollWorkflowExecutionUpdate.

use temporalio_common::protos::temporal::api::workflowservice::v1::PollWorkflowExecutionUpdateRequest;

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
        requests,
    },
};

impl Cluster {
    /// Waits for an update that has been asked for before. A caller that names no stage gets to know how far it is.
    pub(in crate::cluster) fn poll_workflow_execution_update(
        &mut self,
        now: Time,
        context: CallContext,
        request: PollWorkflowExecutionUpdateRequest,
    ) -> Reply {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let update =
            request.update_ref.ok_or_else(|| Error::invalid_argument("UpdateRef is not set on request."))?;
        let execution = requests::execution(update.workflow_execution.as_ref())?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?.key;
        let waiter = Waiter {
            call: context.id,
            update_id: update.update_id,
            stage: request.wait_policy.map_or(Stage::Unspecified, |policy| policy.lifecycle_stage()),
            asked: Asked::Poll { ends_empty: false },
        };
        self.wait_for_update(now, context, run, waiter)
    }
}
