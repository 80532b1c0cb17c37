//! What came of a sweep.

use std::{fmt, path::PathBuf};

use serde_json::Value;

use super::{Coverage, Regression};
use crate::{faults::Plan, rng::Seed, simulation::reproduce_command};

/// What came of a sweep. Its [`Display`](fmt::Display) form says what was run, what was reached and what failed.
#[derive(Debug, Clone)]
pub struct Report {
    coverage: Coverage,
    failures: Vec<SweepFailure>,
}

/// A seed that failed, with the smallest input and plan that still make it fail.
///
/// Its [`Display`](fmt::Display) form is the whole report.
#[derive(Debug, Clone)]
pub struct SweepFailure {
    /// All seeds that fail like this; the first, which is always there, is the one that was looked at.
    seeds: Vec<u64>,
    plan: Plan,
    /// As it stands in a file.
    input: Value,
    message: String,
    reproduce: String,
    file: Option<PathBuf>,
    shrink_runs: usize,
    timelines: Vec<String>,
}

impl Report {
    pub(super) fn new(coverage: Coverage, failures: Vec<SweepFailure>) -> Self {
        Self { coverage, failures }
    }

    /// What was reached.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The first failure.
    pub fn failure(&self) -> Option<&SweepFailure> {
        self.failures.first()
    }

    /// All failures, one for each message: one at most, unless the sweep [goes on](super::Sweep::keep_going).
    pub fn failures(&self) -> &[SweepFailure] {
        &self.failures
    }

    /// Checks that no run failed.
    ///
    /// # Panics
    ///
    /// If one did; the message is the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        match self.failures.as_slice() {
            [] => {}
            [failure] => panic!("{failure}"),
            failures => {
                let reports: Vec<_> = failures.iter().map(ToString::to_string).collect();
                panic!("a sweep failed in {} ways\n\n{}", failures.len(), reports.join("\n\n"));
            }
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.coverage)?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

impl SweepFailure {
    pub(super) fn new(
        regression: Regression,
        message: String,
        file: Option<PathBuf>,
        shrink_runs: usize,
    ) -> Self {
        Self {
            seeds: vec![regression.seed],
            reproduce: reproduce_command(Seed(regression.seed)),
            plan: regression.plan(),
            input: regression.input,
            message,
            file,
            shrink_runs,
            timelines: Vec::new(),
        }
    }

    pub(super) fn with_timelines(self, timelines: Vec<String>) -> Self {
        let message = &self.message;
        let timelines = timelines.into_iter().filter(|timeline| !message.contains(timeline)).collect();
        Self { timelines, ..self }
    }

    /// One more seed fails like this.
    pub(super) fn add_seed(&mut self, seed: u64) {
        self.seeds.push(seed);
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seeds[0]
    }

    /// All seeds that fail with the same message, numbers in it apart.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// The smallest plan that makes it fail.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The smallest input that makes it fail, as it stands in a file; `null` if the sweep has none.
    pub fn input(&self) -> &Value {
        &self.input
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
        let Self { seeds, plan, input, message, reproduce, file, shrink_runs, timelines } = self;
        match seeds.as_slice() {
            [seed] => writeln!(f, "a sweep failed with seed {seed}\n")?,
            [seed, more @ ..] => {
                writeln!(f, "a sweep failed with seed {seed}, and {} more alike\n", more.len())?
            }
            [] => {}
        }
        writeln!(f, "  what it takes, after {shrink_runs} runs in search of less:")?;
        let regression = Regression::new(self.seed(), plan.clone()).with_input(input.clone());
        for line in regression.to_json().lines() {
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
