//! Invariants of activities.

use std::{collections::BTreeMap, time::Duration};

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{Finished, Invariant, Violation};
use crate::{
    clock::Time,
    history::History,
    policy,
    worker::{ActivityAttempt, AttemptEnding},
};

/// How much later than the server the worker itself gives an attempt up, and tells its code.
const TOLD_AFTER: Duration = Duration::from_secs(5);

impl Invariant {
    /// Each activity of these types is done at most once for the same workflow and input: its code returns a value once,
    /// however often it is tried. Compensations are such activities, and whatever else the other side does not recognise
    /// when it comes twice.
    pub fn runs_at_most_once<T: Into<String>>(activity_types: impl IntoIterator<Item = T>) -> Self {
        let activity_types: Vec<String> = activity_types.into_iter().map(Into::into).collect();
        let name = format!("{} runs at most once", activity_types.join(", "));
        Self::from_violations(name, move |finished| {
            let mut done: BTreeMap<_, Vec<&ActivityAttempt>> = BTreeMap::new();
            let attempts = finished.attempts.iter().filter(|attempt| {
                attempt.ending == AttemptEnding::Returned && activity_types.contains(&attempt.activity_type)
            });
            for attempt in attempts {
                let input: Vec<_> = attempt.input.iter().map(|payload| &payload.data).collect();
                let key = (&attempt.workflow_id, &attempt.activity_type, input);
                done.entry(key).or_default().push(attempt);
            }
            let violation = |attempts: Vec<&ActivityAttempt>| {
                let (first, again) = (*attempts.first()?, *attempts.get(1)?);
                let message = format!(
                    "{} was done {} times: by attempt {} of activity {} {} after the start, and by attempt {} of \
                     activity {}",
                    again.activity_type,
                    attempts.len(),
                    first.attempt,
                    first.activity_id,
                    policy::text(end(first, finished).since(finished.start)),
                    again.attempt,
                    again.activity_id,
                );
                Some(of_attempt(Violation::new(message), again, finished))
            };
            done.into_values().filter_map(violation).collect()
        })
    }

    /// No attempt of an activity outlives its lease. When start-to-close, schedule-to-close or heartbeat timeout have
    /// expired, the server starts the next attempt, and whatever the old one still does happens beside it. Code notices
    /// by `ActivityContext::cancelled`, which the worker resolves five seconds later at the latest; code that goes on for
    /// longer violates this.
    pub fn attempts_keep_their_leases() -> Self {
        Self::from_violations("no activity attempt outlives its lease", |finished| {
            let outlives = |attempt: &ActivityAttempt| {
                let lease = attempt.lease?;
                let (until, ended) = (Time::from_system_time(lease.until), end(attempt, finished));
                // A worker that stood still cannot have told its code before it began.
                let told = (until + TOLD_AFTER).max(Time::from_system_time(attempt.started));
                let message = format!(
                    "attempt {} of {} {} {} after its {} timeout",
                    attempt.attempt,
                    attempt.activity_type,
                    if attempt.ended.is_some() { "went on until" } else { "is still going on" },
                    policy::text(ended.since(until)),
                    lease.timeout
                );
                (ended > told).then(|| of_attempt(Violation::new(message), attempt, finished))
            };
            finished.attempts.iter().filter_map(outlives).collect()
        })
    }
}

/// When the code ended, or the simulation.
fn end(attempt: &ActivityAttempt, finished: &Finished<'_>) -> Time {
    attempt.ended.map_or(finished.end, Time::from_system_time)
}

/// A violation at the event that scheduled the activity, at the time at which the attempt ended.
fn of_attempt(violation: Violation, attempt: &ActivityAttempt, finished: &Finished<'_>) -> Violation {
    let Some(history) = finished.run(&attempt.run_id) else { return violation };
    let violation = match scheduled(history, &attempt.activity_id) {
        Some(event) => violation.at(event),
        None => violation,
    };
    violation.of(history).at_time(end(attempt, finished))
}

fn scheduled<'a>(history: &'a History, activity_id: &str) -> Option<&'a HistoryEvent> {
    history.events().iter().map(AsRef::as_ref).find(|event: &&HistoryEvent| {
        matches!(
            &event.attributes,
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) if scheduled.activity_id == activity_id
        )
    })
}
