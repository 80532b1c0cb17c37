//! A parent closes: what becomes of its children.
//!
//! A server needs a moment for that, in which a worker that has a workflow task of a child waiting completes it. So a child
//! with a pending workflow task is ended when all else that happens at this instant has happened; any other child at once.

use std::time::Duration;

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
        timers::Timer,
    },
};

/// Who ends the children of a parent that has many: a workflow of the server's own.
const PARENT_CLOSE_POLICY_WORKFLOW: &str = "temporal-sys-parent-close-policy-workflow";

/// The least that time can pass: whatever happens at this instant happens before.
const MOMENT: Duration = Duration::from_nanos(1);

/// A child that does not stay as it is.
struct Affected {
    child: RunKey,
    policy: ParentClosePolicy,
}

impl Cluster {
    /// Terminates the pending children of a closed run, asks them to cancel, or leaves them alone, as the policy of each
    /// says. It means the run that a child has come to, whichever of its chain that is.
    pub(super) fn apply_parent_close_policies(&mut self, now: Time, parent: RunKey) {
        for (initiated_event_id, child) in self.affected_children(parent) {
            let is_busy = self.runs.get(child).is_some_and(|child| child.state.workflow_task.is_some());
            if is_busy {
                self.timers.arm(now + MOMENT, Timer::ParentClose { parent, initiated_event_id });
            } else {
                self.apply_parent_close_policy(now, parent, initiated_event_id);
            }
        }
    }

    /// A run that has closed at this instant is about to be forgotten: no child waits for a moment.
    pub(in crate::cluster) fn apply_parent_close_policies_at_once(&mut self, now: Time, parent: RunKey) {
        let has_just_closed =
            |run: &Run| run.state.close_time == Some(now) && !super::close::is_terminated_by_resetter(run);
        if self.runs.get(parent).is_some_and(has_just_closed) {
            for (initiated_event_id, _) in self.affected_children(parent) {
                self.apply_parent_close_policy(now, parent, initiated_event_id);
            }
        }
    }

    fn affected_children(&self, parent: RunKey) -> Vec<(i64, RunKey)> {
        let Some(run) = self.runs.get(parent) else { return Vec::new() };
        let child = |(&id, child)| Some((id, self.affected(run, id, child)?.child));
        run.children.iter().filter_map(child).collect()
    }

    /// Does to one child of a closed run what its policy says.
    pub(in crate::cluster) fn apply_parent_close_policy(
        &mut self,
        now: Time,
        parent: RunKey,
        initiated_event_id: i64,
    ) {
        let Some(Affected { child, policy }) = self.affected_child(parent, initiated_event_id) else {
            return;
        };
        let Some(run) = self.runs.get(parent) else { return };
        let identity = if run.children.len() < limits::CHILDREN_CLOSED_AT_ONCE {
            HISTORY_SERVICE
        } else {
            PARENT_CLOSE_POLICY_WORKFLOW
        };
        match policy {
            ParentClosePolicy::RequestCancel => {
                let parent = run.execution();
                self.cancel_orphan(now, child, &parent, identity);
            }
            _ => self.terminate_orphan(now, child, identity),
        }
    }

    /// Whether there still is a child to which its policy does something.
    pub(in crate::cluster) fn awaits_parent_close_policy(
        &self,
        parent: RunKey,
        initiated_event_id: i64,
    ) -> bool {
        self.affected_child(parent, initiated_event_id).is_some()
    }

    fn affected_child(&self, parent: RunKey, initiated_event_id: i64) -> Option<Affected> {
        let parent = self.runs.get(parent)?;
        self.affected(parent, initiated_event_id, parent.children.get(&initiated_event_id)?)
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
