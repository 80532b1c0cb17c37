//! What history recorded and what the code did, next to each other.

use std::{collections::BTreeSet, ops::Range};

use serde::Serialize;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use super::{Verdict, divergence::time_of, drive::Replayed};
use crate::{
    history::{History, is_routine},
    worker::machines::Observation,
};

/// How many steps are kept of a long history: those around the first difference.
const STEPS_KEPT: usize = 120;

/// What history recorded and what the code did, next to each other: one step for each event that matters.
/// Workflow tasks that went well are left out, and of a long history what is far from the first difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SideBySide {
    /// The steps, in the order of the events.
    pub steps: Vec<Step>,
    /// How many steps before the first one are left out.
    pub left_out_before: usize,
    /// How many steps behind the last one are left out.
    pub left_out_behind: usize,
}

/// One event, or one command of the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The event. For a command that history does not have: the id that its event would have had.
    pub event_id: i64,
    /// When the event was recorded, in RFC 3339.
    pub time: Option<String>,
    /// What history recorded, in one line; `None` if nothing.
    pub recorded: Option<String>,
    /// What the code did, in one line; `None` if nothing, if nobody knows, or if it is the same.
    pub produced: Option<String>,
    /// How the two compare.
    pub comparison: StepComparison,
}

/// How history and code compare at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepComparison {
    /// The code did what history recorded.
    Same,
    /// It did something else.
    Differs,
    /// It did something else, and the replayer allows that.
    Allowed,
    /// It was not the code that did it: a signal, a timer that fired, the result of an activity.
    Outside,
    /// The replay did not get so far.
    NotReached,
}

impl SideBySide {
    /// Puts the replay of a history beside it.
    pub(super) fn new(history: &History, replayed: &Replayed, verdict: &Verdict) -> Self {
        let matched = matched(replayed);
        let end = end(history, &matched, verdict);
        let mut steps: Vec<Step> = history
            .events()
            .iter()
            .filter(|event| !is_routine(event))
            .map(|event| step(history, event, &matched, end))
            .collect();
        for (differences, comparison) in
            [(&verdict.allowed, StepComparison::Allowed), (&verdict.differences, StepComparison::Differs)]
        {
            for difference in differences {
                let beside = |step: &Step| step.event_id == difference.event_id;
                match steps.iter_mut().find(|step| beside(step) && difference.recorded.is_some()) {
                    Some(step) => {
                        step.comparison = comparison;
                        step.produced.clone_from(&difference.produced);
                    }
                    None => {
                        // History has no such command: it stands before the event that took its place.
                        let place = steps.partition_point(|step| step.event_id < difference.event_id);
                        let step = Step {
                            event_id: difference.event_id,
                            time: difference.time.clone(),
                            recorded: difference.recorded.clone(),
                            produced: difference.produced.clone(),
                            comparison,
                        };
                        steps.insert(place, step);
                    }
                }
            }
        }
        let differs = steps.iter().position(|step| step.comparison == StepComparison::Differs);
        let kept = window(steps.len(), differs.unwrap_or(steps.len()));
        let (left_out_before, left_out_behind) = (kept.start, steps.len().saturating_sub(kept.end));
        let steps = steps.into_iter().skip(kept.start).take(kept.len()).collect();
        Self { steps, left_out_before, left_out_behind }
    }
}

fn step(history: &History, event: &HistoryEvent, matched: &BTreeSet<i64>, end: i64) -> Step {
    let comparison = match event.event_id {
        event_id if matched.contains(&event_id) => StepComparison::Same,
        event_id if event_id > end => StepComparison::NotReached,
        _ if event.is_command_event() => StepComparison::Same,
        _ => StepComparison::Outside,
    };
    let recorded = history.describe(event);
    Step {
        event_id: event.event_id,
        time: time_of(event),
        recorded: Some(recorded),
        produced: None,
        comparison,
    }
}

/// The events for which the code had a command.
fn matched(replayed: &Replayed) -> BTreeSet<i64> {
    let matched = replayed.observations.iter().filter_map(|observation| match observation {
        Observation::Matched { event, .. } | Observation::SkippedEvent { event, .. } => Some(event.event_id),
        Observation::DroppedCommand { .. } | Observation::Unrecorded { .. } => None,
    });
    matched.collect()
}

/// The last event that the replay had anything to say about.
fn end(history: &History, matched: &BTreeSet<i64>, verdict: &Verdict) -> i64 {
    let structural = verdict.first_structural_difference().map(|it| it.event_id);
    match structural {
        Some(event_id) => event_id,
        None if verdict.production.is_accepted() => i64::try_from(history.events().len()).unwrap_or(i64::MAX),
        None => verdict.event_id().or(matched.last().copied()).unwrap_or_default(),
    }
}

/// The steps to keep of so many, if the most important one is at this place.
fn window(steps: usize, important: usize) -> Range<usize> {
    let start = important.saturating_sub(STEPS_KEPT / 2).min(steps.saturating_sub(STEPS_KEPT));
    start..start.saturating_add(STEPS_KEPT).min(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_in_the_middle_of_what_is_kept() {
        assert_eq!(window(10, 3), 0..10);
        assert_eq!(window(1_000, 0), 0..STEPS_KEPT);
        assert_eq!(window(1_000, 500), 440..560);
        assert_eq!(window(1_000, 1_000), 880..1_000);
    }
}
