//! What a run knows of a pending child.

use temporalio_common::protos::temporal::api::{
    history::v1::{
        StartChildWorkflowExecutionInitiatedEventAttributes as Initiated, history_event::Attributes,
    },
    workflow::v1::PendingChildExecutionInfo,
};

use crate::cluster::execution::Run;

/// A child that has been initiated, and has not closed as far as its parent knows. Everything else is in its
/// StartChildWorkflowExecutionInitiated event, under whose id it is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingChild {
    /// `None` until the parent has heard that the child has started.
    pub(crate) started: Option<StartedChild>,
}

/// What a parent hears when its child has started.
#[derive(Debug, Clone)]
pub(crate) struct StartedChild {
    /// The id of the ChildWorkflowExecutionStarted event, or the one that stands for it while it is held back.
    pub(crate) event_id: i64,
    /// The first run of the child, which names its whole chain of runs.
    pub(crate) run_id: String,
}

impl Run {
    /// The event with which a child was initiated.
    pub(super) fn initiated_child(&self, initiated_event_id: i64) -> Option<&Initiated> {
        match self.history.get(initiated_event_id)?.attributes.as_ref()? {
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(initiated) => Some(initiated),
            _ => None,
        }
    }
}

/// What DescribeWorkflowExecution tells of the children of a run, in the order in which they were initiated. A closed
/// run goes on to list those that were pending when it closed.
pub(crate) fn describe(run: &Run) -> Vec<PendingChildExecutionInfo> {
    let describe = |(&initiated_event_id, child): (&i64, &PendingChild)| {
        let initiated = run.initiated_child(initiated_event_id)?;
        Some(PendingChildExecutionInfo {
            workflow_id: initiated.workflow_id.clone(),
            run_id: child.started.as_ref().map(|started| started.run_id.clone()).unwrap_or_default(),
            workflow_type_name: initiated.workflow_type.clone().unwrap_or_default().name,
            initiated_id: initiated_event_id,
            parent_close_policy: initiated.parent_close_policy,
        })
    };
    run.children.iter().filter_map(describe).collect()
}
