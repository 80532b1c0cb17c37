//! What came of a sweep.

use std::{fmt, path::PathBuf};

use super::{Case, Coverage};
use crate::{faults::Plan, rng::Seed, simulation::reproduce_command};

/// What came of a sweep.
#[derive(Debug, Clone)]
pub struct Report {
    coverage: Coverage,
    failure: Option<SweepFailure>,
}

/// A seed that failed, with the smallest plan that still makes it fail.
///
/// Its [`Display`](fmt::Display) form is the whole report.
#[derive(Debug, Clone)]
pub struct SweepFailure {
    seed: u64,
    plan: Plan,
    message: String,
    reproduce: String,
    file: Option<PathBuf>,
    shrink_runs: usize,
    timelines: Vec<String>,
}

impl Report {
    pub(super) fn new(coverage: Coverage, failure: Option<SweepFailure>) -> Self {
        Self { coverage, failure }
    }

    /// What was reached.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The failure that ended the sweep.
    pub fn failure(&self) -> Option<&SweepFailure> {
        self.failure.as_ref()
    }

    /// Checks that no run failed.
    ///
    /// # Panics
    ///
    /// If one did; the message is the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        if let Some(failure) = &self.failure {
            panic!("{failure}");
        }
    }

    /// Checks that something was reached, by the names that [`Coverage`] has for it: a sweep that never gets there proves
    /// nothing about it.
    ///
    /// # Panics
    ///
    /// If something was not; the message says what was.
    #[track_caller]
    pub fn assert_reached<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let missing: Vec<_> = names.into_iter().filter(|name| self.coverage.times(name) == 0).collect();
        assert!(missing.is_empty(), "never reached: {}\n\n{}", missing.join(", "), self.coverage);
    }
}

impl SweepFailure {
    pub(super) fn new(case: Case, message: String, file: Option<PathBuf>, shrink_runs: usize) -> Self {
        let reproduce = reproduce_command(Seed(case.seed));
        let timelines = Vec::new();
        Self { seed: case.seed, plan: case.plan, message, reproduce, file, shrink_runs, timelines }
    }

    pub(super) fn with_timelines(self, timelines: Vec<String>) -> Self {
        Self { timelines, ..self }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The smallest plan that makes it fail.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it fails: the report of the simulation.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file in which it is kept, if it is.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }
}

impl fmt::Display for SweepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, plan, message, reproduce, file, shrink_runs, timelines } = self;
        writeln!(f, "a sweep failed with seed {seed}\n")?;
        writeln!(f, "  what goes wrong, after {shrink_runs} runs in search of less:")?;
        for line in plan.to_json().lines() {
            writeln!(f, "    {line}")?;
        }
        if let Some(file) = file {
            writeln!(f, "  kept in  {}", file.display())?;
        }
        writeln!(f, "  seed     {reproduce}")?;
        write!(f, "\n{message}")?;
        timelines.iter().try_for_each(|timeline| write!(f, "\n{timeline}"))
    }
}
