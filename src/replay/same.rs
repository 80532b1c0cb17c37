//! Whether a recorded event is, message for message, the one that a command leads to.
//!
//! Nearly every event is. To compare two messages costs a small part of what it costs to read the fields of both by
//! their names, so that is left for those that are not the same: see [`Fields`](super::fields::Fields).

use temporalio_common::protos::temporal::api::{
    history::v1::{HistoryEvent, history_event::Attributes},
    taskqueue::v1::TaskQueue,
};

/// Whether no field of the two can differ. `false` says nothing: the fields may be the same all the same. `namespace` is that
/// of the run, if namespaces are compared.
pub(super) fn is_same(recorded: &HistoryEvent, mut produced: HistoryEvent, namespace: Option<&str>) -> bool {
    if recorded.user_metadata != produced.user_metadata {
        return false;
    }
    match (&recorded.attributes, &mut produced.attributes) {
        (Some(recorded), Some(produced)) => {
            adopt(recorded, produced, namespace);
            recorded == produced
        }
        _ => false,
    }
}

/// Gives the produced event what the code does not decide: whatever is left out of a comparison of fields is as it was
/// recorded.
#[allow(deprecated, reason = "histories have it")]
fn adopt(recorded: &Attributes, produced: &mut Attributes, namespace: Option<&str>) {
    use Attributes as A;
    match (recorded, produced) {
        (A::ActivityTaskScheduledEventAttributes(from), A::ActivityTaskScheduledEventAttributes(to)) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            to.use_workflow_build_id = from.use_workflow_build_id;
            adopt_kind(from.task_queue.as_ref(), to.task_queue.as_mut());
            adopt_unset(&from.header, &mut to.header);
            adopt_unset(&from.input, &mut to.input);
            adopt_unset(&from.heartbeat_timeout, &mut to.heartbeat_timeout);
            adopt_unset(&from.priority, &mut to.priority);
        }
        (
            A::ActivityTaskCancelRequestedEventAttributes(from),
            A::ActivityTaskCancelRequestedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
        }
        (A::TimerStartedEventAttributes(from), A::TimerStartedEventAttributes(to)) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
        }
        (A::TimerCanceledEventAttributes(from), A::TimerCanceledEventAttributes(to)) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            to.started_event_id = from.started_event_id;
            to.identity.clone_from(&from.identity);
        }
        (
            A::StartChildWorkflowExecutionInitiatedEventAttributes(from),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            adopt_namespace(&from.namespace, &mut to.namespace, namespace);
            to.namespace_id.clone_from(&from.namespace_id);
            to.control.clone_from(&from.control);
            to.inherit_build_id = from.inherit_build_id;
            adopt_kind(from.task_queue.as_ref(), to.task_queue.as_mut());
            adopt_unset(&from.header, &mut to.header);
            adopt_unset(&from.input, &mut to.input);
            adopt_unset(&from.memo, &mut to.memo);
            adopt_unset(&from.search_attributes, &mut to.search_attributes);
            adopt_unset(&from.workflow_execution_timeout, &mut to.workflow_execution_timeout);
            adopt_unset(&from.workflow_run_timeout, &mut to.workflow_run_timeout);
            adopt_unset(&from.priority, &mut to.priority);
        }
        (
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(from),
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            adopt_namespace(&from.namespace, &mut to.namespace, namespace);
            to.namespace_id.clone_from(&from.namespace_id);
            to.control.clone_from(&from.control);
            adopt_unset(&from.header, &mut to.header);
            adopt_unset(&from.input, &mut to.input);
        }
        (
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(from),
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            adopt_namespace(&from.namespace, &mut to.namespace, namespace);
            to.namespace_id.clone_from(&from.namespace_id);
            to.control.clone_from(&from.control);
        }
        (A::MarkerRecordedEventAttributes(from), A::MarkerRecordedEventAttributes(to)) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            adopt_unset(&from.header, &mut to.header);
        }
        (
            A::UpsertWorkflowSearchAttributesEventAttributes(from),
            A::UpsertWorkflowSearchAttributesEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
        }
        (
            A::WorkflowPropertiesModifiedEventAttributes(from),
            A::WorkflowPropertiesModifiedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
        }
        (
            A::WorkflowExecutionCompletedEventAttributes(from),
            A::WorkflowExecutionCompletedEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            to.new_execution_run_id.clone_from(&from.new_execution_run_id);
            adopt_unset(&from.result, &mut to.result);
        }
        (A::WorkflowExecutionFailedEventAttributes(from), A::WorkflowExecutionFailedEventAttributes(to)) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            to.new_execution_run_id.clone_from(&from.new_execution_run_id);
            to.retry_state = from.retry_state;
        }
        (
            A::WorkflowExecutionCanceledEventAttributes(from),
            A::WorkflowExecutionCanceledEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            adopt_unset(&from.details, &mut to.details);
        }
        (
            A::WorkflowExecutionContinuedAsNewEventAttributes(from),
            A::WorkflowExecutionContinuedAsNewEventAttributes(to),
        ) => {
            to.workflow_task_completed_event_id = from.workflow_task_completed_event_id;
            to.new_execution_run_id.clone_from(&from.new_execution_run_id);
            to.initiator = from.initiator;
            to.inherit_build_id = from.inherit_build_id;
            adopt_kind(from.task_queue.as_ref(), to.task_queue.as_mut());
            adopt_unset(&from.header, &mut to.header);
            adopt_unset(&from.input, &mut to.input);
            adopt_unset(&from.memo, &mut to.memo);
            adopt_unset(&from.search_attributes, &mut to.search_attributes);
            adopt_unset(&from.workflow_run_timeout, &mut to.workflow_run_timeout);
            adopt_unset(&from.backoff_start_interval, &mut to.backoff_start_interval);
        }
        (
            A::WorkflowExecutionUpdateAcceptedEventAttributes(from),
            A::WorkflowExecutionUpdateAcceptedEventAttributes(to),
        ) => {
            to.accepted_request_message_id.clone_from(&from.accepted_request_message_id);
            to.accepted_request_sequencing_event_id = from.accepted_request_sequencing_event_id;
            to.accepted_request.clone_from(&from.accepted_request);
        }
        (
            A::WorkflowExecutionUpdateCompletedEventAttributes(from),
            A::WorkflowExecutionUpdateCompletedEventAttributes(to),
        ) => {
            to.accepted_event_id = from.accepted_event_id;
        }
        _ => {}
    }
}

/// Of a task queue only its name is compared.
fn adopt_kind(recorded: Option<&TaskQueue>, produced: Option<&mut TaskQueue>) {
    if let (Some(recorded), Some(produced)) = (recorded, produced) {
        produced.kind = recorded.kind;
        produced.normal_name.clone_from(&recorded.normal_name);
    }
}

/// The namespace of the run is what a command without one means.
fn adopt_namespace(recorded: &str, produced: &mut String, namespace: Option<&str>) {
    match namespace {
        None => recorded.clone_into(produced),
        Some(own) if produced.is_empty() => own.clone_into(produced),
        Some(_) => {}
    }
}

/// A field that is set to nothing is the same as one that is not set.
fn adopt_unset<M: Clone + Default + PartialEq>(recorded: &Option<M>, produced: &mut Option<M>) {
    match (recorded, &produced) {
        (None, Some(set)) if *set == M::default() => *produced = None,
        (Some(set), None) if *set == M::default() => produced.clone_from(recorded),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        proto_json::{self, UnknownFields},
        replay::fields::{Fields, NOT_THE_CODES, Reading},
    };

    /// The events that record commands.
    const COMMAND_EVENTS: &[&str] = &[
        "activityTaskCancelRequested",
        "activityTaskScheduled",
        "markerRecorded",
        "requestCancelExternalWorkflowExecutionInitiated",
        "signalExternalWorkflowExecutionInitiated",
        "startChildWorkflowExecutionInitiated",
        "timerCanceled",
        "timerStarted",
        "upsertWorkflowSearchAttributes",
        "workflowExecutionCanceled",
        "workflowExecutionCompleted",
        "workflowExecutionContinuedAsNew",
        "workflowExecutionFailed",
        "workflowExecutionUpdateAccepted",
        "workflowExecutionUpdateCompleted",
        "workflowPropertiesModified",
    ];

    /// An event of a type with one field of its attributes; `None` if the type has no such field.
    fn event(name: &str, field: &str, value: Value) -> Option<HistoryEvent> {
        let attributes = format!("{name}EventAttributes");
        proto_json::from_value(json!({ attributes: { field: value } }), UnknownFields::Refuse).ok()
    }

    fn without_fields(name: &str) -> HistoryEvent {
        let attributes = format!("{name}EventAttributes");
        proto_json::from_value(json!({ attributes: {} }), UnknownFields::Refuse)
            .expect("attributes of this name")
    }

    fn sample(field: &str) -> Value {
        match field {
            "acceptedRequest" => json!({ "meta": { "updateId": "u" } }),
            "inheritBuildId" | "useWorkflowBuildId" => json!(true),
            "initiator" => json!("CONTINUE_AS_NEW_INITIATOR_RETRY"),
            "retryState" => json!("RETRY_STATE_TIMEOUT"),
            "acceptedRequestMessageId" | "control" | "identity" | "namespaceId" | "newExecutionRunId" => {
                json!("text")
            }
            _ => json!("7"),
        }
    }

    #[tokio::test]
    async fn what_the_code_does_not_decide_makes_no_difference() {
        let mut seen = Vec::new();
        for name in COMMAND_EVENTS {
            for field in NOT_THE_CODES {
                let Some(recorded) = event(name, field, sample(field)) else { continue };
                let produced = without_fields(name);
                let reading = Reading::default();
                let fields = Fields::recorded(&recorded, &reading).await;
                assert_eq!(fields.differences(&Fields::produced(&produced, &reading)), [], "{name}.{field}");
                assert_ne!(recorded, produced, "{name}.{field}");
                assert!(is_same(&recorded, produced, None), "{name}.{field}");
                seen.push(*field);
            }
        }
        assert!(NOT_THE_CODES.iter().all(|field| seen.contains(field)), "{seen:?}");
    }

    #[test]
    fn a_namespace_that_no_command_names_is_that_of_the_run() {
        let external = |namespace: &str| {
            event("signalExternalWorkflowExecutionInitiated", "namespace", json!(namespace)).unwrap()
        };
        let is_same = |recorded, produced, own| is_same(&external(recorded), external(produced), own);
        assert!(is_same("here", "", Some("here")));
        assert!(!is_same("there", "", Some("here")));
        assert!(!is_same("there", "here", Some("here")));
        assert!(is_same("there", "here", None), "nobody knows what the namespace of the run was");
    }

    #[test]
    fn whatever_else_differs_is_not_the_same() {
        let timer = |seconds: &str| event("timerStarted", "startToFireTimeout", json!(seconds)).unwrap();
        assert!(is_same(&timer("3600s"), timer("3600s"), None));
        assert!(!is_same(&timer("3600s"), timer("60s"), None));
        assert!(!is_same(&timer("3600s"), without_fields("timerCanceled"), None));
    }

    /// Saying that two events are the same must never hide a difference of their fields.
    #[tokio::test]
    async fn what_is_the_same_has_the_same_fields() {
        let mut same = 0;
        for file in std::fs::read_dir("histories/production").expect("the folder is in the repository") {
            let path = file.expect("a file").path();
            let Ok(history) = crate::history::History::load(&path) else { continue };
            let events: Vec<_> = history.events().iter().filter(|it| it.is_command_event()).collect();
            for (recorded, produced) in
                events.iter().flat_map(|it| events.iter().map(move |other| (it, other)))
            {
                if is_same(recorded, HistoryEvent::clone(produced), None) {
                    same += 1;
                    let reading = Reading::default();
                    let fields = Fields::recorded(recorded, &reading).await;
                    let differences = fields.differences(&Fields::produced(produced, &reading));
                    assert_eq!(differences, [], "{}", path.display());
                }
            }
        }
        assert!(same > 100, "{same}");
    }
}
