//! Workflow tasks, timers, markers, child workflows, other workflows, updates.

use serde_json::Value;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payloads, WorkflowExecution, WorkflowType},
    enums::v1::{ParentClosePolicy, TaskQueueKind},
    history::v1::{history_event::Attributes, *},
    update::v1::{Request, outcome},
};

use super::{
    Options, duration, failure, payload,
    text::{self, Text},
};
use crate::history::History;

pub(super) fn task_scheduled(it: &WorkflowTaskScheduledEventAttributes) -> String {
    let sticky = it.task_queue.as_ref().is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
    Text::new(if sticky { "sticky" } else { "" })
        .and(if it.attempt > 1 { format!("attempt {}", it.attempt) } else { String::new() })
        .into_string()
}

pub(super) fn task_failed(it: &WorkflowTaskFailedEventAttributes, options: Options) -> String {
    let cause = text::words(it.cause().as_str_name().trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_"));
    match &it.failure {
        Some(failure) => format!("{cause}: {}", failure::failure(failure, options)),
        None => cause,
    }
}

pub(super) fn task_timed_out(it: &WorkflowTaskTimedOutEventAttributes) -> String {
    text::words(it.timeout_type().as_str_name().trim_start_matches("TIMEOUT_TYPE_")).replace(' ', "-")
}

pub(super) fn timer_started(it: &TimerStartedEventAttributes) -> String {
    let duration = it.start_to_fire_timeout.as_ref().map(duration::human).unwrap_or_default();
    format!("#{} for {duration}", it.timer_id)
}

/// Markers of the SDK in words, others with their details.
pub(super) fn marker(it: &MarkerRecordedEventAttributes, options: Options) -> String {
    let text = match it.marker_name.as_str() {
        "core_patch" => patch(it),
        "core_local_activity" => local_activity(it, options),
        _ => None,
    };
    let text = text.unwrap_or_else(|| {
        let mut details: Vec<_> = it.details.iter().collect();
        details.sort_by_key(|(name, _)| *name);
        let details = details.iter().map(|(name, it)| format!("{name}={}", payload::payloads(it, options)));
        format!("{}({})", it.marker_name, details.collect::<Vec<_>>().join(", "))
    });
    match &it.failure {
        Some(failure) => format!("{text}: {}", failure::failure(failure, options)),
        None => text,
    }
}

fn patch(it: &MarkerRecordedEventAttributes) -> Option<String> {
    let data = json(it.details.get("patch-data")?)?;
    let deprecated = if data["deprecated"] == true { " (deprecated)" } else { "" };
    Some(format!("patch {}{deprecated}", data["id"].as_str()?))
}

fn local_activity(it: &MarkerRecordedEventAttributes, options: Options) -> Option<String> {
    let data = json(it.details.get("data")?)?;
    let name = text::activity(data["activity_id"].as_str()?, data["activity_type"].as_str()?);
    let attempt = data["attempt"].as_u64().filter(|attempt| *attempt > 1);
    let attempt = attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
    let result = it.details.get("result").map(|it| payload::result(Some(it), options)).unwrap_or_default();
    Some(format!("local activity {name}{attempt}{result}"))
}

fn json(payloads: &Payloads) -> Option<Value> {
    serde_json::from_slice(&payloads.payloads.first()?.data).ok()
}

pub(super) fn child_initiated(
    it: &StartChildWorkflowExecutionInitiatedEventAttributes,
    options: Options,
) -> String {
    let name = it.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name);
    let call = payload::call(name, it.input.as_ref(), options);
    let close_policy = match it.parent_close_policy() {
        ParentClosePolicy::Unspecified | ParentClosePolicy::Terminate => String::new(),
        policy => {
            let policy = policy.as_str_name().trim_start_matches("PARENT_CLOSE_POLICY_");
            format!("{} when the parent closes", text::words(policy))
        }
    };
    Text::new(format!("{call} as {}", it.workflow_id))
        .and(close_policy)
        .and_some(non_empty(&it.cron_schedule), |cron| format!("cron {cron:?}"))
        .and_duration("execution timeout", it.workflow_execution_timeout.as_ref())
        .and_duration("run timeout", it.workflow_run_timeout.as_ref())
        .and_some(it.retry_policy.as_ref().filter(|_| options.full), failure::retry_policy)
        .into_string()
}

pub(super) fn child_not_started(it: &StartChildWorkflowExecutionFailedEventAttributes) -> String {
    let name = it.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name);
    format!("{}: {}", text::child(&it.workflow_id, name), external_cause(it.cause().as_str_name()))
}

pub(super) fn child(execution: Option<&WorkflowExecution>, workflow_type: Option<&WorkflowType>) -> String {
    text::child(execution_id(execution), workflow_type.map_or("", |workflow_type| &workflow_type.name))
}

pub(super) fn child_failed(it: &ChildWorkflowExecutionFailedEventAttributes, options: Options) -> String {
    let failure = it.failure.as_ref().map(|failure| failure::failure(failure, options)).unwrap_or_default();
    let child = child(it.workflow_execution.as_ref(), it.workflow_type.as_ref());
    Text::new(format!("{child}: {failure}"))
        .and(failure::retry_state(it.retry_state, it.failure.as_ref()))
        .into_string()
}

pub(super) fn execution_id(execution: Option<&WorkflowExecution>) -> &str {
    execution.map_or("", |execution| &execution.workflow_id)
}

/// `SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND` as `namespace not found`.
pub(super) fn external_cause(name: &str) -> String {
    text::words(name.rsplit_once("FAILED_CAUSE_").map_or(name, |(_, cause)| cause))
}

pub(super) fn update(request: Option<&Request>, options: Options) -> String {
    let Some(request) = request else { return String::new() };
    let input = request.input.as_ref();
    let call = payload::call(
        input.map_or("", |input| &input.name),
        input.and_then(|input| input.args.as_ref()),
        options,
    );
    call + &named(request.meta.as_ref().map_or("", |meta| &meta.update_id))
}

pub(super) fn update_completed(
    it: &WorkflowExecutionUpdateCompletedEventAttributes,
    history: &History,
    options: Options,
) -> String {
    let accepted = history.event(it.accepted_event_id).and_then(|event| event.attributes.as_ref());
    let name = match accepted {
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => accepted
            .accepted_request
            .as_ref()
            .and_then(|request| request.input.as_ref())
            .map_or("", |input| &input.name),
        _ => "",
    };
    let id = it.meta.as_ref().map_or("", |meta| meta.update_id.as_str());
    let update = format!("{name}{}", named(id));
    match it.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()) {
        Some(outcome::Value::Success(result)) => update + &payload::result(Some(result), options),
        Some(outcome::Value::Failure(failure)) => format!("{update}: {}", failure::failure(failure, options)),
        None => update,
    }
}

/// ` as id`
fn named(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!(" as {id}") }
}

pub(super) fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
