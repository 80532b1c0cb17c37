//! Signalling and cancelling other workflow executions by command.
//!
//! A command is first recorded as *initiated*. The other execution is told in a step of its own, and how that
//! went comes back as an event and a workflow task. If the sender closes before that step, nothing is sent.

mod cancel;
mod signal;

pub(crate) use cancel::request_cancel_external_workflow_execution;
pub(crate) use signal::signal_external_workflow_execution;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, enums::v1::WorkflowTaskFailedCause as Cause,
};

use super::{Run, RunKey, Transaction, completed::CommandFailure};
use crate::cluster::{Cluster, error::Error, namespaces::NamespaceKey};

/// Whom a command is for.
#[derive(Debug, Clone)]
struct Target {
    namespace: NamespaceKey,
    execution: WorkflowExecution,
    /// Whether it is not meant for anybody but a child of the sender.
    child_workflow_only: bool,
}

impl Transaction<'_> {
    /// The namespace that a command names: its own run's, if it names none.
    ///
    /// # Errors
    ///
    /// The whole call is refused if there is no such namespace.
    pub(super) fn target_namespace(&self, name: &str) -> Result<NamespaceKey, CommandFailure> {
        if name.is_empty() {
            return Ok(self.run.namespace);
        }
        self.shared.namespaces.find(name).map_err(CommandFailure::RefuseCall)
    }

    /// Refuses a command for another namespace than the run's own.
    pub(super) fn check_same_namespace(
        &self,
        namespace: NamespaceKey,
        cause: Cause,
    ) -> Result<(), CommandFailure> {
        if namespace == self.run.namespace {
            Ok(())
        } else {
            Err(CommandFailure::new(cause, "cross namespace commands are not allowed"))
        }
    }

    /// The id of a namespace, for events.
    pub(super) fn namespace_id(&self, namespace: NamespaceKey) -> String {
        self.shared.namespaces.get(namespace).map(|namespace| namespace.id.clone()).unwrap_or_default()
    }
}

impl Cluster {
    /// The run that a sender means.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if there is none, if it is the sender itself, or if it is open, no child, and has to be one.
    fn find_target(&self, sender: &Run, target: &Target) -> Result<RunKey, Error> {
        let execution = &target.execution;
        if target.namespace == sender.namespace && execution.workflow_id == sender.workflow_id {
            return Err(Error::not_found("workflow execution not found"));
        }
        let found = self.runs.find(target.namespace, &execution.workflow_id, &execution.run_id)?;
        if target.child_workflow_only && found.is_running() && !found.is_child_of(sender) {
            return Err(Error::not_found("workflow parent does not match"));
        }
        Ok(found.key)
    }
}

/// Refuses one more of what a run may have pending only so often.
pub(super) fn check_pending(
    count: usize,
    limit: usize,
    cause: Cause,
    what: &str,
) -> Result<(), CommandFailure> {
    if count < limit {
        return Ok(());
    }
    Err(CommandFailure::new(
        cause,
        format!("the number of pending {what}, {count}, has reached the per-workflow limit of {limit}"),
    ))
}

/// Whether a run id could name a run. None at all is fine.
fn is_run_id(run_id: &str) -> bool {
    run_id.is_empty() || uuid::Uuid::try_parse(run_id).is_ok()
}
