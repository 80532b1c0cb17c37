//! Schedules: workflows that are started at times that a specification names.
//!
//! * [`spec`] says when: [`calendar`] and intervals, in the notations of [`notation`];
//! * [`overlap`] decides what becomes of an action while a workflow of the schedule still runs;
//! * [`schedule`] is what a schedule is and does when it is woken, and [`actions`] how it starts and ends
//!   workflows, through [`executions`];
//! * [`wake`] wakes the schedules of a cluster, [`requests`] answers the calls about them, and [`list`]
//!   finds them.

mod actions;
mod calendar;
mod executions;
mod list;
mod notation;
mod overlap;
mod requests;
mod schedule;
mod spec;
mod validation;
mod wake;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schedule::{Creation, Schedule, Update, Wake};
use spec::{CompiledSpec, Jitter};

use super::namespaces::NamespaceKey;
use crate::clock::Time;

/// Names one schedule inside the cluster. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScheduleKey(usize);

/// All schedules of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    /// A schedule that is being woken is not here.
    schedules: Vec<Option<Schedule>>,
    /// The latest schedule of each id, open or not.
    by_id: BTreeMap<(NamespaceKey, String), ScheduleKey>,
    /// The workflow ids whose end wakes a schedule.
    watched: BTreeSet<(NamespaceKey, String, ScheduleKey)>,
}

impl Schedules {
    fn insert(&mut self, namespace: NamespaceKey, schedule: Schedule) -> ScheduleKey {
        let key = ScheduleKey(self.schedules.len());
        self.by_id.insert((namespace, schedule.id.clone()), key);
        self.schedules.push(Some(schedule));
        key
    }

    fn get(&self, key: ScheduleKey) -> Option<&Schedule> {
        self.schedules.get(key.0)?.as_ref()
    }

    /// The latest schedule of an id.
    fn find(&self, namespace: NamespaceKey, id: &str) -> Option<(ScheduleKey, &Schedule)> {
        let key = *self.by_id.get(&(namespace, id.to_owned()))?;
        Some((key, self.get(key)?))
    }

    /// The latest schedule of each id of a namespace, by id.
    fn iter(&self, namespace: NamespaceKey) -> impl Iterator<Item = &Schedule> {
        self.by_id
            .range((namespace, String::new())..)
            .take_while(move |((of, _), _)| *of == namespace)
            .filter_map(|(_, key)| self.get(*key))
    }

    /// Whether a schedule wants to be woken at this very time.
    pub(super) fn waits_for(&self, key: ScheduleKey, wakeup: Time) -> bool {
        self.get(key).is_some_and(|schedule| !schedule.deleted && schedule.wakeup == Some(wakeup))
    }

    /// The schedules that wait for the end of a workflow.
    fn watching(&self, namespace: NamespaceKey, workflow_id: &str) -> Vec<ScheduleKey> {
        let first = (namespace, workflow_id.to_owned(), ScheduleKey(0));
        self.watched
            .range(first..)
            .take_while(|(of, id, _)| (*of, id.as_str()) == (namespace, workflow_id))
            .map(|(_, _, key)| *key)
            .collect()
    }
}
