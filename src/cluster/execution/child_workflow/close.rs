//! A child closes, and its parent hears of it.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::{
        ChildWorkflowExecutionCanceledEventAttributes, ChildWorkflowExecutionCompletedEventAttributes,
        ChildWorkflowExecutionFailedEventAttributes, ChildWorkflowExecutionTerminatedEventAttributes,
        ChildWorkflowExecutionTimedOutEventAttributes,
        StartChildWorkflowExecutionInitiatedEventAttributes as Initiated, history_event::Attributes,
    },
};

use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{Run, RunKey, Transaction, reset::RESETTER},
    },
};

/// How many resets of a parent a child follows to find whom to tell.
const MOST_RESETS: usize = 100;

/// The end of a child, as its parent is told.
#[derive(Debug, Clone)]
struct ClosedChild {
    /// The run that closed: the last one of its chain.
    execution: WorkflowExecution,
    first_run_id: String,
    initiated_event_id: i64,
    /// The attributes of its close event.
    close: Attributes,
}

impl Cluster {
    /// Does what has to be done elsewhere when a run has closed.
    pub(in crate::cluster) fn follow_close(&mut self, now: Time, run: RunKey) {
        self.tell_parent(now, run);
        // The children of a run that was terminated to be reset belong to the run that it was reset to.
        if self.runs.get(run).is_some_and(|run| !is_terminated_by_resetter(run)) {
            self.apply_parent_close_policies(now, run);
        }
    }

    /// Tells the parent of a closed run about it. The parent is a certain run: if that has closed, nobody is told, unless it
    /// was reset.
    fn tell_parent(&mut self, now: Time, run: RunKey) {
        let Some(run) = self.runs.get(run).filter(|run| run.info.has_parent) else { return };
        let Some(parent) = &run.started().parent_workflow_execution else { return };
        let Some(closed) = closed_child(run) else { return };
        let Some(parent) = self.open_parent(run, parent) else { return };
        self.change(now, parent, |tx| tx.record_child_closed(closed));
    }

    /// The run that is told of the end of a child: the one that started it or, if that has closed, the run that it was reset
    /// to, and so on.
    fn open_parent(&self, child: &Run, parent: &WorkflowExecution) -> Option<RunKey> {
        let mut run_id = &parent.run_id;
        for _ in 0..=MOST_RESETS {
            let run = self.runs.find(child.namespace, &parent.workflow_id, run_id).ok()?;
            if run.is_running() || run.state.reset_run_id.is_empty() {
                return Some(run.key);
            }
            run_id = &run.state.reset_run_id;
        }
        None
    }
}

/// Whether a run was terminated because it is reset.
pub(super) fn is_terminated_by_resetter(run: &Run) -> bool {
    match run.history.last().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionTerminatedEventAttributes(event)) => event.identity == RESETTER,
        _ => false,
    }
}

/// What the parent of a run is told of its end; `None` if that is not the end of the child.
fn closed_child(run: &Run) -> Option<ClosedChild> {
    let close = run.history.last()?.attributes.clone()?;
    let is_end = match &close {
        Attributes::WorkflowExecutionCompletedEventAttributes(event) => event.new_execution_run_id.is_empty(),
        Attributes::WorkflowExecutionFailedEventAttributes(event) => event.new_execution_run_id.is_empty(),
        Attributes::WorkflowExecutionTimedOutEventAttributes(event) => event.new_execution_run_id.is_empty(),
        Attributes::WorkflowExecutionTerminatedEventAttributes(event) => event.identity != RESETTER,
        Attributes::WorkflowExecutionCanceledEventAttributes(_) => true,
        _ => false,
    };
    is_end.then(|| ClosedChild {
        execution: run.execution(),
        first_run_id: run.info.first_execution_run_id.clone(),
        initiated_event_id: run.started().parent_initiated_event_id,
        close,
    })
}

impl Transaction<'_> {
    /// Tells the run that a child has closed, if it waits for that child.
    fn record_child_closed(&mut self, closed: ClosedChild) {
        let initiated_event_id = closed.initiated_event_id;
        if !self.run.is_running() {
            return self.keep_in_memory();
        }
        let Some(child) = self.run.children.get(&initiated_event_id) else { return };
        let Some(initiated) = self.run.initiated_child(initiated_event_id).cloned() else { return };
        if initiated.workflow_id != closed.execution.workflow_id {
            return;
        }
        if child.started.is_none() {
            self.record_child_started(initiated_event_id, &initiated, closed.first_run_id.clone());
        }
        let child = self.run.children.get(&initiated_event_id);
        let Some(started) = child.and_then(|child| child.started.clone()) else { return };
        if started.run_id != closed.first_run_id {
            return;
        }
        self.run.children.remove(&initiated_event_id);
        if let Some(event) = event(closed, initiated, started.event_id) {
            self.add(event);
            self.need_workflow_task();
        }
    }
}

/// The event of the parent for the close event of its child.
fn event(closed: ClosedChild, initiated: Initiated, started_event_id: i64) -> Option<Attributes> {
    let ClosedChild { execution, initiated_event_id, close, .. } = closed;
    let Initiated { namespace, namespace_id, workflow_type, .. } = initiated;
    let workflow_execution = Some(execution);
    Some(match close {
        Attributes::WorkflowExecutionCompletedEventAttributes(close) => {
            Attributes::ChildWorkflowExecutionCompletedEventAttributes(
                ChildWorkflowExecutionCompletedEventAttributes {
                    result: close.result,
                    namespace,
                    namespace_id,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                },
            )
        }
        Attributes::WorkflowExecutionFailedEventAttributes(close) => {
            Attributes::ChildWorkflowExecutionFailedEventAttributes(
                ChildWorkflowExecutionFailedEventAttributes {
                    failure: close.failure,
                    namespace,
                    namespace_id,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                    retry_state: close.retry_state,
                },
            )
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(close) => {
            Attributes::ChildWorkflowExecutionCanceledEventAttributes(
                ChildWorkflowExecutionCanceledEventAttributes {
                    details: close.details,
                    namespace,
                    namespace_id,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                },
            )
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(close) => {
            Attributes::ChildWorkflowExecutionTimedOutEventAttributes(
                ChildWorkflowExecutionTimedOutEventAttributes {
                    namespace,
                    namespace_id,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                    retry_state: close.retry_state,
                },
            )
        }
        Attributes::WorkflowExecutionTerminatedEventAttributes(_) => {
            Attributes::ChildWorkflowExecutionTerminatedEventAttributes(
                ChildWorkflowExecutionTerminatedEventAttributes {
                    namespace,
                    namespace_id,
                    workflow_execution,
                    workflow_type,
                    initiated_event_id,
                    started_event_id,
                },
            )
        }
        _ => return None,
    })
}
