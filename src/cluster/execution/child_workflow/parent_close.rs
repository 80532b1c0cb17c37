//! A parent closes: what becomes of its children.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::ParentClosePolicy,
    history::v1::{
        WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionTerminatedEventAttributes,
    },
};

use super::pending::PendingChild;
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{Run, RunKey, workflow_task::HISTORY_SERVICE},
        limits,
    },
};

/// Who ends the children of a parent that has many: a workflow of the server's own.
const PARENT_CLOSE_POLICY_WORKFLOW: &str = "temporal-sys-parent-close-policy-workflow";

/// A child that does not stay as it is.
struct Affected {
    child: RunKey,
    policy: ParentClosePolicy,
}

impl Cluster {
    /// Terminates the pending children of a closed run, asks them to cancel, or leaves them alone, as the policy of each
    /// says. It means the run that a child has come to, whichever of its chain that is.
    pub(super) fn apply_parent_close_policies(&mut self, now: Time, parent: RunKey) {
        let Some(run) = self.runs.get(parent) else { return };
        let affected: Vec<_> =
            run.children.iter().filter_map(|(&id, child)| self.affected(run, id, child)).collect();
        let identity = if run.children.len() < limits::CHILDREN_CLOSED_AT_ONCE {
            HISTORY_SERVICE
        } else {
            PARENT_CLOSE_POLICY_WORKFLOW
        };
        let parent = run.execution();
        for Affected { child, policy } in affected {
            match policy {
                ParentClosePolicy::RequestCancel => self.cancel_orphan(now, child, &parent, identity),
                _ => self.terminate_orphan(now, child, identity),
            }
        }
    }

    /// The open run of a child to which its policy does something.
    fn affected(&self, parent: &Run, initiated_event_id: i64, child: &PendingChild) -> Option<Affected> {
        let initiated = parent.initiated_child(initiated_event_id)?;
        let policy = initiated.parent_close_policy();
        if policy == ParentClosePolicy::Abandon {
            return None;
        }
        let run =
            self.runs.current(parent.namespace, &initiated.workflow_id).filter(|run| run.is_running())?;
        let is_child = run.is_child_of(parent);
        let is_of_chain =
            child.started.as_ref().is_none_or(|started| started.run_id == run.info.first_execution_run_id);
        (is_child && is_of_chain).then_some(Affected { child: run.key, policy })
    }

    fn terminate_orphan(&mut self, now: Time, child: RunKey, identity: &str) {
        let attributes = WorkflowExecutionTerminatedEventAttributes {
            reason: "by parent close policy".to_owned(),
            identity: identity.to_owned(),
            ..Default::default()
        };
        // The only way to fail is that the child has closed meanwhile.
        drop(self.terminate_run(now, child, attributes, Vec::new()));
    }

    fn cancel_orphan(&mut self, now: Time, child: RunKey, parent: &WorkflowExecution, identity: &str) {
        let attributes = WorkflowExecutionCancelRequestedEventAttributes {
            external_workflow_execution: Some(parent.clone()),
            identity: identity.to_owned(),
            ..Default::default()
        };
        self.change(now, child, |tx| tx.request_cancel(attributes, Vec::new()));
    }
}
