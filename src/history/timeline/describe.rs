//! What matters about an event: one function for each kind, spread over the files beside this one.

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes::*};

use super::{Options, activity, execution, other, payload, text};
use crate::{history::History, proto_json};

/// An event's attributes in words.
pub(super) fn describe(history: &History, event: &HistoryEvent, options: Options) -> String {
    let Some(attributes) = &event.attributes else { return String::new() };
    match attributes {
        WorkflowExecutionStartedEventAttributes(it) => execution::started(it, options),
        WorkflowExecutionCompletedEventAttributes(it) => execution::completed(it, options),
        WorkflowExecutionFailedEventAttributes(it) => execution::failed(it, options),
        WorkflowExecutionTimedOutEventAttributes(it) => execution::timed_out(it),
        WorkflowExecutionCanceledEventAttributes(it) => execution::canceled(it, options),
        WorkflowExecutionTerminatedEventAttributes(it) => execution::terminated(it, options),
        WorkflowExecutionContinuedAsNewEventAttributes(it) => execution::continued_as_new(it, options),
        WorkflowExecutionSignaledEventAttributes(it) => execution::signaled(it, options),
        WorkflowExecutionCancelRequestedEventAttributes(it) => execution::cancel_requested(it),

        WorkflowTaskScheduledEventAttributes(it) => other::task_scheduled(it),
        WorkflowTaskStartedEventAttributes(_) | WorkflowTaskCompletedEventAttributes(_) => String::new(),
        WorkflowTaskFailedEventAttributes(it) => other::task_failed(it, options),
        WorkflowTaskTimedOutEventAttributes(it) => other::task_timed_out(it),

        ActivityTaskScheduledEventAttributes(it) => activity::scheduled(it, history.task_queue(), options),
        ActivityTaskStartedEventAttributes(it) => activity::started(it, history, options),
        ActivityTaskCompletedEventAttributes(it) => activity::completed(it, history, options),
        ActivityTaskFailedEventAttributes(it) => activity::failed(it, history, options),
        ActivityTaskTimedOutEventAttributes(it) => activity::timed_out(it, history, options),
        ActivityTaskCancelRequestedEventAttributes(it) => activity::of(history, it.scheduled_event_id),
        ActivityTaskCanceledEventAttributes(it) => activity::canceled(it, history, options),

        TimerStartedEventAttributes(it) => other::timer_started(it),
        TimerFiredEventAttributes(it) => format!("#{}", it.timer_id),
        TimerCanceledEventAttributes(it) => format!("#{}", it.timer_id),
        MarkerRecordedEventAttributes(it) => other::marker(it, options),
        UpsertWorkflowSearchAttributesEventAttributes(it) => {
            let attributes = it.search_attributes.iter().flat_map(|it| &it.indexed_fields);
            payload::fields(attributes, options)
        }
        WorkflowPropertiesModifiedEventAttributes(it) => {
            let memo = it.upserted_memo.iter().flat_map(|memo| &memo.fields);
            payload::fields(memo, options)
        }

        StartChildWorkflowExecutionInitiatedEventAttributes(it) => other::child_initiated(it, options),
        StartChildWorkflowExecutionFailedEventAttributes(it) => other::child_not_started(it),
        ChildWorkflowExecutionStartedEventAttributes(it) => {
            other::child(it.workflow_execution.as_ref(), it.workflow_type.as_ref())
        }
        ChildWorkflowExecutionCompletedEventAttributes(it) => {
            let child = other::child(it.workflow_execution.as_ref(), it.workflow_type.as_ref());
            child + &payload::result(it.result.as_ref(), options)
        }
        ChildWorkflowExecutionFailedEventAttributes(it) => other::child_failed(it, options),
        ChildWorkflowExecutionCanceledEventAttributes(it) => {
            let details = it.details.as_ref().map(|it| payload::payloads(it, options)).unwrap_or_default();
            let child = other::child(it.workflow_execution.as_ref(), it.workflow_type.as_ref());
            child + &text::parenthesised(&details)
        }
        ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            other::child(it.workflow_execution.as_ref(), it.workflow_type.as_ref())
        }
        ChildWorkflowExecutionTerminatedEventAttributes(it) => {
            other::child(it.workflow_execution.as_ref(), it.workflow_type.as_ref())
        }

        SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            let signal = payload::call(&it.signal_name, it.input.as_ref(), options);
            format!("{signal} to {}", other::execution_id(it.workflow_execution.as_ref()))
        }
        SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
            let target = other::execution_id(it.workflow_execution.as_ref());
            format!("{target}: {}", other::external_cause(it.cause().as_str_name()))
        }
        ExternalWorkflowExecutionSignaledEventAttributes(it) => {
            other::execution_id(it.workflow_execution.as_ref()).to_owned()
        }
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            let target = other::execution_id(it.workflow_execution.as_ref());
            text::Text::new(target)
                .and_some(other::non_empty(&it.reason), |it| format!("because {it:?}"))
                .into_string()
        }
        RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            let target = other::execution_id(it.workflow_execution.as_ref());
            format!("{target}: {}", other::external_cause(it.cause().as_str_name()))
        }
        ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            other::execution_id(it.workflow_execution.as_ref()).to_owned()
        }

        WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
            other::update(it.accepted_request.as_ref(), options)
        }
        WorkflowExecutionUpdateAdmittedEventAttributes(it) => other::update(it.request.as_ref(), options),
        WorkflowExecutionUpdateCompletedEventAttributes(it) => other::update_completed(it, history, options),

        _ => in_json(event, options),
    }
}

/// The attributes of an event that has no words of its own.
fn in_json(event: &HistoryEvent, options: Options) -> String {
    let json = proto_json::to_value(event).unwrap_or_default();
    let attributes = json.as_object().into_iter().flatten().find(|(key, _)| key.ends_with("EventAttributes"));
    attributes
        .map(|(_, value)| payload::shortened(&value.to_string(), options.payload_limit))
        .unwrap_or_default()
}
