//! The beginning and the end of a run, and what reaches it from outside.

use temporalio_common::protos::temporal::api::{enums::v1::ContinueAsNewInitiator, history::v1::*};

use super::{Options, failure, other::non_empty, payload, text::Text};

pub(super) fn started(it: &WorkflowExecutionStartedEventAttributes, options: Options) -> String {
    let name = it.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name);
    let task_queue = it.task_queue.as_ref().map_or("", |task_queue| &task_queue.name);
    let call = payload::call(name, it.input.as_ref(), options);
    let continues = match it.initiator() {
        ContinueAsNewInitiator::Unspecified => "",
        ContinueAsNewInitiator::Workflow => "continued as new",
        ContinueAsNewInitiator::Retry => "retried",
        ContinueAsNewInitiator::CronSchedule => "started by cron",
    };
    Text::new(call)
        .and(continues)
        .and(if it.attempt > 1 { format!("attempt {}", it.attempt) } else { String::new() })
        .and_some(it.continued_failure.as_ref(), |it| format!("after {}", failure::failure(it, options)))
        .and_some(it.last_completion_result.as_ref(), |it| {
            format!("last result {}", payload::payloads(it, options))
        })
        .and_some(it.parent_workflow_execution.as_ref(), |parent| {
            format!("child of {} (its event {})", parent.workflow_id, it.parent_initiated_event_id)
        })
        .and_some(non_empty(&it.cron_schedule), |cron| format!("cron {cron:?}"))
        .and_duration("first workflow task after", it.first_workflow_task_backoff.as_ref())
        .and_duration("execution timeout", it.workflow_execution_timeout.as_ref())
        .and_duration("run timeout", it.workflow_run_timeout.as_ref())
        .and_some(it.retry_policy.as_ref().filter(|_| options.full), failure::retry_policy)
        .and_some(it.memo.as_ref().filter(|memo| !memo.fields.is_empty()), |memo| {
            format!("memo {}", payload::fields(&memo.fields, options))
        })
        .and_some(it.search_attributes.as_ref().filter(|it| !it.indexed_fields.is_empty()), |it| {
            format!("search attributes {}", payload::fields(&it.indexed_fields, options))
        })
        .and_some(non_empty(task_queue).filter(|_| options.full), |it| format!("task queue {it}"))
        .into_string()
}

pub(super) fn completed(it: &WorkflowExecutionCompletedEventAttributes, options: Options) -> String {
    Text::new(payload::result(it.result.as_ref(), options).trim_start())
        .and(next_run(&it.new_execution_run_id))
        .into_string()
}

pub(super) fn failed(it: &WorkflowExecutionFailedEventAttributes, options: Options) -> String {
    Text::default()
        .and_some(it.failure.as_ref(), |failure| failure::failure(failure, options))
        .and(failure::retry_state(it.retry_state, it.failure.as_ref()))
        .and(next_run(&it.new_execution_run_id))
        .into_string()
}

pub(super) fn timed_out(it: &WorkflowExecutionTimedOutEventAttributes) -> String {
    Text::default()
        .and(failure::retry_state(it.retry_state, None))
        .and(next_run(&it.new_execution_run_id))
        .into_string()
}

pub(super) fn canceled(it: &WorkflowExecutionCanceledEventAttributes, options: Options) -> String {
    it.details.as_ref().map(|details| payload::payloads(details, options)).unwrap_or_default()
}

pub(super) fn terminated(it: &WorkflowExecutionTerminatedEventAttributes, options: Options) -> String {
    Text::default()
        .and_some(non_empty(&it.reason), |reason| format!("because {reason:?}"))
        .and_some(it.details.as_ref(), |details| payload::payloads(details, options))
        .into_string()
}

pub(super) fn continued_as_new(
    it: &WorkflowExecutionContinuedAsNewEventAttributes,
    options: Options,
) -> String {
    let name = it.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name);
    Text::new(payload::call(name, it.input.as_ref(), options))
        .and_duration("after", it.backoff_start_interval.as_ref())
        .into_string()
}

pub(super) fn signaled(it: &WorkflowExecutionSignaledEventAttributes, options: Options) -> String {
    let signal = payload::call(&it.signal_name, it.input.as_ref(), options);
    match &it.external_workflow_execution {
        Some(sender) => format!("{signal} from {}", sender.workflow_id),
        None => signal,
    }
}

pub(super) fn cancel_requested(it: &WorkflowExecutionCancelRequestedEventAttributes) -> String {
    Text::default()
        .and_some(non_empty(&it.cause), |cause| format!("because {cause:?}"))
        .and_some(it.external_workflow_execution.as_ref(), |sender| format!("by {}", sender.workflow_id))
        .into_string()
}

fn next_run(run_id: &str) -> &'static str {
    if run_id.is_empty() { "" } else { "goes on in another run" }
}
