//! The smallest case that still fails.

use std::{collections::BTreeMap, fmt::Debug};

use proptest::strategy::ValueTree;

use super::simpler::simpler_faults;
use crate::{
    faults::Plan,
    schedule::{Deviations, Schedule},
    simulation::Failure,
};

impl Plan {
    /// Looks for the smallest plan that still breaks a simulation which this plan breaks, in at most so many runs: fewer faults, a
    /// schedule with fewer deviations from first in, first out, whole seconds. `fails` runs the simulation with a plan.
    /// Answers this plan if none of the others fails.
    #[must_use]
    pub fn smallest(&self, runs: usize, mut fails: impl FnMut(&Self) -> Result<(), Failure>) -> Self {
        let mut smallest = Smallest::new(self.clone(), (), runs, |plan: &Self, (): &()| {
            let failure = fails(plan).err()?;
            Some(Failed { message: String::new(), deviations: failure.deviations().clone() })
        });
        smallest.simplify_plan();
        smallest.plan
    }
}

/// An input, and the ways to make it smaller.
pub(super) type Tree<I> = Box<dyn ValueTree<Value = I>>;

/// How a case failed.
#[derive(Debug, Default)]
pub(super) struct Failed {
    /// The report.
    pub(super) message: String,
    /// What went first where first in, first out would have taken something else.
    pub(super) deviations: Deviations,
}

/// The smallest case so far, and the search for a smaller one.
pub(super) struct Smallest<I, F> {
    pub(super) plan: Plan,
    pub(super) input: I,
    /// How it fails; `None` if no other case has taken the place of the first one.
    pub(super) failed: Option<Failed>,
    /// How many were tried, and how many may be.
    pub(super) runs: usize,
    most: usize,
    /// Runs a case, and answers how it fails if it does.
    fails: F,
}

/// Of a plan with more faults, those that a simpler input might not need are looked for at the end only.
const FEW_FAULTS: usize = 4;

impl<I: Clone + Debug, F: FnMut(&Plan, &I) -> Option<Failed>> Smallest<I, F> {
    /// A search that begins with a case which fails, and takes at most so many runs.
    pub(super) fn new(plan: Plan, input: I, most: usize, fails: F) -> Self {
        Self { plan, input, failed: None, runs: 0, most, fails }
    }

    /// Makes plan and input smaller in every way that there is. The tree has the input, and what its strategy takes for
    /// simpler.
    pub(super) fn simplify(&mut self, mut inputs: Tree<I>) {
        // With fewer faults less hides what the input has to do with it.
        self.leave_out_schedule();
        self.leave_out_faults();
        let mut is_simpler = inputs.simplify();
        while is_simpler && self.may_run() {
            is_simpler =
                if self.try_input(&inputs.current()) { inputs.simplify() } else { inputs.complicate() };
        }
        self.simplify_plan();
    }

    /// Makes the plan smaller in every way that there is, until none makes it any smaller.
    fn simplify_plan(&mut self) {
        self.pin_schedule();
        loop {
            let before = self.plan.clone();
            self.leave_out_faults();
            self.leave_out_choices();
            self.simplify_faults();
            self.try_plan(Plan { until: None, ..self.plan.clone() });
            if self.plan == before {
                return;
            }
        }
    }

    fn may_run(&self) -> bool {
        self.runs < self.most
    }

    fn run(&mut self, plan: &Plan, input: &I) -> Option<Failed> {
        if !self.may_run() {
            return None;
        }
        self.runs += 1;
        (self.fails)(plan, input)
    }

    /// Takes a plan if it fails.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if plan == self.plan {
            return false;
        }
        let input = self.input.clone();
        let Some(failed) = self.run(&plan, &input) else { return false };
        self.plan = plan;
        self.failed = Some(failed);
        true
    }

    /// Takes an input if it fails. The plan may then have a fault too many: that is looked at at once, because the next,
    /// simpler input may be one that needs the fault.
    fn try_input(&mut self, input: &I) -> bool {
        let mut plans = Vec::new();
        if self.plan.faults.len() <= FEW_FAULTS {
            plans.extend((0..self.plan.faults.len()).map(|index| without(&self.plan, &[index])));
        }
        plans.push(self.plan.clone());
        for plan in plans {
            if let Some(failed) = self.run(&plan, input) {
                (self.plan, self.input, self.failed) = (plan, input.clone(), Some(failed));
                return true;
            }
        }
        false
    }

    fn leave_out_schedule(&mut self) -> bool {
        self.plan.schedule.is_some() && self.try_plan(Plan { schedule: None, ..self.plan.clone() })
    }

    /// Most faults of a plan have nothing to do with it: the shortest way is to leave out one after the other. Two may have
    /// cancelled out.
    fn leave_out_faults(&mut self) {
        let mut index = 0;
        while index < self.plan.faults.len() && self.may_run() {
            if !self.try_plan(without(&self.plan, &[index])) {
                index += 1;
            }
        }
        let count = self.plan.faults.len();
        let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| [one, other]));
        for pair in pairs {
            if !self.may_run() {
                return;
            }
            if self.try_plan(without(&self.plan, &pair)) {
                return self.leave_out_faults();
            }
        }
    }

    /// Replaces a schedule that is drawn by what it chose: no draw moves any more when something else becomes simpler.
    fn pin_schedule(&mut self) {
        if matches!(self.plan.schedule, Some(Schedule::Choices(_)))
            || self.leave_out_schedule() && self.is_fifo()
        {
            return;
        }
        if self.failed.is_none() && self.plan.schedule.is_some() {
            // What it chose is known after a run only.
            let (plan, input) = (self.plan.clone(), self.input.clone());
            self.failed = self.run(&plan, &input);
        }
        if !self.is_fifo() {
            let schedule = self.failed.as_ref().map(|failed| failed.deviations.schedule());
            self.try_plan(Plan { schedule, ..self.plan.clone() });
        }
    }

    /// Whether it is known to fail with everything first in, first out.
    fn is_fifo(&self) -> bool {
        self.failed.as_ref().is_none_or(|failed| failed.deviations.is_empty())
    }

    /// Leaves out choices: half of them, then less and less, then one after the other.
    fn leave_out_choices(&mut self) {
        let Some(Schedule::Choices(choices)) = &self.plan.schedule else { return };
        let mut choices = choices.clone();
        let mut size = choices.len();
        while size > 0 && self.may_run() {
            let mut start = 0;
            while start < choices.len() && self.may_run() {
                let left_out = start..start.saturating_add(size);
                let numbered = choices.iter().enumerate();
                let fewer: BTreeMap<_, _> = numbered
                    .filter(|(index, _)| !left_out.contains(index))
                    .map(|(_, (number, chosen))| (*number, *chosen))
                    .collect();
                let schedule = Some(Schedule::Choices(fewer.clone()));
                if self.try_plan(Plan { schedule, ..self.plan.clone() }) {
                    choices = fewer;
                } else {
                    start += size;
                }
            }
            size /= 2;
        }
        if choices.is_empty() && !self.leave_out_schedule() {
            self.try_plan(Plan { schedule: Some(Schedule::Fifo), ..self.plan.clone() });
        }
    }

    /// Makes one fault after the other as simple as it can be.
    fn simplify_faults(&mut self) {
        for index in 0..self.plan.faults.len() {
            while self.may_run() {
                let simpler = simpler_faults(&self.plan.faults[index]);
                let is_simpler = simpler.into_iter().any(|fault| {
                    let mut plan = self.plan.clone();
                    plan.faults[index] = fault;
                    self.try_plan(plan)
                });
                if !is_simpler {
                    break;
                }
            }
        }
    }
}

/// The plan without the faults at these places.
fn without(plan: &Plan, places: &[usize]) -> Plan {
    let faults = plan.faults.iter().enumerate();
    let faults = faults.filter(|(index, _)| !places.contains(index)).map(|(_, fault)| fault.clone());
    Plan { faults: faults.collect(), ..plan.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{
        collection,
        strategy::{Just, Strategy as _},
        test_runner::TestRunner,
    };

    use super::*;
    use crate::{
        faults::{ActivityEffect, Fault, Outage, Recovery, StalledQueue, When, WorkflowTaskEffect},
        rng::Seed,
        schedule::{Candidate, Lane, Scheduler},
    };

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The smallest plan that still breaks something that never chooses.
    fn smallest(plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
        assert!(fails(&plan));
        let mut search =
            Smallest::new(plan, (), 1000, |plan: &Plan, (): &()| fails(plan).then(Failed::default));
        search.simplify_plan();
        assert!(search.may_run(), "it came to its end");
        search.plan
    }

    #[test]
    fn what_has_nothing_to_do_with_it_is_left_out_and_the_rest_is_whole_seconds() {
        let plan = Plan::new([
            Fault::eviction(0, Duration::from_millis(12_345)),
            Fault::worker_down(0, Duration::from_millis(4_567_890), Duration::from_millis(98_765)),
            Fault::workflow_task("Order", When::always(), WorkflowTaskEffect::Lose),
            Fault::stall(0, StalledQueue::Sticky, seconds(7), seconds(77)),
        ])
        .ending(seconds(9999));
        // A worker that is away for at least half a minute after the first hour.
        let fails = |plan: &Plan| {
            plan.faults.iter().any(|fault| match fault {
                Fault::WorkerDown(down) => down.at >= seconds(3600) && down.lasts >= seconds(30),
                _ => false,
            })
        };
        let smallest = smallest(plan, fails);
        let down = Fault::worker_down(0, seconds(3600), seconds(49));
        assert_eq!(smallest, Plan::new([down]), "{smallest}");
    }

    #[test]
    fn a_moment_becomes_the_first_one_that_will_do() {
        let when = When { from: seconds(100), until: Some(seconds(5000)), skip: 6, times: None };
        let plan = Plan::new([Fault::workflow_task("Order", when, WorkflowTaskEffect::Lose)]);
        let of = |plan: &Plan| match plan.faults.as_slice() {
            [Fault::WorkflowTask(fault)] => Some(fault.when),
            _ => None,
        };
        let any = smallest(plan.clone(), |plan| of(plan).is_some());
        assert_eq!(of(&any), Some(When::once()));
        let third = smallest(plan, |plan| of(plan).is_some_and(|when| when.skip >= 2));
        assert_eq!(of(&third).map(|when| when.times), Some(Some(1)));
        assert_eq!(of(&third).map(|when| when.skip), Some(3), "half of six");
    }

    #[test]
    fn an_outage_becomes_a_short_one_without_recovery() {
        let recovery = Recovery { until: seconds(9000), error_percent: 17, per_second: Some(3) };
        let outage = Outage::new("charge", seconds(33), seconds(7777)).recovering(recovery);
        let smallest = smallest(Plan::new([outage.into()]), |plan| !plan.faults.is_empty());
        assert_eq!(smallest, Plan::new([Outage::new("charge", seconds(0), seconds(1)).into()]));
    }

    /// Chooses 40 times between three, and fails if the last goes first at these choices.
    fn chooses(plan: &Plan, broken_by: &[usize]) -> Option<Deviations> {
        let schedule = plan.schedule.clone().unwrap_or_default();
        let mut scheduler = Scheduler::new(&schedule, Seed(3));
        let candidates = [0, 1, 2].map(|lane| Candidate { what: "it", lane: Lane::numbered("test", lane) });
        let chosen: Vec<_> = (0..40).map(|_| scheduler.choose(&candidates)).collect();
        broken_by.iter().all(|choice| chosen[*choice] == 2).then(|| Deviations::of(scheduler.choices()))
    }

    /// The smallest plan that still chooses so.
    fn smallest_of_choices(plan: Plan, broken_by: &[usize]) -> Plan {
        let mut search = Smallest::new(plan, (), 500, |plan: &Plan, (): &()| {
            Some(Failed { deviations: chooses(plan, broken_by)?, ..Failed::default() })
        });
        search.simplify_plan();
        search.plan
    }

    #[test]
    fn a_random_schedule_becomes_the_choices_that_it_takes() {
        let broken: Vec<_> = {
            let deviations =
                chooses(&Plan::default().scheduled(Schedule::Random), &[]).expect("nothing is asked of it");
            let last = deviations.choices.iter().filter(|(_, choice)| choice.chosen == 2);
            last.map(|(number, _)| *number as usize).take(2).collect()
        };
        let plan = Plan::new([Fault::eviction(0, seconds(1))]).scheduled(Schedule::Random);
        let choices = broken.iter().map(|choice| (*choice as u32, 2));
        let smallest = smallest_of_choices(plan, &broken);
        assert_eq!(smallest, Plan::default().scheduled(Schedule::choices(choices)));
    }

    #[test]
    fn a_schedule_that_has_nothing_to_do_with_it_is_left_out() {
        let plan = Plan::default().scheduled(Schedule::pct(3));
        assert_eq!(smallest_of_choices(plan, &[]), Plan::default());
    }

    #[test]
    fn two_faults_that_only_cancel_out_are_left_out_together() {
        let plan = Plan::new([
            Fault::eviction(0, seconds(0)),
            Fault::clock_step(seconds(0), seconds(1)),
            Fault::stall(0, StalledQueue::Sticky, seconds(0), seconds(1)),
        ]);
        let has = |plan: &Plan, kind| plan.faults.iter().any(|fault| fault.kind() == kind);
        let smallest =
            smallest(plan, |plan| has(plan, "clock_step") && has(plan, "eviction") == has(plan, "stall"));
        assert_eq!(smallest, Plan::new([Fault::clock_step(seconds(0), seconds(1))]));
    }

    /// Two numbers of a middling sum break it by themselves, all others need the fault. The smallest of all inputs needs it,
    /// but there is one on the way that does not.
    #[test]
    fn a_fault_that_an_input_on_the_way_does_not_need_is_left_out() {
        let lost = Fault::activity("charge", When::once(), ActivityEffect::LoseAnswer);
        let fails = |plan: &Plan, input: &Vec<u32>| {
            let is_enough = input.len() == 2 && (10..40_u32).contains(&input.iter().sum());
            (input.len() >= 2 && (is_enough || !plan.faults.is_empty())).then(Failed::default)
        };
        let mut runner = TestRunner::deterministic();
        let mut alone = 0;
        for _ in 0..20 {
            let inputs = collection::vec(0..100_u32, 2..9).new_tree(&mut runner).expect("an input");
            let mut search = Smallest::new(Plan::new([lost.clone()]), inputs.current(), 500, fails);
            search.simplify(Box::new(inputs));
            assert_eq!(search.input.len(), 2);
            if search.plan == Plan::default() {
                assert_eq!(search.input.iter().sum::<u32>(), 10, "{:?}", search.input);
                alone += 1;
            }
        }
        assert!(alone >= 15, "{alone}");
    }

    #[test]
    fn the_report_is_that_of_the_case_that_is_left() {
        let plan = Plan::new([Fault::eviction(0, seconds(7)), Fault::eviction(1, seconds(7))]);
        let fails = |plan: &Plan, (): &()| {
            let message = format!("{} faults", plan.faults.len());
            (!plan.faults.is_empty()).then(|| Failed { message, ..Failed::default() })
        };
        let mut search = Smallest::new(plan, (), 500, fails);
        search.simplify(Box::new(Just(())));
        assert_eq!(search.failed.map(|failed| failed.message).as_deref(), Some("1 faults"));
    }

    #[test]
    fn a_search_keeps_to_its_runs() {
        let plan = Plan::new((0..50).map(|second| Fault::eviction(0, seconds(second))));
        for runs in [0, 1, 10] {
            let mut tried = 0;
            let mut search = Smallest::new(plan.clone(), (), runs, |_: &Plan, (): &()| {
                tried += 1;
                None
            });
            search.simplify_plan();
            assert_eq!((search.plan, search.runs), (plan.clone(), runs));
            assert_eq!(tried, runs);
        }
    }
}
