//! Attempts that were retried: they stand between the events, at the time at which they ended.

use std::time::SystemTime;

use temporalio_common::protos::temporal::api::{
    failure::v1::failure::FailureInfo,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Options, activity, failure, text::Text};
use crate::{
    clock::{self, Time},
    history::{History, RetriedAttempt, duration},
};

/// Of how many attempts of an activity there is a line, from its first on; the others are counted.
const SHOWN: i32 = 5;

/// A line about an attempt, or about several.
pub(super) struct Line {
    pub(super) time: SystemTime,
    pub(super) title: String,
    pub(super) text: String,
}

/// Takes the attempts that ended before an event from the front of the rest.
pub(super) fn take_before<'a>(event: &HistoryEvent, rest: &mut &'a [RetriedAttempt]) -> &'a [RetriedAttempt] {
    let time = super::time(event);
    // An attempt may follow the last one without a backoff.
    let started = match &event.attributes {
        Some(Attributes::ActivityTaskStartedEventAttributes(started)) => Some(started.scheduled_event_id),
        _ => None,
    };
    let is_before = |attempt: &RetriedAttempt| {
        started == Some(attempt.scheduled_event_id)
            || time.is_some_and(|time| Time::from_system_time(attempt.end_time) < time)
    };
    let count = rest.iter().take_while(|attempt| is_before(attempt)).count();
    rest.split_off(..count).unwrap_or_default()
}

/// The lines for attempts between which there is no event.
pub(super) fn lines(
    attempts: &[RetriedAttempt],
    history: &History,
    options: Options,
) -> impl Iterator<Item = Line> {
    let is_shown = move |it: &RetriedAttempt| options.full || it.attempt <= SHOWN;
    attempts.iter().enumerate().filter_map(move |(index, it)| {
        if is_shown(it) {
            return Some(line(it, history, options));
        }
        // The last one of an activity speaks for all that are not shown.
        let same = |other: &&RetriedAttempt| other.scheduled_event_id == it.scheduled_event_id;
        let is_last = !attempts[index + 1..].iter().any(|other| same(&other));
        let first = attempts.iter().filter(same).find(|other| !is_shown(other));
        let first = first.filter(|_| is_last)?;
        Some(if first.attempt == it.attempt {
            line(it, history, options)
        } else {
            Line {
                title: format!("attempts {} to {} failed", first.attempt, it.attempt),
                ..line(it, history, options)
            }
        })
    })
}

fn line(it: &RetriedAttempt, history: &History, options: Options) -> Line {
    let timed_out = matches!(
        it.failure.as_ref().and_then(|failure| failure.failure_info.as_ref()),
        Some(FailureInfo::TimeoutFailureInfo(_))
    );
    let failure = it.failure.as_ref().map(|it| format!(": {}", failure::failure(it, options)));
    let next = match it.next_attempt_time {
        Some(next) => {
            let backoff = next.duration_since(it.end_time).unwrap_or_default();
            format!("next attempt after {}", duration::human(&clock::to_proto(backoff)))
        }
        None => "paused".to_owned(),
    };
    Line {
        time: it.end_time,
        title: format!("attempt {} {}", it.attempt, if timed_out { "timed out" } else { "failed" }),
        text: Text::new(activity::of(history, it.scheduled_event_id) + &failure.unwrap_or_default())
            .and(next)
            .into_string(),
    }
}
