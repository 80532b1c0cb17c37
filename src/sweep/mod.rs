//! Many seeds, each with faults of its own: the search for the run in which something breaks.
//!
//! A [`Sweep`] runs a simulation for each of its seeds, over all cores, with a plan of faults that the seed decides. At
//! the first failure it looks for the smallest plan that still breaks it, and reports that plan, the timeline and the
//! command which runs it again.
//!
//! ```
//! use temporal_sim::{Simulation, Worker, strategies::{Scope, fault_plans}, sweep::Sweep};
//! use temporal_sim_fixtures::{Money, money_transfer::{Bank, MoneyTransfer, Transfer}};
//!
//! fn payments(bank: &Bank) -> Worker {
//!     let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
//!     Worker::new("payments").workflow::<MoneyTransfer>().activities(bank.clone(), activities)
//! }
//!
//! let plans = fault_plans(&Scope::of([&payments(&Bank::default())]));
//! let report = Sweep::new(0..20).faults(plans).run(|simulation| {
//!     let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
//!     simulation.worker(payments(&bank)).try_run(async move |sim| {
//!         let rent = Transfer { reference: "1".into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(40) };
//!         let _ = sim.execute(MoneyTransfer::run, rent).await;
//!         assert!(bank.balance("bob") <= Money::euros(40), "nothing is booked twice");
//!         Ok(())
//!     })
//! });
//! report.assert_passed();
//! report.assert_reached(["ActivityTaskCompleted", "fault activity"]);
//! println!("{report}");
//! ```
//!
//! Faults are not all that a seed can decide. [`Sweep::run_with`] draws an input as well: settings, what clients do and
//! when, with the strategies of [`crate::strategies`] or any other of proptest's. It is made smaller together with the plan,
//! and kept in the same file.

mod coverage;
mod exhaustive;
mod progress;
mod regression;
mod report;
mod simpler;
mod smallest;

use std::{
    fmt, fs,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

use proptest::{
    strategy::{BoxedStrategy, Just, Strategy, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Serialize, de::DeserializeOwned};

pub use coverage::Coverage;
pub use exhaustive::{Exhaustive, Explored};
pub use regression::Regression;
pub use report::{Report, SweepFailure};

use coverage::Observer;

use crate::{
    faults::Plan,
    panics,
    schedule::Deviations,
    simulation::{Builder, Failure, seed_of_environment},
};
use progress::Progress;
use smallest::{Failed, Smallest, Tree};

/// How many seeds are run before it is looked whether one has failed.
const BATCH: usize = 16;

/// A search through seeds.
#[derive(Debug, Clone)]
pub struct Sweep {
    seeds: Vec<u64>,
    plans: BoxedStrategy<Plan>,
    regressions: Option<PathBuf>,
    shrink_runs: usize,
    keeps_going: bool,
    shows_progress: bool,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case<I> {
    seed: u64,
    plan: Plan,
    input: I,
}

/// What a case came to: the report of a failure, and what was reached.
type Outcome<I> = (Case<I>, Result<(), String>, Observer);

impl Sweep {
    /// A sweep through these seeds, without faults. If the environment variable `TEMPORAL_SIM_SEED` is set, it runs that
    /// seed only.
    pub fn new(seeds: impl IntoIterator<Item = u64>) -> Self {
        let seeds = match seed_of_environment() {
            Some(seed) => vec![seed],
            None => seeds.into_iter().collect(),
        };
        Self {
            seeds,
            plans: Just(Plan::default()).boxed(),
            regressions: None,
            shrink_runs: 1000,
            keeps_going: false,
            shows_progress: true,
        }
    }

    /// What goes wrong: each seed draws a plan.
    #[must_use]
    pub fn faults(mut self, plans: impl Strategy<Value = Plan> + 'static) -> Self {
        self.plans = plans.boxed();
        self
    }

    /// A folder of JSON files that are run before all seeds. A failure of a seed is written there, with the smallest input
    /// and plan: commit the file, and it is run for ever, however strategies change.
    #[must_use]
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.regressions = Some(folder.into());
        self
    }

    /// How many runs the search for the smallest case may take. Default 1000.
    #[must_use]
    pub fn shrink_runs(mut self, runs: usize) -> Self {
        self.shrink_runs = runs;
        self
    }

    /// Runs all seeds, also after one has failed, and collects the failures: one for each message, whatever numbers are in
    /// it. By default a sweep ends with its first failure.
    #[must_use]
    pub fn keep_going(mut self) -> Self {
        self.keeps_going = true;
        self
    }

    /// Whether a terminal shows how far the sweep is. Default `true`.
    #[must_use]
    pub fn progress(mut self, is_shown: bool) -> Self {
        self.shows_progress = is_shown;
        self
    }

    /// Runs `simulation` for each seed until one fails. It gets a builder that has the seed and the plan, and must build
    /// all state anew. A panic is a failure too. The report is the same on however many cores.
    ///
    /// # Panics
    ///
    /// If the folder of regressions has a file that is none, or if a failure cannot be written there.
    pub fn run(&self, simulation: impl Fn(Builder) -> Result<(), Failure> + Sync) -> Report {
        self.run_with(Just(()), |builder, ()| simulation(builder))
    }

    /// Does the same with an input that each seed draws. Of a failure the smallest input is looked for as well as the
    /// smallest plan, and kept with it.
    ///
    /// # Panics
    ///
    /// If the folder of regressions has a file that is none or whose input is of another type, or if a failure cannot be
    /// written there.
    pub fn run_with<I>(
        &self,
        inputs: impl Strategy<Value = I> + 'static,
        simulation: impl Fn(Builder, I) -> Result<(), Failure> + Sync,
    ) -> Report
    where
        I: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static,
    {
        let search = Search {
            sweep: self,
            inputs: inputs.boxed(),
            simulation,
            progress: Progress::new(self.seeds.len(), self.shows_progress),
        };
        search.run()
    }

    fn committed(&self) -> Vec<(PathBuf, Regression)> {
        let Some(folder) = self.regressions.as_ref().filter(|folder| folder.is_dir()) else {
            return Vec::new();
        };
        Regression::load_all(folder).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A sweep under way.
struct Search<'a, I, F> {
    sweep: &'a Sweep,
    inputs: BoxedStrategy<I>,
    simulation: F,
    progress: Progress,
}

impl<I, F> Search<'_, I, F>
where
    I: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static,
    F: Fn(Builder, I) -> Result<(), Failure> + Sync,
{
    fn run(&self) -> Report {
        let mut coverage = Coverage::default();
        let mut failures = Vec::new();
        for (path, regression) in self.sweep.committed() {
            let (outcome, failure) = self.run_committed(path, regression);
            coverage.add(&outcome);
            failures.extend(failure);
            if !failures.is_empty() && !self.sweep.keeps_going {
                return Report::new(coverage, failures);
            }
        }
        for batch in self.sweep.seeds.chunks(BATCH) {
            for (case, outcome, observer) in self.run_batch(batch) {
                coverage.add(&observer);
                let Err(message) = outcome else { continue };
                let alike =
                    failures.iter_mut().find(|it: &&mut SweepFailure| is_alike(it.message(), &message));
                match alike {
                    Some(failure) => failure.add_seed(case.seed),
                    None => failures.push(self.explain(case.seed, message)),
                }
                if !self.sweep.keeps_going {
                    return Report::new(coverage, failures);
                }
            }
            self.progress.show(&coverage, failures.len());
        }
        Report::new(coverage, failures)
    }

    fn run_batch(&self, seeds: &[u64]) -> Vec<Outcome<I>> {
        // Strategies need not be shared between threads.
        let cases: Vec<_> = seeds.iter().map(|&seed| self.case(seed)).collect();
        let simulation = &self.simulation;
        let run = |case: Case<I>| {
            let observer = Observer::default();
            let outcome = observe(simulation, &case, &observer);
            (case, outcome, observer)
        };
        cases.into_par_iter().map(run).collect()
    }

    fn run_committed(&self, path: PathBuf, regression: Regression) -> (Observer, Option<SweepFailure>) {
        let input = regression.typed_input().unwrap_or_else(|error| {
            panic!("{}: the input is not one of this sweep: {error}", path.display());
        });
        let case = Case { seed: regression.seed, plan: regression.plan(), input };
        let (outcome, observer) = self.run_case(&case);
        let failure = outcome.err().map(|message| {
            SweepFailure::new(regression, message, Some(path), 0).with_timelines(self.timelines(&case))
        });
        (observer, failure)
    }

    /// Finds the smallest input and plan that still fail, and keeps them.
    fn explain(&self, seed: u64, message: String) -> SweepFailure {
        let (plan, inputs) = self.draw(seed);
        let mut tried = 0;
        let fails = |plan: &Plan, input: &I| {
            tried += 1;
            self.progress.shrinking(tried);
            let case = Case { seed, plan: plan.clone(), input: input.clone() };
            let (outcome, observer) = self.run_case(&case);
            let failed = outcome.err()?;
            // Another failure is one of its own, if there may be several.
            let counts = !self.sweep.keeps_going || is_alike(&failed, &message);
            counts.then(|| Failed { message: failed, deviations: Deviations::of(&observer.choices()) })
        };
        let mut smallest = Smallest::new(plan, inputs.current(), self.sweep.shrink_runs, fails);
        smallest.simplify(inputs);
        let Smallest { plan, input, failed, runs, .. } = smallest;
        let message = failed.map_or(message.clone(), |failed| failed.message);
        let json = serde_json::to_value(&input);
        let json =
            json.unwrap_or_else(|error| panic!("the input {input:?} cannot be written as JSON: {error}"));
        let regression = Regression::new(seed, plan.clone()).with_input(json);
        let path = self.sweep.regressions.as_ref().map(|folder| {
            let path = folder.join(format!("{}.json", regression::file_name(seed)));
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, regression.to_json())).unwrap_or_else(
                |error| panic!("the failure cannot be written to {}: {error}", path.display()),
            );
            path
        });
        let timelines = self.timelines(&Case { seed, plan, input });
        SweepFailure::new(regression, message, path, runs).with_timelines(timelines)
    }

    fn case(&self, seed: u64) -> Case<I> {
        let (plan, input) = self.draw(seed);
        Case { seed, plan, input: input.current() }
    }

    fn draw(&self, seed: u64) -> (Plan, Tree<I>) {
        draw(&self.sweep.plans, &self.inputs, seed)
    }

    /// Runs a simulation; the error is its report.
    fn run_case(&self, case: &Case<I>) -> (Result<(), String>, Observer) {
        let observer = Observer::default();
        (observe(&self.simulation, case, &observer), observer)
    }

    /// Runs a simulation once more for the timelines of the executions that completed.
    fn timelines(&self, case: &Case<I>) -> Vec<String> {
        let observer = Observer::with_timelines();
        let _ = observe(&self.simulation, case, &observer);
        observer.timelines()
    }
}

/// What is drawn for a seed, always the same: a plan, and an input with the ways to make it smaller.
fn draw<I: fmt::Debug>(plans: &BoxedStrategy<Plan>, inputs: &BoxedStrategy<I>, seed: u64) -> (Plan, Tree<I>) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let plan = plans.new_tree(&mut runner).map(|tree| tree.current());
    let input = inputs.new_tree(&mut runner);
    plan.and_then(|plan| Ok((plan, input?))).unwrap_or_else(|reason| {
        panic!("the strategies have neither plan nor input for seed {seed}: {reason}");
    })
}

fn observe<I: Clone>(
    simulation: &impl Fn(Builder, I) -> Result<(), Failure>,
    case: &Case<I>,
    observer: &Observer,
) -> Result<(), String> {
    let builder = Builder::observed(case.seed, case.plan.clone(), observer.clone());
    run_quietly(|| simulation(builder, case.input.clone()))
}

/// Runs a simulation; the error is its report. Panics are in there, and are not shown.
fn run_quietly(simulation: impl FnOnce() -> Result<(), Failure>) -> Result<(), String> {
    let _quiet = panics::quiet();
    match panic::catch_unwind(AssertUnwindSafe(simulation)) {
        Ok(outcome) => outcome.map_err(|failure| failure.to_string()),
        Err(panic) => Err(panics::message(&*panic)),
    }
}

/// Whether two reports tell of the same failure: their first paragraphs differ in numbers only.
fn is_alike(one: &str, other: &str) -> bool {
    let words = |report: &str| {
        let headline = report.split("\n\n").next().unwrap_or_default();
        let mut words = String::new();
        for character in headline.chars() {
            match character {
                '0'..='9' if words.ends_with('#') => {}
                '0'..='9' => words.push('#'),
                // Of a duration the units depend on the number.
                'd' | 'h' | 'm' | 's' | ' ' | '.' if words.ends_with('#') => {}
                _ => words.push(character),
            }
        }
        words
    };
    words(one) == words(other)
}

/// How much was run, in a line.
fn summary(coverage: &Coverage) -> String {
    format!("{} runs, {}", coverage.runs, progress::years(coverage.virtual_time))
}

#[cfg(test)]
mod tests;
