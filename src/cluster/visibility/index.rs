//! The records of a namespace, in the order in which they are listed.

use std::{cmp::Reverse, collections::BTreeMap, ops::Bound};

use serde::{Deserialize, Serialize};

use super::{query::Filter, record::Record};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{Run, RunKey},
        namespaces::NamespaceKey,
        search_attributes::Registry,
    },
};

/// The records of all namespaces.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    by_namespace: BTreeMap<NamespaceKey, Index>,
}

impl Visibility {
    /// The records of a namespace.
    pub(crate) fn get(&self, namespace: NamespaceKey) -> Option<&Index> {
        self.by_namespace.get(&namespace)
    }

    /// The records of a namespace.
    pub(crate) fn get_mut(&mut self, namespace: NamespaceKey) -> &mut Index {
        self.by_namespace.entry(namespace).or_default()
    }
}

/// A place in the order of all records of a namespace: open runs first, then by close time, newest first, then by
/// start time, newest first, then by run id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position {
    /// In microseconds; the largest number for an open run.
    close: Reverse<i64>,
    /// In microseconds.
    start: Reverse<i64>,
    run_id: String,
}

impl Position {
    fn of(record: &Record) -> Self {
        let micros = |time: Time| i64::try_from(time.as_nanos().div_euclid(1000)).unwrap_or(i64::MAX);
        Self {
            close: Reverse(record.closed.map_or(i64::MAX, |closed| micros(closed.time))),
            start: Reverse(micros(record.start_time)),
            run_id: record.execution.run_id.clone(),
        }
    }
}

impl Cluster {
    /// Has visibility know of whatever has happened to a run.
    pub(in crate::cluster) fn update_visibility(&mut self, run: RunKey) {
        if let Some(run) = self.runs.get(run)
            && let Some(namespace) = self.shared.namespaces.get(run.namespace)
        {
            self.visibility.get_mut(run.namespace).update(run, &namespace.search_attributes);
        }
    }
}

/// The records of one namespace.
#[derive(Debug, Default)]
pub(crate) struct Index {
    records: BTreeMap<Position, Record>,
    /// Where the record of each run is.
    positions: BTreeMap<String, Position>,
}

impl Index {
    /// Brings the record of a run up to date. Most of what happens to a run changes nothing in it.
    pub(super) fn update(&mut self, run: &Run, registry: &Registry) {
        let known = self.positions.get(&run.run_id).and_then(|position| self.records.get(position));
        if known.is_none_or(|record| !record.is_up_to_date(run)) {
            self.put(Record::of(run, registry));
        }
    }

    /// Adds the record of a run, or replaces it.
    pub(super) fn put(&mut self, record: Record) {
        let position = Position::of(&record);
        let run_id = record.execution.run_id.clone();
        if let Some(previous) = self.positions.insert(run_id, position.clone()) {
            self.records.remove(&previous);
        }
        self.records.insert(position, record);
    }

    /// Forgets a run.
    pub(crate) fn remove(&mut self, run_id: &str) {
        if let Some(position) = self.positions.remove(run_id) {
            self.records.remove(&position);
        }
    }

    /// The records that match, in order, behind a position.
    pub(super) fn matching<'a>(
        &'a self,
        filter: &'a Filter,
        behind: Option<&Position>,
    ) -> impl Iterator<Item = (&'a Position, &'a Record)> {
        let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
        self.records.range((start, Bound::Unbounded)).filter(|(_, record)| filter.matches(record))
    }
}
