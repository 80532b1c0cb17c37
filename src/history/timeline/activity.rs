//! Activities.

use temporalio_common::protos::temporal::api::{
    failure::v1::Failure,
    history::v1::{history_event::Attributes, *},
};

use super::{
    Options, failure,
    other::non_empty,
    payload,
    text::{self, Text},
};
use crate::history::History;

pub(super) fn scheduled(
    it: &ActivityTaskScheduledEventAttributes,
    task_queue: &str,
    options: Options,
) -> String {
    let own = it.task_queue.as_ref().map_or("", |task_queue| &task_queue.name);
    let text = Text::new(payload::call(&name(it), it.input.as_ref(), options))
        .and_some(non_empty(own).filter(|own| *own != task_queue), |own| format!("task queue {own}"));
    if !options.full {
        return text.into_string();
    }
    text.and_duration("schedule-to-close", it.schedule_to_close_timeout.as_ref())
        .and_duration("schedule-to-start", it.schedule_to_start_timeout.as_ref())
        .and_duration("start-to-close", it.start_to_close_timeout.as_ref())
        .and_duration("heartbeat", it.heartbeat_timeout.as_ref())
        .and_some(it.retry_policy.as_ref(), failure::retry_policy)
        .into_string()
}

pub(super) fn started(
    it: &ActivityTaskStartedEventAttributes,
    history: &History,
    options: Options,
) -> String {
    Text::new(of(history, it.scheduled_event_id))
        .and(if it.attempt > 1 { format!("attempt {}", it.attempt) } else { String::new() })
        .and_some(it.last_failure.as_ref(), |failure| format!("after {}", failure::failure(failure, options)))
        .into_string()
}

pub(super) fn completed(
    it: &ActivityTaskCompletedEventAttributes,
    history: &History,
    options: Options,
) -> String {
    of(history, it.scheduled_event_id) + &payload::result(it.result.as_ref(), options)
}

pub(super) fn failed(it: &ActivityTaskFailedEventAttributes, history: &History, options: Options) -> String {
    ended(history, it.scheduled_event_id, it.failure.as_ref(), it.retry_state, options)
}

pub(super) fn timed_out(
    it: &ActivityTaskTimedOutEventAttributes,
    history: &History,
    options: Options,
) -> String {
    ended(history, it.scheduled_event_id, it.failure.as_ref(), it.retry_state, options)
}

pub(super) fn canceled(
    it: &ActivityTaskCanceledEventAttributes,
    history: &History,
    options: Options,
) -> String {
    let details = it.details.as_ref().map(|details| payload::payloads(details, options)).unwrap_or_default();
    of(history, it.scheduled_event_id) + &text::parenthesised(&details)
}

/// The activity that an event scheduled: `#1 Bank::withdraw`.
pub(super) fn of(history: &History, scheduled_event_id: i64) -> String {
    match history.event(scheduled_event_id).and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => name(scheduled),
        _ => format!("activity of event {scheduled_event_id}"),
    }
}

fn name(it: &ActivityTaskScheduledEventAttributes) -> String {
    text::activity(&it.activity_id, it.activity_type.as_ref().map_or("", |it| &it.name))
}

fn ended(
    history: &History,
    scheduled_event_id: i64,
    failure: Option<&Failure>,
    retry_state: i32,
    options: Options,
) -> String {
    let failure_text = failure.map(|failure| failure::failure(failure, options)).unwrap_or_default();
    Text::new(format!("{}: {failure_text}", of(history, scheduled_event_id)))
        .and(failure::retry_state(retry_state, failure))
        .into_string()
}
