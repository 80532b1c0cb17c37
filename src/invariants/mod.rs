//! What must hold whatever goes wrong: named once, checked at the end of every simulation that has them.
//!
//! A simulation with [`Builder::invariants`] fails if one of them does not hold when it ends. Several come with this
//! module; one of your own is a name and a closure over the [`Finished`] simulation, or over the test's own state.
//!
//! ```
//! use std::time::Duration;
//! use temporal_sim::{Simulation, Worker, invariants::Invariant};
//! use temporal_sim_fixtures::{Money, money_transfer::{Bank, MoneyTransfer, Transfer}};
//!
//! /// What holds for every transfer, in every test.
//! fn invariants(bank: &Bank) -> Vec<Invariant> {
//!     let bank = bank.clone();
//!     vec![
//!         Invariant::new("money is conserved", move |_| {
//!             let total = bank.balance("alice") + bank.balance("bob");
//!             anyhow::ensure!(total == Money::euros(100), "there are {total}");
//!             Ok(())
//!         }),
//!         Invariant::runs_at_most_once(["Bank::refund"]),
//!         Invariant::ends_within(Duration::from_secs(24 * 3600)),
//!         Invariant::replays(),
//!     ]
//! }
//!
//! let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
//! let payments = Worker::new("payments").workflow::<MoneyTransfer>().activities(
//!     bank.clone(),
//!     (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund),
//! );
//! Simulation::builder()
//!     .worker(payments)
//!     .invariants(invariants(&bank))
//!     .settles_within(Duration::from_secs(3600))
//!     .run(async move |sim| {
//!         let rent = Transfer { reference: "1".into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(40) };
//!         sim.execute(MoneyTransfer::run, rent).await?;
//!         Ok(())
//!     });
//! ```
//!
//! # Safety and liveness
//!
//! While things go wrong a test can ask for safety only: nothing forbidden happens. That everything comes to its end can
//! be asked for once nothing goes wrong any more. [`Builder::settles_within`] does so: when the body has returned, the
//! faults stop, and what is still open has so much virtual time to close. The invariants are checked after that.
//!
//! [`Builder::invariants`]: crate::Builder::invariants
//! [`Builder::settles_within`]: crate::Builder::settles_within

mod activities;
mod finished;
mod violation;
mod workflows;

use std::{fmt, sync::Arc};

pub use crate::worker::{ActivityAttempt, AttemptEnding, Lease};
use crate::{history::History, simulation::Builder};
pub use finished::Finished;
pub use violation::Violation;

/// Something that must hold at the end of a simulation.
#[derive(Clone)]
pub struct Invariant {
    name: String,
    check: Arc<Check>,
}

/// Finds the places where it does not hold.
type Check = dyn Fn(&Finished<'_>) -> Vec<Violation> + Send + Sync;

impl Invariant {
    /// One of your own. The name says what must hold, as in "money is conserved"; the check returns an error if it does
    /// not. An error that is a [`Violation`] can say where; of any other the message counts.
    pub fn new(
        name: impl Into<String>,
        check: impl Fn(&Finished<'_>) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::from_violations(name, move |finished| {
            check(finished).err().map(Violation::from_error).into_iter().collect()
        })
    }

    /// One of your own that must hold for each run by itself. The violation names the run.
    pub fn of_each_run(
        name: impl Into<String>,
        check: impl Fn(&History) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::from_violations(name, move |finished| {
            let violation =
                |history: &History| Some(Violation::from_error(check(history).err()?).of(history));
            finished.histories().filter_map(violation).collect()
        })
    }

    /// One whose check finds any number of violations.
    pub(crate) fn from_violations(
        name: impl Into<String>,
        check: impl Fn(&Finished<'_>) -> Vec<Violation> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), check: Arc::new(check) }
    }

    /// What must hold.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn check(&self, finished: &Finished<'_>) -> Vec<Violation> {
        let violations = (self.check)(finished);
        violations.into_iter().map(|violation| violation.named(&self.name, finished)).collect()
    }
}

/// What does not hold at the end of a simulation.
pub(crate) fn violations(builder: &Builder, finished: &Finished<'_>) -> Vec<Violation> {
    let (invariants, within) = builder.expectations();
    let settles = within.map(workflows::settles_within);
    invariants.iter().chain(&settles).flat_map(|invariant| invariant.check(finished)).collect()
}

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invariant").field("name", &self.name).finish_non_exhaustive()
    }
}
