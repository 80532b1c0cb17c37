//! Where events go in a history: which are written at once, which wait, and what is moved behind what.

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::BUFFERED_EVENT_ID;

/// Whether events of this type are written at once. All others wait for the end of the transaction, and
/// for the end of a started workflow task.
pub(super) fn is_direct(event_type: EventType) -> bool {
    use EventType as Type;
    matches!(
        event_type,
        Type::WorkflowExecutionStarted
            | Type::WorkflowExecutionCompleted
            | Type::WorkflowExecutionFailed
            | Type::WorkflowExecutionTimedOut
            | Type::WorkflowExecutionTerminated
            | Type::WorkflowExecutionContinuedAsNew
            | Type::WorkflowExecutionCanceled
            | Type::WorkflowTaskScheduled
            | Type::WorkflowTaskStarted
            | Type::WorkflowTaskCompleted
            | Type::WorkflowTaskFailed
            | Type::WorkflowTaskTimedOut
            | Type::ActivityTaskScheduled
            | Type::ActivityTaskCancelRequested
            | Type::TimerStarted
            | Type::TimerCanceled
            | Type::RequestCancelExternalWorkflowExecutionInitiated
            | Type::MarkerRecorded
            | Type::StartChildWorkflowExecutionInitiated
            | Type::SignalExternalWorkflowExecutionInitiated
            | Type::UpsertWorkflowSearchAttributes
            | Type::WorkflowPropertiesModified
            | Type::NexusOperationScheduled
            | Type::NexusOperationCancelRequested
            | Type::WorkflowExecutionUpdateAccepted
            | Type::WorkflowExecutionUpdateCompleted
    )
}

/// Whether the event ends an activity, a child or a Nexus operation.
pub(super) fn ends_something(event: &HistoryEvent) -> bool {
    use EventType as Type;
    matches!(
        event.event_type(),
        Type::ActivityTaskCompleted
            | Type::ActivityTaskFailed
            | Type::ActivityTaskTimedOut
            | Type::ActivityTaskCanceled
            | Type::ChildWorkflowExecutionCompleted
            | Type::ChildWorkflowExecutionFailed
            | Type::ChildWorkflowExecutionTimedOut
            | Type::ChildWorkflowExecutionCanceled
            | Type::ChildWorkflowExecutionTerminated
            | Type::NexusOperationCompleted
            | Type::NexusOperationFailed
            | Type::NexusOperationCanceled
            | Type::NexusOperationTimedOut
    )
}

/// Notes the id of a started event under the id of the event that scheduled or initiated it, and puts it
/// into the event that ends the same thing.
pub(super) fn resolve_started_event_id(
    attributes: &mut Attributes,
    event_id: i64,
    started: &mut BTreeMap<i64, i64>,
) {
    use Attributes as A;
    let (origin, started_event_id) = match attributes {
        A::ActivityTaskStartedEventAttributes(event) => {
            started.insert(event.scheduled_event_id, event_id);
            return;
        }
        A::ChildWorkflowExecutionStartedEventAttributes(event) => {
            started.insert(event.initiated_event_id, event_id);
            return;
        }
        A::ActivityTaskCompletedEventAttributes(event) => {
            (event.scheduled_event_id, &mut event.started_event_id)
        }
        A::ActivityTaskFailedEventAttributes(event) => {
            (event.scheduled_event_id, &mut event.started_event_id)
        }
        A::ActivityTaskTimedOutEventAttributes(event) => {
            (event.scheduled_event_id, &mut event.started_event_id)
        }
        A::ActivityTaskCanceledEventAttributes(event) => {
            (event.scheduled_event_id, &mut event.started_event_id)
        }
        A::ChildWorkflowExecutionCompletedEventAttributes(event) => {
            (event.initiated_event_id, &mut event.started_event_id)
        }
        A::ChildWorkflowExecutionFailedEventAttributes(event) => {
            (event.initiated_event_id, &mut event.started_event_id)
        }
        A::ChildWorkflowExecutionCanceledEventAttributes(event) => {
            (event.initiated_event_id, &mut event.started_event_id)
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(event) => {
            (event.initiated_event_id, &mut event.started_event_id)
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(event) => {
            (event.initiated_event_id, &mut event.started_event_id)
        }
        _ => return,
    };
    if *started_event_id == BUFFERED_EVENT_ID
        && let Some(&id) = started.get(&origin)
    {
        *started_event_id = id;
    }
}
