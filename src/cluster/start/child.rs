//! Starting a child of another workflow execution.

use temporalio_common::protos::temporal::api::{
    common::v1::{Priority, WorkflowExecution},
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::WorkflowIdConflictPolicy,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::{
    Start,
    id_policies::{IdPolicies, Resolution},
};
use crate::{
    clock::Time,
    cluster::{Cluster, Error, execution::RunKey, namespaces::NamespaceKey},
};

/// Where a child comes from.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    /// The namespace of the parent, and of the child.
    pub(crate) namespace: NamespaceKey,
    /// The very run that is the parent.
    pub(crate) execution: WorkflowExecution,
    /// The id of its StartChildWorkflowExecutionInitiated event.
    pub(crate) initiated_event_id: i64,
    /// The ancestor that is no child itself.
    pub(crate) root: WorkflowExecution,
    /// The version of its workers that the parent is pinned to, if the child goes to the same task queue.
    pub(crate) pinned_version: Option<WorkerDeploymentVersion>,
}

impl Cluster {
    /// Begins the first run of a child, which does nothing before its parent knows of it: its first workflow task is left
    /// to the caller. The request has been validated.
    ///
    /// # Errors
    ///
    /// ALREADY_EXISTS if the workflow id is in use, or has been and must not be used again.
    pub(in crate::cluster) fn start_child(
        &mut self,
        now: Time,
        request: StartWorkflowExecutionRequest,
        parent: Parent,
    ) -> Result<RunKey, Error> {
        let namespace = parent.namespace;
        let policies = IdPolicies::new(
            request.workflow_id_reuse_policy(),
            WorkflowIdConflictPolicy::Unspecified,
            WorkflowIdConflictPolicy::Fail,
        )?;
        match self.resolve_workflow_id(namespace, &request, policies, true)? {
            Resolution::Repeated(run) | Resolution::UseExisting(run) => Ok(run),
            Resolution::Start { terminate } => {
                let start = Start { parent: Some(parent), ..Start::of(namespace, request, terminate) };
                Ok(self.begin(now, start, |_| {}))
            }
        }
    }
}

/// The priority of a child: its own, and its parent's where its own says nothing.
pub(crate) fn merge_priorities(parent: Option<Priority>, own: Option<Priority>) -> Option<Priority> {
    let (Some(parent), Some(own)) = (&parent, &own) else { return own.or(parent) };
    Some(Priority {
        priority_key: if own.priority_key == 0 { parent.priority_key } else { own.priority_key },
        fairness_key: if own.fairness_key.is_empty() { &parent.fairness_key } else { &own.fairness_key }
            .clone(),
        fairness_weight: if own.fairness_weight == 0.0 {
            parent.fairness_weight
        } else {
            own.fairness_weight
        },
    })
}
