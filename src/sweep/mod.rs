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
//! ```

mod coverage;
mod exhaustive;
mod regression;
mod report;
mod shrink;

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    time::Duration,
};

use proptest::{
    strategy::{BoxedStrategy, Just, Strategy},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

pub use coverage::Coverage;
pub use exhaustive::{Exhaustive, Explored};
pub use regression::Regression;
pub use report::{Report, SweepFailure};

pub(crate) use coverage::Observer;

use crate::{
    faults::Plan,
    panics,
    simulation::{Builder, Failure, seed_of_environment},
};

/// How many seeds are run before it is looked whether one has failed.
const BATCH: usize = 16;

/// A search through seeds.
#[derive(Debug, Clone)]
pub struct Sweep {
    seeds: Vec<u64>,
    plans: BoxedStrategy<Plan>,
    regressions: Option<PathBuf>,
    shrink_runs: usize,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
}

impl Sweep {
    /// A sweep through these seeds, without faults. If the environment variable `TEMPORAL_SIM_SEED` is set, it runs that
    /// seed only.
    pub fn new(seeds: impl IntoIterator<Item = u64>) -> Self {
        let seeds = match seed_of_environment() {
            Some(seed) => vec![seed],
            None => seeds.into_iter().collect(),
        };
        Self { seeds, plans: Just(Plan::default()).boxed(), regressions: None, shrink_runs: 500 }
    }

    /// What goes wrong: each seed draws a plan.
    #[must_use]
    pub fn faults(mut self, plans: impl Strategy<Value = Plan> + 'static) -> Self {
        self.plans = plans.boxed();
        self
    }

    /// A folder of JSON files that are run before all seeds. A failure of a seed is written there, with the smallest plan:
    /// commit the file, and it is run for ever, however strategies change.
    #[must_use]
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.regressions = Some(folder.into());
        self
    }

    /// How many runs the search for the smallest plan may take. Default 500.
    #[must_use]
    pub fn shrink_runs(mut self, runs: usize) -> Self {
        self.shrink_runs = runs;
        self
    }

    /// Runs `simulation` for each seed until one fails. It gets a builder that has the seed and the plan, and must build
    /// all state anew. A panic is a failure too. The report is the same on however many cores.
    ///
    /// # Panics
    ///
    /// If the folder of regressions has a file that is none, or if a failure cannot be written there.
    pub fn run(&self, simulation: impl Fn(Builder) -> Result<(), Failure> + Sync) -> Report {
        let mut coverage = Coverage::default();
        for (path, regression) in self.committed() {
            let case = Case { seed: regression.seed, plan: regression.plan() };
            let (outcome, observed) = run_case(&case, &simulation);
            coverage.add(&observed);
            if let Err(message) = outcome {
                let timelines = timelines(&case, &simulation);
                let failure = SweepFailure::new(case, message, Some(path), 0).with_timelines(timelines);
                return Report::new(coverage, Some(failure));
            }
        }
        for batch in self.seeds.chunks(BATCH) {
            let cases: Vec<_> = batch.iter().map(|&seed| Case { seed, plan: self.tree(seed).1 }).collect();
            let outcomes: Vec<_> = cases
                .into_par_iter()
                .map(|case| {
                    let (outcome, observed) = run_case(&case, &simulation);
                    (case, outcome, observed)
                })
                .collect();
            for (case, outcome, observed) in outcomes {
                coverage.add(&observed);
                if let Err(message) = outcome {
                    return Report::new(coverage, Some(self.explain(case, message, &simulation)));
                }
            }
        }
        Report::new(coverage, None)
    }

    /// Finds the smallest plan that still fails, and keeps it.
    fn explain(
        &self,
        case: Case,
        message: String,
        simulation: &(impl Fn(Builder) -> Result<(), Failure> + Sync),
    ) -> SweepFailure {
        let seed = case.seed;
        let fails = |plan: &Plan| run_case(&Case { seed, plan: plan.clone() }, simulation).0.err();
        let (tree, _) = self.tree(seed);
        let (plan, message, runs) = shrink::smallest(tree, case.plan, message, self.shrink_runs, fails);
        let case = Case { seed, plan };
        let path = self.regressions.as_ref().map(|folder| {
            let path = folder.join(format!("{}.json", regression::file_name(seed)));
            let regression = Regression::new(seed, case.plan.clone());
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, regression.to_json())).unwrap_or_else(
                |error| panic!("the failure cannot be written to {}: {error}", path.display()),
            );
            path
        });
        let timelines = timelines(&case, simulation);
        SweepFailure::new(case, message, path, runs).with_timelines(timelines)
    }

    /// The plan of a seed, and the ways to make it smaller.
    fn tree(&self, seed: u64) -> (shrink::Tree, Plan) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let tree = self.plans.new_tree(&mut runner).unwrap_or_else(|reason| {
            panic!("the strategy for plans has no plan for seed {seed}: {reason}");
        });
        let plan = proptest::strategy::ValueTree::current(&tree);
        (tree, plan)
    }

    fn committed(&self) -> Vec<(PathBuf, Regression)> {
        let Some(folder) = self.regressions.as_ref().filter(|folder| folder.is_dir()) else {
            return Vec::new();
        };
        Regression::load_all(folder).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Runs a simulation; the error is its report.
fn run_case(
    case: &Case,
    simulation: &(impl Fn(Builder) -> Result<(), Failure> + Sync),
) -> (Result<(), String>, Observer) {
    let observer = Observer::default();
    (run_observed(case, simulation, &observer), observer)
}

/// Runs a simulation once more for the timelines of the executions that completed.
fn timelines(case: &Case, simulation: &(impl Fn(Builder) -> Result<(), Failure> + Sync)) -> Vec<String> {
    let observer = Observer::with_timelines();
    let _ = run_observed(case, simulation, &observer);
    observer.timelines()
}

fn run_observed(
    case: &Case,
    simulation: &(impl Fn(Builder) -> Result<(), Failure> + Sync),
    observer: &Observer,
) -> Result<(), String> {
    let builder = Builder::observed(case.seed, case.plan.clone(), observer.clone());
    match panic::catch_unwind(AssertUnwindSafe(|| simulation(builder))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(panic) => Err(panics::message(&*panic)),
    }
}

/// Years of virtual time, for people.
fn years(duration: Duration) -> f64 {
    duration.as_secs_f64() / (365.25 * 24.0 * 3600.0)
}

#[cfg(test)]
mod tests;
