//! The faults of a plan by what they are about, so that a question looks at those that could have an answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Eviction, Fault, Plan, Stall, StalledQueue, WorkerDown};
use crate::clock::Time;

/// A time in which a worker, or its polls, are away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Absence {
    pub(crate) from: Time,
    pub(crate) until: Time,
    /// The fault that says so, by its place in the plan.
    pub(crate) fault: usize,
}

/// The places of faults in a plan, in their order there; and what happens at certain times, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) activities: Vec<usize>,
    pub(super) local_activities: Vec<usize>,
    pub(super) workflow_tasks: Vec<usize>,
    pub(super) calls: Vec<usize>,
    /// By worker.
    pub(super) evictions: BTreeMap<usize, Arc<[(Time, usize)]>>,
    pub(super) absences: BTreeMap<usize, Arc<[Absence]>>,
    pub(super) stalls: BTreeMap<(usize, StalledQueue), Arc<[Absence]>>,
    pub(super) clock_steps: Arc<[(Time, Duration, usize)]>,
}

impl Index {
    /// Of a plan for a simulation that starts at this time.
    pub(super) fn new(plan: &Plan, start: Time) -> Self {
        let mut index = Self::default();
        let is_in_time = |at: Duration| plan.until.is_none_or(|until| at < until);
        let absence = |at, lasts, fault| Absence { from: start + at, until: start + at + lasts, fault };
        let (mut evictions, mut absences, mut stalls) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut clock_steps = Vec::new();
        for (place, fault) in plan.faults.iter().enumerate() {
            match *fault {
                Fault::Activity(_) => index.activities.push(place),
                Fault::LocalActivity(_) => index.local_activities.push(place),
                Fault::Outage(_) => {
                    index.activities.push(place);
                    index.local_activities.push(place);
                }
                Fault::WorkflowTask(_) => index.workflow_tasks.push(place),
                Fault::Call(_) => index.calls.push(place),
                Fault::Eviction(Eviction { worker, at }) if is_in_time(at) => {
                    evictions.entry(worker).or_insert_with(Vec::new).push((start + at, place));
                }
                Fault::WorkerDown(WorkerDown { worker, at, lasts }) if is_in_time(at) => {
                    absences.entry(worker).or_insert_with(Vec::new).push(absence(at, lasts, place));
                }
                Fault::Stall(Stall { worker, queue, at, lasts }) if is_in_time(at) => {
                    stalls.entry((worker, queue)).or_insert_with(Vec::new).push(absence(at, lasts, place));
                }
                Fault::ClockStep(step) if is_in_time(step.at) => {
                    clock_steps.push((start + step.at, step.by, place));
                }
                Fault::Eviction(_) | Fault::WorkerDown(_) | Fault::Stall(_) | Fault::ClockStep(_) => {}
            }
        }
        index.evictions = in_order(evictions);
        index.absences = in_order(absences);
        index.stalls = in_order(stalls);
        clock_steps.sort_unstable();
        index.clock_steps = clock_steps.into();
        index
    }
}

fn in_order<K: Ord, V: Ord>(lists: BTreeMap<K, Vec<V>>) -> BTreeMap<K, Arc<[V]>> {
    let in_order = |mut list: Vec<V>| {
        list.sort_unstable();
        list.into()
    };
    lists.into_iter().map(|(key, list)| (key, in_order(list))).collect()
}
