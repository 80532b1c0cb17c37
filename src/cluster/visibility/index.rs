//! The records of a namespace, in the order in which they are listed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

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
    /// Runs to which something has happened since their records were brought up to date.
    changed: BTreeSet<RunKey>,
}

impl Visibility {
    /// The records of a namespace.
    pub(crate) fn get(&self, namespace: NamespaceKey) -> Option<&Index> {
        self.by_namespace.get(&namespace)
    }

    /// Forgets a run.
    pub(crate) fn remove(&mut self, run: &Run) {
        self.changed.remove(&run.key);
        self.get_mut(run.namespace).remove(&run.run_id);
    }

    /// The records of a namespace.
    fn get_mut(&mut self, namespace: NamespaceKey) -> &mut Index {
        self.by_namespace.entry(namespace).or_default()
    }
}

/// A place in the order of all records of a namespace: open runs first, then by close time, newest first,
/// then by start time, newest first, then by run id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(i64, i64, String)", into = "(i64, i64, String)")]
pub(crate) struct Position {
    /// In microseconds; the largest number for an open run.
    close: Reverse<i64>,
    /// In microseconds.
    start: Reverse<i64>,
    run_id: Arc<str>,
}

impl Position {
    fn of(record: &Record, run_id: Arc<str>) -> Self {
        let micros = |time: Time| i64::try_from(time.as_nanos().div_euclid(1000)).unwrap_or(i64::MAX);
        Self {
            close: Reverse(record.closed.map_or(i64::MAX, |closed| micros(closed.time))),
            start: Reverse(micros(record.start_time)),
            run_id,
        }
    }
}

impl From<(i64, i64, String)> for Position {
    fn from((close, start, run_id): (i64, i64, String)) -> Self {
        Self { close: Reverse(close), start: Reverse(start), run_id: run_id.into() }
    }
}

impl From<Position> for (i64, i64, String) {
    fn from(position: Position) -> Self {
        (position.close.0, position.start.0, position.run_id.as_ref().to_owned())
    }
}

impl Cluster {
    /// Something has happened to a run. Its record is left alone until somebody wants to read it: much more may happen to the
    /// run before, and often nobody ever does.
    pub(in crate::cluster) fn update_visibility(&mut self, run: RunKey) {
        self.visibility.changed.insert(run);
    }

    /// Has visibility know of whatever has happened: before somebody reads it, and before the types of search attributes
    /// change, because records keep the types that there were.
    pub(in crate::cluster) fn settle_visibility(&mut self) {
        for run in std::mem::take(&mut self.visibility.changed) {
            if let Some(run) = self.runs.get(run)
                && let Some(namespace) = self.shared.namespaces.get(run.namespace)
            {
                self.visibility.get_mut(run.namespace).update(run, &namespace.search_attributes);
            }
        }
    }
}

/// The records of one namespace.
#[derive(Debug, Default)]
pub(crate) struct Index {
    records: BTreeMap<Position, Record>,
    /// Where the record of each run is.
    positions: BTreeMap<Arc<str>, Position>,
}

impl Index {
    /// Brings the record of a run up to date. Most of what happens to a run changes nothing in it.
    pub(super) fn update(&mut self, run: &Run, registry: &Registry) {
        let Some(position) = self.positions.get_mut(run.run_id.as_str()) else {
            return self.put(Record::of(run, registry));
        };
        if self.records.get(position).is_some_and(|record| record.is_up_to_date(run)) {
            return;
        }
        if let Some(mut record) = self.records.remove(position) {
            record.bring_up_to_date(run, registry);
            *position = Position::of(&record, position.run_id.clone());
            self.records.insert(position.clone(), record);
        }
    }

    /// Adds the record of a run, or replaces it.
    pub(crate) fn put(&mut self, record: Record) {
        let run_id: Arc<str> = record.execution.run_id.as_str().into();
        let position = Position::of(&record, run_id.clone());
        if let Some(previous) = self.positions.insert(run_id, position.clone()) {
            self.records.remove(&previous);
        }
        self.records.insert(position, record);
    }

    /// Forgets a run.
    fn remove(&mut self, run_id: &str) {
        if let Some(position) = self.positions.remove(run_id) {
            self.records.remove(&position);
        }
    }

    /// The records that match, in order, behind a position.
    pub(crate) fn matching<'a>(
        &'a self,
        filter: &'a Filter,
        behind: Option<&Position>,
    ) -> impl Iterator<Item = (&'a Position, &'a Record)> {
        let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
        self.records.range((start, Bound::Unbounded)).filter(|(_, record)| filter.matches(record))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cluster::visibility::{
        example::{closed_run, open_run},
        record::Closed,
    };

    fn record(run_id: u8, start: i128, close: Option<i128>) -> Record {
        let mut record = if close.is_some() { closed_run(&[]) } else { open_run() };
        record.execution.run_id = format!("run-{run_id}");
        record.start_time = Time::from_nanos(start * 1_000);
        record.closed = record
            .closed
            .zip(close)
            .map(|(closed, close)| Closed { time: Time::from_nanos(close * 1_000), ..closed });
        record
    }

    fn listed(index: &Index, behind: Option<&Position>) -> Vec<String> {
        index.matching(&Filter::All, behind).map(|(_, record)| record.execution.run_id.clone()).collect()
    }

    #[test]
    fn open_runs_come_first_then_what_closed_last() {
        let mut index = Index::default();
        for (run_id, start, close) in
            [(1, 10, Some(50)), (2, 20, None), (3, 30, Some(40)), (4, 15, Some(50)), (5, 20, None)]
        {
            index.put(record(run_id, start, close));
        }
        assert_eq!(listed(&index, None), ["run-2", "run-5", "run-4", "run-1", "run-3"]);
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_server_whatever_happens(
            changes in proptest::collection::vec((0_u8..6, 0_i128..5, proptest::option::of(5_i128..9)), 0..40),
            removed in 0_u8..6,
        ) {
            let mut index = Index::default();
            let mut model = BTreeMap::new();
            for (run_id, start, close) in changes {
                index.put(record(run_id, start, close));
                model.insert(run_id, (start, close));
            }
            index.remove(&format!("run-{removed}"));
            model.remove(&removed);

            let mut expected: Vec<_> = model.into_iter().collect();
            expected.sort_by_key(|&(run_id, (start, close))| (close.is_some(), close.map(Reverse), Reverse(start), run_id));
            let expected: Vec<_> = expected.into_iter().map(|(run_id, _)| format!("run-{run_id}")).collect();
            prop_assert_eq!(listed(&index, None), expected.clone());

            // Behind every record come those that come after it.
            let positions: Vec<_> = index.records.keys().cloned().collect();
            for (at, position) in positions.iter().enumerate() {
                prop_assert_eq!(listed(&index, Some(position)), expected[at + 1..].to_vec());
            }
        }
    }
}
