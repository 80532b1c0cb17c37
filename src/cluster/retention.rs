//! Closed runs are deleted when the retention of their namespace is over.
//!
//! No timer is armed for that: nobody sees a run go unless they ask for it, and time must not be skipped for its sake. It
//! happens when the next call comes in.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{Cluster, execution::RunKey};
use crate::clock::Time;

/// The closed runs that are going to be deleted, soonest first.
#[derive(Debug, Default)]
pub(super) struct Retention {
    closed: BinaryHeap<Reverse<(Time, RunKey)>>,
}

impl Cluster {
    /// Takes notice of a run that has just closed.
    pub(super) fn retain(&mut self, now: Time, run: RunKey) {
        if !self.shared.config.deletes_closed_runs {
            return;
        }
        let namespace = self.runs.get(run).and_then(|run| self.shared.namespaces.get(run.namespace));
        if let Some(namespace) = namespace {
            self.retention.closed.push(Reverse((now + namespace.retention, run)));
        }
    }

    /// Deletes the runs whose time is over.
    pub(super) fn delete_what_is_no_longer_retained(&mut self, now: Time) {
        while let Some(&Reverse((until, run))) = self.retention.closed.peek()
            && until < now
        {
            self.retention.closed.pop();
            self.delete_run(run);
        }
    }
}
