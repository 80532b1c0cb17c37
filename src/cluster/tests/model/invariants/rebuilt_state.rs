//! What a run has in memory is what its history says.

use std::collections::{BTreeMap, BTreeSet};

use temporalio_common::protos::temporal::api::{
    common::v1::Payload,
    history::v1::{HistoryEvent, history_event::Attributes as A},
};

use crate::cluster::execution::Run;

/// What is pending in an open run.
#[derive(Debug, Default, PartialEq)]
struct Pending {
    /// The ActivityTaskScheduled events, and whether the workflow has asked for cancellation.
    activities: BTreeMap<i64, bool>,
    /// The TimerStarted events, and the ids of the timers.
    timers: BTreeMap<i64, String>,
    /// By the event that initiated them, with the run id once they have started.
    children: BTreeMap<i64, Option<String>>,
    signals_out: BTreeSet<i64>,
    cancels_out: BTreeSet<i64>,
    signal_count: usize,
    cancel_requested: bool,
    memo: BTreeMap<String, Payload>,
    /// Its WorkflowTaskScheduled and WorkflowTaskStarted events, if it has written them.
    workflow_task: Option<(i64, i64)>,
    last_completed_started_event_id: i64,
    completed_updates: BTreeSet<String>,
}

pub(super) fn check(run: &Run) {
    if run.is_running() {
        let mut rebuilt = Pending::default();
        for event in run.history.since(1).chain(&run.state.buffered) {
            rebuilt.apply(event);
        }
        assert_eq!(rebuilt, Pending::of(run), "as rebuilt from the history and as it is");
    }
}

impl Pending {
    fn of(run: &Run) -> Self {
        let state = &run.state;
        let task = state.workflow_task.as_ref().filter(|task| !task.is_virtual());
        let activities = run.activities.iter();
        let children = run.children.iter();
        Self {
            activities: activities.map(|it| (it.scheduled_event_id, it.cancel_requested())).collect(),
            timers: run.timers.started().map(|(event, id)| (event, id.to_owned())).collect(),
            children: children
                .map(|(&id, child)| (id, child.started.as_ref().map(|started| started.run_id.clone())))
                .collect(),
            signals_out: run.signals_out.iter().map(|(&id, _)| id).collect(),
            cancels_out: run.cancels_out.iter().map(|(&id, _)| id).collect(),
            signal_count: state.signal_count,
            cancel_requested: state.cancel_requested,
            memo: (*state.memo).clone(),
            workflow_task: task.map(|task| (task.scheduled_event_id, task.started_event_id)),
            last_completed_started_event_id: state.last_completed_started_event_id,
            completed_updates: run.completed_updates.iter().map(|(id, _)| id.clone()).collect(),
        }
    }

    fn apply(&mut self, event: &HistoryEvent) {
        let id = event.event_id;
        match event.attributes.as_ref().expect("an event has attributes") {
            A::WorkflowExecutionStartedEventAttributes(it) => {
                self.memo = it.memo.clone().unwrap_or_default().fields.into_iter().collect();
            }
            A::WorkflowPropertiesModifiedEventAttributes(it) => {
                self.memo.extend(it.upserted_memo.clone().unwrap_or_default().fields);
            }
            A::WorkflowExecutionSignaledEventAttributes(_) => self.signal_count += 1,
            A::WorkflowExecutionCancelRequestedEventAttributes(_) => self.cancel_requested = true,
            A::WorkflowTaskScheduledEventAttributes(_) => self.workflow_task = Some((id, 0)),
            A::WorkflowTaskStartedEventAttributes(it) => {
                self.workflow_task = Some((it.scheduled_event_id, id));
            }
            A::WorkflowTaskCompletedEventAttributes(it) => {
                self.workflow_task = None;
                self.last_completed_started_event_id = it.started_event_id;
            }
            A::WorkflowTaskFailedEventAttributes(_) | A::WorkflowTaskTimedOutEventAttributes(_) => {
                self.workflow_task = None;
            }
            A::ActivityTaskScheduledEventAttributes(_) => {
                self.activities.insert(id, false);
            }
            A::ActivityTaskCancelRequestedEventAttributes(it) => {
                self.activities.insert(it.scheduled_event_id, true);
            }
            A::ActivityTaskCompletedEventAttributes(it) => {
                self.activities.remove(&it.scheduled_event_id);
            }
            A::ActivityTaskFailedEventAttributes(it) => {
                self.activities.remove(&it.scheduled_event_id);
            }
            A::ActivityTaskTimedOutEventAttributes(it) => {
                self.activities.remove(&it.scheduled_event_id);
            }
            A::ActivityTaskCanceledEventAttributes(it) => {
                self.activities.remove(&it.scheduled_event_id);
            }
            A::TimerStartedEventAttributes(it) => {
                self.timers.insert(id, it.timer_id.clone());
            }
            A::TimerFiredEventAttributes(it) => {
                self.timers.remove(&it.started_event_id);
            }
            A::TimerCanceledEventAttributes(it) => {
                self.timers.remove(&it.started_event_id);
            }
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
                self.children.insert(id, None);
            }
            A::ChildWorkflowExecutionStartedEventAttributes(it) => {
                let run_id = it.workflow_execution.clone().unwrap_or_default().run_id;
                self.children.insert(it.initiated_event_id, Some(run_id));
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::ChildWorkflowExecutionCompletedEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::ChildWorkflowExecutionFailedEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
                self.children.remove(&it.initiated_event_id);
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => {
                self.signals_out.insert(id);
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
                self.signals_out.remove(&it.initiated_event_id);
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
                self.signals_out.remove(&it.initiated_event_id);
            }
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
                self.cancels_out.insert(id);
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
                self.cancels_out.remove(&it.initiated_event_id);
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
                self.cancels_out.remove(&it.initiated_event_id);
            }
            A::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
                self.completed_updates.insert(it.meta.clone().unwrap_or_default().update_id);
            }
            _ => {}
        }
    }
}
