//! An event that refers to another one refers to an earlier one, of the type that it should be.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    enums::v1::EventType as Type,
    history::v1::{HistoryEvent, history_event::Attributes as A},
};

/// The id of an event, and what its type may be. 0 stands for none where there may be none.
struct Reference {
    id: i64,
    to: Type,
    optional: bool,
}

fn to(id: i64, to: Type) -> Reference {
    Reference { id, to, optional: false }
}

fn perhaps(id: i64, to: Type) -> Reference {
    Reference { id, to, optional: true }
}

pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    for event in history {
        for Reference { id, to, optional } in references(event) {
            if optional && id == 0 {
                continue;
            }
            assert!(0 < id && id < event.event_id, "{event:?} refers to event {id}");
            assert_eq!(history[id as usize - 1].event_type(), to, "{event:?} refers to event {id}");
        }
    }
}

fn references(event: &HistoryEvent) -> Vec<Reference> {
    use Type::{
        ActivityTaskCancelRequested, ActivityTaskScheduled, ActivityTaskStarted,
        ChildWorkflowExecutionStarted, RequestCancelExternalWorkflowExecutionInitiated as CancelInitiated,
        SignalExternalWorkflowExecutionInitiated as SignalInitiated,
        StartChildWorkflowExecutionInitiated as ChildInitiated, TimerStarted,
        WorkflowExecutionUpdateAccepted, WorkflowTaskCompleted as Completed, WorkflowTaskScheduled,
        WorkflowTaskStarted,
    };
    let child =
        |initiated, started| vec![to(initiated, ChildInitiated), to(started, ChildWorkflowExecutionStarted)];
    match event.attributes.as_ref().expect("an event has attributes") {
        A::WorkflowExecutionCompletedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::WorkflowExecutionFailedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::WorkflowExecutionCanceledEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
            vec![perhaps(it.workflow_task_completed_event_id, Completed)]
        }
        A::WorkflowTaskStartedEventAttributes(it) => vec![to(it.scheduled_event_id, WorkflowTaskScheduled)],
        A::WorkflowTaskCompletedEventAttributes(it) => vec![
            to(it.scheduled_event_id, WorkflowTaskScheduled),
            to(it.started_event_id, WorkflowTaskStarted),
        ],
        A::WorkflowTaskFailedEventAttributes(it) => vec![
            to(it.scheduled_event_id, WorkflowTaskScheduled),
            to(it.started_event_id, WorkflowTaskStarted),
        ],
        A::WorkflowTaskTimedOutEventAttributes(it) => vec![
            to(it.scheduled_event_id, WorkflowTaskScheduled),
            perhaps(it.started_event_id, WorkflowTaskStarted),
        ],
        A::ActivityTaskScheduledEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::ActivityTaskStartedEventAttributes(it) => vec![to(it.scheduled_event_id, ActivityTaskScheduled)],
        A::ActivityTaskCompletedEventAttributes(it) => vec![
            to(it.scheduled_event_id, ActivityTaskScheduled),
            to(it.started_event_id, ActivityTaskStarted),
        ],
        A::ActivityTaskFailedEventAttributes(it) => vec![
            to(it.scheduled_event_id, ActivityTaskScheduled),
            to(it.started_event_id, ActivityTaskStarted),
        ],
        A::ActivityTaskTimedOutEventAttributes(it) => vec![
            to(it.scheduled_event_id, ActivityTaskScheduled),
            perhaps(it.started_event_id, ActivityTaskStarted),
        ],
        A::ActivityTaskCancelRequestedEventAttributes(it) => vec![
            to(it.scheduled_event_id, ActivityTaskScheduled),
            to(it.workflow_task_completed_event_id, Completed),
        ],
        A::ActivityTaskCanceledEventAttributes(it) => vec![
            to(it.scheduled_event_id, ActivityTaskScheduled),
            perhaps(it.started_event_id, ActivityTaskStarted),
            to(it.latest_cancel_requested_event_id, ActivityTaskCancelRequested),
        ],
        A::TimerStartedEventAttributes(it) => vec![to(it.workflow_task_completed_event_id, Completed)],
        A::TimerFiredEventAttributes(it) => vec![to(it.started_event_id, TimerStarted)],
        A::TimerCanceledEventAttributes(it) => {
            vec![to(it.started_event_id, TimerStarted), to(it.workflow_task_completed_event_id, Completed)]
        }
        A::MarkerRecordedEventAttributes(it) => vec![to(it.workflow_task_completed_event_id, Completed)],
        A::WorkflowPropertiesModifiedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
            vec![to(it.initiated_event_id, SignalInitiated)]
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
            vec![to(it.initiated_event_id, SignalInitiated)]
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            vec![to(it.initiated_event_id, CancelInitiated)]
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            vec![to(it.initiated_event_id, CancelInitiated)]
        }
        A::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            vec![to(it.workflow_task_completed_event_id, Completed)]
        }
        A::StartChildWorkflowExecutionFailedEventAttributes(it) => {
            vec![to(it.initiated_event_id, ChildInitiated)]
        }
        A::ChildWorkflowExecutionStartedEventAttributes(it) => {
            vec![to(it.initiated_event_id, ChildInitiated)]
        }
        A::ChildWorkflowExecutionCompletedEventAttributes(it) => {
            child(it.initiated_event_id, it.started_event_id)
        }
        A::ChildWorkflowExecutionFailedEventAttributes(it) => {
            child(it.initiated_event_id, it.started_event_id)
        }
        A::ChildWorkflowExecutionCanceledEventAttributes(it) => {
            child(it.initiated_event_id, it.started_event_id)
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            child(it.initiated_event_id, it.started_event_id)
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
            child(it.initiated_event_id, it.started_event_id)
        }
        A::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
            vec![to(it.accepted_event_id, WorkflowExecutionUpdateAccepted)]
        }
        _ => Vec::new(),
    }
}
