//! A simulation that is over.

use std::time::{Duration, SystemTime};

use crate::{
    clock::Time,
    history::History,
    overrides::Overrides,
    replay::Verdict,
    simulation::{Builder, Execution, divergent},
    worker::ActivityAttempt,
};

/// A simulation that is over, as invariants see it: all histories, and what activity code really did.
pub struct Finished<'a> {
    pub(super) builder: &'a Builder,
    pub(super) overrides: &'a Overrides,
    pub(super) start: Time,
    pub(super) end: Time,
    pub(super) executions: &'a [Execution],
    pub(super) attempts: Vec<ActivityAttempt>,
}

impl<'a> Finished<'a> {
    pub(crate) fn new(
        (builder, overrides): (&'a Builder, &'a Overrides),
        (start, end): (Time, Time),
        executions: &'a [Execution],
        attempts: Vec<ActivityAttempt>,
    ) -> Self {
        Self { builder, overrides, start, end, executions, attempts }
    }

    /// The event histories of all runs, in the order in which they started.
    pub fn histories(&self) -> impl Iterator<Item = &'a History> {
        self.executions.iter().map(|execution| &execution.history)
    }

    /// Every attempt of an activity whose code a worker has run, in the order in which they began. Local activities are
    /// not among them.
    pub fn attempts(&self) -> &[ActivityAttempt] {
        &self.attempts
    }

    /// When the simulation started.
    pub fn start_time(&self) -> SystemTime {
        self.start.to_system_time()
    }

    /// How long it took, in virtual time.
    pub fn elapsed(&self) -> Duration {
        self.end.since(self.start)
    }

    /// The history of a run.
    pub(super) fn run(&self, run_id: &str) -> Option<&'a History> {
        self.histories().find(|history| history.run_id() == run_id)
    }

    /// The verdicts on the closed runs that do not replay.
    pub(super) fn divergent(&self) -> Vec<Verdict> {
        divergent(self.builder, self.overrides, self.executions)
    }
}
