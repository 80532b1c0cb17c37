//! The smallest plan that still breaks something.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    faults::{
        ActivityEffect, CallEffect, Callers, Fault, LocalActivityEffect, Outage, Plan, Recovery, When,
        unavailable,
    },
    policy::AttemptFailure,
    schedule::{Deviations, Schedule},
    simulation::Failure,
};

impl Plan {
    /// Looks for the smallest plan that still breaks a simulation which this plan breaks, in at most so many runs: fewer faults, a
    /// schedule with fewer deviations from first in, first out, whole seconds. `fails` runs the simulation with a plan.
    /// Answers this plan if none of the others fails.
    #[must_use]
    pub fn smallest(&self, runs: usize, mut fails: impl FnMut(&Self) -> Result<(), Failure>) -> Self {
        let mut search = Simplifier::new(self.clone(), runs, |plan: &Self| {
            fails(plan).err().map(|failure| failure.deviations().clone())
        });
        search.run();
        search.plan
    }
}

/// A search for a smaller plan. `fails` answers how a run that fails has deviated from first in, first out.
pub(crate) struct Simplifier<F> {
    /// The smallest plan so far.
    pub(crate) plan: Plan,
    /// How many more may be tried.
    pub(crate) runs: usize,
    fails: F,
    deviations: Deviations,
}

impl<F: FnMut(&Plan) -> Option<Deviations>> Simplifier<F> {
    pub(crate) fn new(plan: Plan, runs: usize, fails: F) -> Self {
        Self { plan, runs, fails, deviations: Deviations::default() }
    }

    /// Makes the plan smaller in every way that there is.
    pub(crate) fn run(&mut self) {
        self.pin_schedule();
        self.leave_out_faults();
        self.simplify();
        self.leave_out_faults();
    }

    /// Leaves the faults of the plan, and makes everything about them simpler.
    pub(crate) fn simplify(&mut self) {
        self.pin_schedule();
        self.leave_out_choices();
        self.simplify_faults();
        if self.plan.until.is_some() {
            let _ = self.try_plan(Plan { until: None, ..self.plan.clone() });
        }
    }

    /// Takes a plan if it fails.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if self.runs == 0 || plan == self.plan {
            return false;
        }
        self.runs -= 1;
        let failed = (self.fails)(&plan);
        let is_smaller = failed.is_some();
        if let Some(deviations) = failed {
            (self.plan, self.deviations) = (plan, deviations);
        }
        is_smaller
    }

    /// Replaces a schedule that is drawn by what it chose: no draw moves any more when something else becomes simpler.
    fn pin_schedule(&mut self) {
        if matches!(self.plan.schedule, Some(Schedule::Choices(_))) {
            return;
        }
        if self.plan.schedule.is_some() && self.try_plan(Plan { schedule: None, ..self.plan.clone() }) {
            if self.deviations.is_empty() {
                return;
            }
        } else if self.runs > 0 && self.plan.schedule.is_some() {
            // What it chose is known after a run only.
            self.runs -= 1;
            self.deviations = (self.fails)(&self.plan.clone()).unwrap_or_default();
        }
        if !self.deviations.is_empty() {
            let schedule = Some(self.deviations.schedule());
            let _ = self.try_plan(Plan { schedule, ..self.plan.clone() });
        }
    }

    /// Most faults of a plan have nothing to do with it: the shortest way is to leave out one after the other.
    fn leave_out_faults(&mut self) {
        let mut index = 0;
        while index < self.plan.faults.len() && self.runs > 0 {
            let mut fewer = self.plan.clone();
            fewer.faults.remove(index);
            if !self.try_plan(fewer) {
                index += 1;
            }
        }
    }

    /// Leaves out choices: half of them, then less and less, then one after the other.
    fn leave_out_choices(&mut self) {
        let Some(Schedule::Choices(choices)) = &self.plan.schedule else { return };
        let mut choices = choices.clone();
        let mut size = choices.len();
        while size > 0 && self.runs > 0 {
            let mut start = 0;
            while start < choices.len() && self.runs > 0 {
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
        if choices.is_empty() && !self.try_plan(Plan { schedule: None, ..self.plan.clone() }) {
            let _ = self.try_plan(Plan { schedule: Some(Schedule::Fifo), ..self.plan.clone() });
        }
    }

    /// Makes one fault after the other as simple as it can be.
    fn simplify_faults(&mut self) {
        for index in 0..self.plan.faults.len() {
            while self.runs > 0 {
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

/// Faults like this one that are a little simpler, the simplest first.
fn simpler_faults(fault: &Fault) -> Vec<Fault> {
    let mut simpler = Vec::new();
    macro_rules! vary {
        ($variant:ident, $fault:expr, $field:ident, $values:expr) => {
            simpler.extend($values.into_iter().map(|value| {
                Fault::$variant({
                    let mut fault = $fault.clone();
                    fault.$field = value;
                    fault
                })
            }))
        };
    }
    match fault {
        Fault::Activity(it) => {
            vary!(Activity, it, when, simpler_whens(it.when));
            vary!(Activity, it, effect, simpler_activity_effects(&it.effect));
        }
        Fault::LocalActivity(it) => {
            vary!(LocalActivity, it, when, simpler_whens(it.when));
            vary!(LocalActivity, it, effect, simpler_local_activity_effects(&it.effect));
        }
        Fault::WorkflowTask(it) => vary!(WorkflowTask, it, when, simpler_whens(it.when)),
        Fault::Call(it) => {
            vary!(Call, it, when, simpler_whens(it.when));
            vary!(Call, it, effect, simpler_call_effects(it.effect));
            vary!(Call, it, callers, (it.callers != Callers::Any).then_some(Callers::Any));
        }
        Fault::Outage(it) => simpler.extend(simpler_outages(it).into_iter().map(Fault::Outage)),
        Fault::WorkerDown(it) => {
            vary!(WorkerDown, it, at, earlier(it.at));
            vary!(WorkerDown, it, lasts, shorter(it.lasts));
        }
        Fault::Eviction(it) => vary!(Eviction, it, at, earlier(it.at)),
        Fault::Stall(it) => {
            vary!(Stall, it, at, earlier(it.at));
            vary!(Stall, it, lasts, shorter(it.lasts));
        }
        Fault::ClockStep(it) => {
            vary!(ClockStep, it, at, earlier(it.at));
            vary!(ClockStep, it, by, shorter(it.by));
        }
    }
    simpler
}

/// Once, from the start; or as near to that as can be.
fn simpler_whens(when: When) -> Vec<When> {
    let mut simpler = vec![When::once(), When { times: Some(1), ..when }, When { skip: 0, ..when }];
    simpler.push(When { until: None, ..when });
    simpler.extend(earlier(when.from).into_iter().map(|from| When { from, ..when }));
    simpler.push(When { skip: when.skip / 2, ..when });
    simpler
        .extend(when.times.filter(|times| *times > 1).map(|times| When { times: Some(times / 2), ..when }));
    let until = when.until.map(shorter).unwrap_or_default();
    simpler.extend(until.into_iter().map(|until| When { until: Some(until), ..when }));
    // One that is more often, or later, is no simpler one.
    simpler.retain(|it| *it != when && (when.times != Some(0) || it.times == Some(0)));
    simpler
}

fn simpler_activity_effects(effect: &ActivityEffect) -> Vec<ActivityEffect> {
    match effect {
        ActivityEffect::Fail(failure) => simpler_failure(failure).map(ActivityEffect::Fail).collect(),
        ActivityEffect::FailAfterwards(failure) => {
            simpler_failure(failure).map(ActivityEffect::FailAfterwards).collect()
        }
        ActivityEffect::Slow { by } => {
            shorter(*by).into_iter().map(|by| ActivityEffect::Slow { by }).collect()
        }
        ActivityEffect::AnswerLate { by } => {
            shorter(*by).into_iter().map(|by| ActivityEffect::AnswerLate { by }).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_local_activity_effects(effect: &LocalActivityEffect) -> Vec<LocalActivityEffect> {
    match effect {
        LocalActivityEffect::Fail(failure) => {
            simpler_failure(failure).map(LocalActivityEffect::Fail).collect()
        }
        LocalActivityEffect::FailAfterwards(failure) => {
            simpler_failure(failure).map(LocalActivityEffect::FailAfterwards).collect()
        }
        LocalActivityEffect::Slow { by } => {
            shorter(*by).into_iter().map(|by| LocalActivityEffect::Slow { by }).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_call_effects(effect: CallEffect) -> Vec<CallEffect> {
    match effect {
        CallEffect::Delay { by } => shorter(by).into_iter().map(|by| CallEffect::Delay { by }).collect(),
        CallEffect::Repeat { after } => {
            earlier(after).into_iter().map(|after| CallEffect::Repeat { after }).collect()
        }
        CallEffect::Overtaken { by } => {
            shorter(by).into_iter().map(|by| CallEffect::Overtaken { by }).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_failure(failure: &AttemptFailure) -> impl Iterator<Item = AttemptFailure> {
    let plain = unavailable();
    (plain != *failure).then_some(plain).into_iter()
}

fn simpler_outages(outage: &Outage) -> Vec<Outage> {
    let mut simpler = Vec::new();
    simpler.extend(outage.recovery.map(|_| Outage { recovery: None, ..outage.clone() }));
    simpler.extend(earlier(outage.from).into_iter().map(|from| Outage { from, ..outage.clone() }));
    let lasts = outage.until.saturating_sub(outage.from);
    let ends = shorter(lasts).into_iter().map(|lasts| outage.from.saturating_add(lasts));
    simpler.extend(ends.map(|until| Outage { until, ..outage.clone() }));
    simpler.extend(simpler_failure(&outage.failure).map(|failure| Outage { failure, ..outage.clone() }));
    if let Some(recovery) = outage.recovery {
        let with = |recovery: Recovery| Outage { recovery: Some(recovery), ..outage.clone() };
        simpler.extend(recovery.per_second.map(|_| with(Recovery { per_second: None, ..recovery })));
        let all = (recovery.error_percent != 100).then_some(Recovery { error_percent: 100, ..recovery });
        simpler.extend(all.map(with));
    }
    simpler
}

/// Times before this one that are simpler, the earliest first.
fn earlier(time: Duration) -> Vec<Duration> {
    let mut times = vec![Duration::ZERO];
    times.extend(rounder(time));
    times.retain(|it| *it < time);
    times
}

/// Durations that are simpler and not nothing, the simplest first: a second, less and less of it, whole seconds.
fn shorter(duration: Duration) -> Vec<Duration> {
    let second = Duration::from_secs(1);
    if duration == second || duration.is_zero() {
        return Vec::new();
    }
    let mut durations = vec![second];
    durations.extend(rounder(duration).into_iter().filter(|it| *it > second && *it < duration));
    durations
}

/// Half of it, and all of it, in whole hours, minutes, or seconds.
fn rounder(duration: Duration) -> [Duration; 4] {
    let whole = |unit: u64, seconds: u64| Duration::from_secs(seconds - seconds % unit);
    let seconds = duration.as_secs();
    [whole(1, seconds / 2), whole(3600, seconds), whole(60, seconds), whole(1, seconds)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        faults::{StalledQueue, WorkflowTaskEffect},
        rng::Seed,
        schedule::{Candidate, Lane, Scheduler},
    };

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The smallest plan that still breaks something that never chooses.
    fn smallest(plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
        assert!(fails(&plan));
        let mut search = Simplifier::new(plan, 1000, |plan: &Plan| fails(plan).then(Deviations::default));
        search.run();
        assert!(search.runs > 0, "it came to its end");
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

    #[test]
    fn a_random_schedule_becomes_the_choices_that_it_takes() {
        let broken: Vec<_> = {
            let deviations =
                chooses(&Plan::default().scheduled(Schedule::Random), &[]).expect("nothing is asked of it");
            let last = deviations.choices.iter().filter(|(_, choice)| choice.chosen == 2);
            last.map(|(number, _)| *number as usize).take(2).collect()
        };
        let plan = Plan::new([Fault::eviction(0, seconds(1))]).scheduled(Schedule::Random);
        let mut search = Simplifier::new(plan, 500, |plan: &Plan| chooses(plan, &broken));
        search.run();
        let choices = broken.iter().map(|choice| (*choice as u32, 2));
        assert_eq!(search.plan, Plan::default().scheduled(Schedule::choices(choices)));
    }

    #[test]
    fn a_schedule_that_has_nothing_to_do_with_it_is_left_out() {
        let plan = Plan::default().scheduled(Schedule::pct(3));
        let mut search = Simplifier::new(plan, 500, |plan: &Plan| chooses(plan, &[]));
        search.run();
        assert_eq!(search.plan, Plan::default());
    }

    #[test]
    fn a_search_keeps_to_its_runs() {
        let plan = Plan::new((0..50).map(|second| Fault::eviction(0, seconds(second))));
        for runs in [0, 1, 10] {
            let mut tried = 0;
            let mut search = Simplifier::new(plan.clone(), runs, |_: &Plan| {
                tried += 1;
                None
            });
            search.run();
            assert_eq!(search.plan, plan);
            assert_eq!(tried, runs);
        }
    }
}
