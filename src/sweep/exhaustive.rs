//! Every order of what happens at the same instant.

use std::fmt;

use super::{Observer, run_quietly};
use crate::{
    faults::Plan,
    schedule::{Choice, Schedule},
    simulation::{Builder, Failure},
};

/// Runs a simulation under every schedule, depth first: each choice is taken in turn, the last one first. For small cases:
/// every thing that can go first at an instant multiplies the number of schedules.
///
/// No schedule is skipped for being equivalent to another one. Hardly any two things that can go first commute: calls for two
/// workflows that know nothing of one another still take their ids from one stream of the seed and places in one task queue,
/// so that histories differ with their order.
///
/// ```
/// use temporal_sim::{Worker, sweep::Exhaustive};
/// use temporal_sim_fixtures::{Money, money_transfer::{Bank, MoneyTransfer, Transfer}};
///
/// // Two transfers have some thousand schedules; these are all for the first four choices.
/// let explored = Exhaustive::new().depth(4).run(|simulation| {
///     let bank = Bank::with_accounts([("alice", Money::euros(50)), ("bob", Money::ZERO)]);
///     let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
///     let payments = Worker::new("payments").workflow::<MoneyTransfer>().activities(bank.clone(), activities);
///     simulation.worker(payments).try_run(async move |sim| {
///         let transfer = |reference: &str| Transfer {
///             reference: reference.into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(30),
///         };
///         let (one, two) = (sim.execute(MoneyTransfer::run, transfer("1")), sim.execute(MoneyTransfer::run, transfer("2")));
///         let (one, two) = futures_util::join!(one, two);
///         assert!(one.is_ok() != two.is_ok(), "there is money for one of them");
///         Ok(())
///     })
/// });
/// explored.assert_passed();
/// assert!(explored.is_complete());
/// assert!(explored.schedules() > 1);
/// ```
#[derive(Debug, Clone)]
pub struct Exhaustive {
    seed: u64,
    plan: Plan,
    most: u64,
    depth: usize,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Explored {
    schedules: u64,
    longest: usize,
    is_complete: bool,
    failure: Option<(Schedule, String)>,
}

impl Default for Exhaustive {
    fn default() -> Self {
        Self { seed: 0, plan: Plan::default(), most: 10_000, depth: usize::MAX }
    }
}

impl Exhaustive {
    /// All schedules, but no more than 10,000, with seed 0 and nothing that goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What goes wrong in each of the runs. The schedule of the plan is where the search begins, if it is one of
    /// [`Schedule::Choices`].
    #[must_use]
    pub fn faults(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// No more than so many schedules.
    #[must_use]
    pub fn at_most(mut self, schedules: u64) -> Self {
        self.most = schedules;
        self
    }

    /// Takes only so many choices in turn, from the first; everything after them goes first in, first out.
    #[must_use]
    pub fn depth(mut self, choices: usize) -> Self {
        self.depth = choices;
        self
    }

    /// Runs `simulation` again and again until it has taken every choice in turn, fails, or has run often enough. It gets a
    /// builder with the seed, the plan and the schedule, must build all state anew, and run one simulation. A panic is a
    /// failure too.
    pub fn run(&self, simulation: impl Fn(Builder) -> Result<(), Failure>) -> Explored {
        let mut explored = Explored { schedules: 0, longest: 0, is_complete: false, failure: None };
        let mut next = match &self.plan.schedule {
            Some(schedule @ Schedule::Choices(_)) => Some(schedule.clone()),
            _ => Some(Schedule::choices([])),
        };
        while let Some(schedule) = next {
            if explored.schedules >= self.most {
                return explored;
            }
            let observer = Observer::default();
            let plan = self.plan.clone().scheduled(schedule.clone());
            let builder = Builder::observed(self.seed, plan, observer.clone());
            let outcome = run_quietly(|| simulation(builder));
            explored.schedules += 1;
            let choices = observer.choices();
            explored.longest = explored.longest.max(choices.len());
            if let Err(failure) = outcome {
                explored.failure = Some((schedule, failure));
                return explored;
            }
            next = self.after(&choices);
        }
        explored.is_complete = true;
        explored
    }

    /// The schedule that takes the last choice otherwise which can still be taken otherwise.
    fn after(&self, choices: &[Choice]) -> Option<Schedule> {
        let choices = &choices[..choices.len().min(self.depth)];
        let last = choices.iter().rposition(|choice| choice.chosen + 1 < choice.of)?;
        let kept = choices[..last].iter().map(|choice| choice.chosen).chain([choices[last].chosen + 1]);
        let numbered = kept.enumerate().filter(|(_, chosen)| *chosen > 0);
        Some(Schedule::choices(
            numbered.filter_map(|(number, chosen)| Some((u32::try_from(number).ok()?, chosen))),
        ))
    }
}

impl Explored {
    /// How many schedules were run.
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// Whether there are no others.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The schedule that failed, and how.
    pub fn failure(&self) -> Option<(&Schedule, &str)> {
        self.failure.as_ref().map(|(schedule, message)| (schedule, message.as_str()))
    }

    /// Checks that no schedule failed.
    ///
    /// # Panics
    ///
    /// If one did; the message says which and how.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.failure.is_none(), "{self}");
    }
}

/// How many schedules there were, and what is wrong with the one that failed.
impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, longest, is_complete, failure } = self;
        match failure {
            Some((schedule, message)) => {
                let plan = Plan::default().scheduled(schedule.clone());
                write!(f, "schedule {schedules} failed:\n{plan}\n{message}")
            }
            None if *is_complete => write!(f, "all {schedules} schedules passed, of up to {longest} choices"),
            None => write!(f, "{schedules} schedules passed, of up to {longest} choices, and there are more"),
        }
    }
}
