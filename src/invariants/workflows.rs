//! Invariants of workflows.

use std::{collections::BTreeMap, time::Duration};

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};

use super::{Finished, Invariant, Violation};
use crate::{clock::Time, history::History, policy, replay::Verdict};

impl Invariant {
    /// Every workflow ends at most so long after its start. Runs that continue as new, are retried or belong to a cron
    /// schedule count together with their first run.
    pub fn ends_within(limit: Duration) -> Self {
        let name = format!("every workflow ends within {}", policy::text(limit));
        Self::from_violations(name, move |finished| {
            let mut chains: BTreeMap<&str, (Time, &History)> = BTreeMap::new();
            for history in finished.histories() {
                let chain = chains.entry(first_run_id(history)).or_insert((started_at(history), history));
                chain.1 = history;
            }
            // In the order in which the runs started.
            let ends = finished.histories().filter_map(|history| {
                let (start, last) = chains.get(first_run_id(history)).filter(|(_, last)| last == &history)?;
                let took = ended_at(last).unwrap_or(finished.end).since(*start);
                let how = if is_open(last) { "it is still open after" } else { "it took" };
                let message = format!("{how} {}", policy::text(took));
                (took > limit).then(|| Violation::new(message).of(last))
            });
            ends.collect()
        })
    }

    /// Every closed run does the same when it is replayed; see [`Builder::replays_itself`](crate::Builder::replays_itself).
    pub fn replays() -> Self {
        Self::from_violations("every workflow replays", |finished| {
            let verdicts = finished.divergent();
            let violation = |verdict: &Verdict| {
                let first = verdict.differences.first();
                let message = match first {
                    Some(first) => format!(
                        "when it is replayed, there is {} instead of {}",
                        first.produced.as_deref().unwrap_or("nothing"),
                        first.recorded.as_deref().unwrap_or("nothing"),
                    ),
                    None => verdict.to_string(),
                };
                let violation = Violation::new(message);
                let Some(history) = finished.run(&verdict.run_id) else { return violation };
                match first.and_then(|first| history.event(first.event_id)) {
                    Some(event) => violation.at(event).of(history),
                    None => violation.of(history),
                }
            };
            verdicts.iter().map(violation).collect()
        })
    }

    /// No two executions of this workflow type run at the same time: a nightly job does not overlap with the one of the
    /// night before.
    pub fn runs_one_at_a_time(workflow_type: impl Into<String>) -> Self {
        let workflow_type = workflow_type.into();
        Self::from_violations(format!("{workflow_type} runs one at a time"), move |finished| {
            let mut violations = Vec::new();
            let mut latest: Option<(Time, &History)> = None;
            for history in finished.histories().filter(|history| history.workflow_type() == workflow_type) {
                let start = started_at(history);
                if let (Some((end, before)), Some(first)) = (latest, history.events().first())
                    && start < end
                {
                    let message = format!("it starts while {:?} is running", before.workflow_id());
                    violations.push(Violation::new(message).at(first).of(history));
                }
                let end = ended_at(history).unwrap_or(finished.end);
                if latest.is_none_or(|(until, _)| until < end) {
                    latest = Some((end, history));
                }
            }
            violations
        })
    }

    /// No child workflow goes on for longer than this after its parent has closed.
    pub fn no_orphans(grace: Duration) -> Self {
        Self::from_violations("no child outlives its parent", move |finished| {
            let outlives = |child: &History| {
                let parent = started(child)?.parent_workflow_execution.as_ref()?;
                let parent = finished.run(&parent.run_id)?;
                let closed = ended_at(last_of_chain(finished, parent))?;
                let ended = ended_at(child).unwrap_or(finished.end);
                let message = format!(
                    "its parent {:?} closed {} earlier",
                    parent.workflow_id(),
                    policy::text(ended.since(closed))
                );
                (ended > closed + grace).then(|| Violation::new(message).of(child))
            };
            finished.histories().filter_map(outlives).collect()
        })
    }

    /// Every update that a workflow has accepted is completed before its run closes: whoever sent it hears what became of
    /// it.
    pub fn updates_are_completed() -> Self {
        Self::from_violations("every accepted update is completed", |finished| {
            let mut violations = Vec::new();
            for history in finished.histories().filter(|history| !is_open(history)) {
                let mut accepted: BTreeMap<i64, (&HistoryEvent, &str)> = BTreeMap::new();
                for event in history.events() {
                    match &event.attributes {
                        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(update)) => {
                            accepted.insert(event.event_id, (event, &update.protocol_instance_id));
                        }
                        Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(update)) => {
                            accepted.remove(&update.accepted_event_id);
                        }
                        _ => {}
                    }
                }
                violations.extend(accepted.into_values().map(|(event, id)| {
                    Violation::new(format!("the run closed under the update {id:?}")).at(event).of(history)
                }));
            }
            violations
        })
    }
}

/// Everything has closed in the time that it had after the faults.
pub(super) fn settles_within(limit: Duration) -> Invariant {
    let name = format!("every workflow ends within {} after the last fault", policy::text(limit));
    Invariant::from_violations(name, |finished| {
        let open = finished.executions.iter().filter(|execution| is_open(&execution.history));
        open.map(|execution| {
            let message = format!("it is still open and waits for {}", execution.waits_for().join("; "));
            Violation::new(message).of(&execution.history).at_time(finished.end)
        })
        .collect()
    })
}

fn is_open(history: &History) -> bool {
    history.status() == WorkflowExecutionStatus::Running
}

fn time(event: Option<&HistoryEvent>) -> Time {
    event.and_then(|event| event.event_time.as_ref()).map(Time::from_proto).unwrap_or_default()
}

fn started_at(history: &History) -> Time {
    time(history.events().first().map(AsRef::as_ref))
}

/// When a run closed, if it has.
fn ended_at(history: &History) -> Option<Time> {
    (!is_open(history)).then(|| time(history.events().last().map(AsRef::as_ref)))
}

fn started(history: &History) -> Option<&WorkflowExecutionStartedEventAttributes> {
    match &history.events().first()?.attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Some(started),
        _ => None,
    }
}

fn first_run_id(history: &History) -> &str {
    started(history).map_or("", |started| &started.first_execution_run_id)
}

/// The last run of the chain that a run belongs to.
fn last_of_chain<'a>(finished: &Finished<'a>, history: &'a History) -> &'a History {
    let chain = finished.histories().filter(|other| first_run_id(other) == first_run_id(history));
    chain.last().unwrap_or(history)
}
