//! What an event is about.

use serde_json::Value;
use temporalio_common::protos::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, MarkerRecordedEventAttributes, history_event::Attributes::*},
};

/// The part that an event plays in its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It stands for itself, or begins something.
    Begins(Subject),
    /// It says what became of what another event began.
    Follows(i64),
    /// It is part of a workflow task, of which there are many alike.
    Routine,
}

/// What an event is about, for the comparison with events of another history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) event_type: EventType,
    /// The name of what it is about: an activity type, a signal, a patch.
    pub(super) name: String,
    /// Which one of that name, if somebody chose an id for it.
    pub(super) id: String,
}

/// The role of an event.
pub(super) fn role(event: &HistoryEvent) -> Role {
    let Some(attributes) = &event.attributes else { return begins(event, "", "") };
    match attributes {
        WorkflowTaskScheduledEventAttributes(_)
        | WorkflowTaskStartedEventAttributes(_)
        | WorkflowTaskCompletedEventAttributes(_)
        | WorkflowTaskFailedEventAttributes(_)
        | WorkflowTaskTimedOutEventAttributes(_) => Role::Routine,

        ActivityTaskScheduledEventAttributes(it) => {
            begins(event, it.activity_type.as_ref().map_or("", |it| &it.name), chosen(&it.activity_id))
        }
        ActivityTaskStartedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        ActivityTaskCompletedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        ActivityTaskFailedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        ActivityTaskTimedOutEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        ActivityTaskCancelRequestedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        ActivityTaskCanceledEventAttributes(it) => Role::Follows(it.scheduled_event_id),

        TimerStartedEventAttributes(it) => begins(event, "", chosen(&it.timer_id)),
        TimerFiredEventAttributes(it) => Role::Follows(it.started_event_id),
        TimerCanceledEventAttributes(it) => Role::Follows(it.started_event_id),

        StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            begins(event, it.workflow_type.as_ref().map_or("", |it| &it.name), &it.workflow_id)
        }
        StartChildWorkflowExecutionFailedEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionStartedEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionCompletedEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionFailedEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionCanceledEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionTimedOutEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ChildWorkflowExecutionTerminatedEventAttributes(it) => Role::Follows(it.initiated_event_id),

        SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            begins(event, &it.signal_name, it.workflow_execution.as_ref().map_or("", |it| &it.workflow_id))
        }
        SignalExternalWorkflowExecutionFailedEventAttributes(it) => Role::Follows(it.initiated_event_id),
        ExternalWorkflowExecutionSignaledEventAttributes(it) => Role::Follows(it.initiated_event_id),
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            begins(event, "", it.workflow_execution.as_ref().map_or("", |it| &it.workflow_id))
        }
        RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            Role::Follows(it.initiated_event_id)
        }
        ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => Role::Follows(it.initiated_event_id),

        NexusOperationScheduledEventAttributes(it) => begins(event, &it.operation, &it.service),
        NexusOperationStartedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        NexusOperationCompletedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        NexusOperationFailedEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        NexusOperationCanceledEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        NexusOperationTimedOutEventAttributes(it) => Role::Follows(it.scheduled_event_id),
        NexusOperationCancelRequestedEventAttributes(it) => Role::Follows(it.scheduled_event_id),

        WorkflowExecutionSignaledEventAttributes(it) => begins(event, &it.signal_name, ""),
        WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
            let input = it.accepted_request.as_ref().and_then(|request| request.input.as_ref());
            begins(event, input.map_or("", |input| &input.name), &it.protocol_instance_id)
        }
        WorkflowExecutionUpdateCompletedEventAttributes(it) => Role::Follows(it.accepted_event_id),
        MarkerRecordedEventAttributes(it) => begins(event, &it.marker_name, &in_marker(it)),
        _ => begins(event, "", ""),
    }
}

fn begins(event: &HistoryEvent, name: &str, id: &str) -> Role {
    let subject = Subject { event_type: event.event_type(), name: name.to_owned(), id: id.to_owned() };
    Role::Begins(subject)
}

/// An id that somebody chose. A number is what the SDK counts with: one activity more, and all others behind it
/// have another one.
fn chosen(id: &str) -> &str {
    if is_sequence_number(id) { "" } else { id }
}

/// Whether an id is a number that the SDK counted.
pub(super) fn is_sequence_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The patch, or the type of the local activity, that a marker of the SDK is about.
fn in_marker(marker: &MarkerRecordedEventAttributes) -> String {
    let field = |detail: &str, name: &str| {
        let payload = marker.details.get(detail)?.payloads.first()?;
        let value: Value = serde_json::from_slice(&payload.data).ok()?;
        value.get(name)?.as_str().map(str::to_owned)
    };
    field("patch-data", "id").or_else(|| field("data", "activity_type")).unwrap_or_default()
}
