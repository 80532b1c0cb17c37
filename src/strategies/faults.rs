//! Plans of faults.

use std::{collections::BTreeSet, time::Duration};

use proptest::{collection, prelude::*, sample::select, strategy::Union};

use super::instants;
use crate::{
    Worker,
    faults::{
        ActivityEffect, ActivityFault, CallEffect, CallError, Fault, LocalActivityEffect, LocalActivityFault,
        Outage, Plan, Recovery, StalledQueue, When, WorkflowTaskEffect, WorkflowTaskFault, unavailable,
    },
    schedule::Schedule,
};

/// What faults may be about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The activity types whose attempts may go wrong, whether workflows have them run as activities or as local ones.
    pub activity_types: Vec<String>,
    /// The workflow types whose workflow tasks may go wrong.
    pub workflow_types: Vec<String>,
    /// How many workers there are that may crash.
    pub workers: usize,
    /// Within which time, from the start, something may go wrong. Default: only at the very start.
    pub horizon: Duration,
    /// How many faults there are at most.
    pub most: usize,
    /// Points in time and lengths of time near which something changes: timeouts, deadlines. Faults come, last and delay
    /// until just then, just before and just after.
    pub near: Vec<Duration>,
    /// Whether half of the plans have a [schedule](crate::schedule::Schedule) too, so that what happens at the same instant
    /// does not always happen first in, first out. Default `false`.
    pub schedules: bool,
    /// What is not drawn: kinds of faults like `clock_step` and `call`, or what they do, like `call repeat`.
    pub left_out: BTreeSet<String>,
}

impl Scope {
    /// Up to four faults in an hour, with whatever these workers have.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Worker>) -> Self {
        let mut scope = Self { horizon: Duration::from_secs(3600), most: 4, ..Self::default() };
        for worker in workers {
            scope.workers += 1;
            scope.activity_types.extend(worker.activity_types().map(str::to_owned));
            scope.workflow_types.extend(worker.workflow_types().map(str::to_owned));
        }
        scope
    }

    /// The same within another time.
    #[must_use]
    pub fn within(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    /// The same with faults that come, last and delay until just then, just before and just after.
    #[must_use]
    pub fn near(mut self, times: impl IntoIterator<Item = Duration>) -> Self {
        self.near.extend(times);
        self
    }

    /// The same with schedules: half of the plans have one, drawn from the seed.
    #[must_use]
    pub fn scheduled(mut self) -> Self {
        self.schedules = true;
        self
    }

    /// The same without some faults, for a test that cannot take them: kinds of faults like `clock_step` and `call`, or what
    /// they do, like `call repeat`. The names are those of [`Coverage`](crate::sweep::Coverage).
    #[must_use]
    pub fn without<'a>(mut self, faults: impl IntoIterator<Item = &'a str>) -> Self {
        self.left_out.extend(faults.into_iter().map(str::to_owned));
        self
    }

    /// The same with so many faults at most.
    #[must_use]
    pub fn at_most(mut self, faults: usize) -> Self {
        self.most = faults;
        self
    }
}

/// Plans of faults of every kind that there is. They shrink to fewer faults, and these to ones that happen once and last
/// whole seconds.
///
/// # Panics
///
/// If the scope [leaves out](Scope::without) something that is no fault.
pub fn fault_plans(scope: &Scope) -> impl Strategy<Value = Plan> + Clone + use<> {
    let mut kinds = Kinds { left_out: &scope.left_out, known: BTreeSet::new(), kinds: Vec::new() };
    kinds.of_activities(scope);
    kinds.of_workflow_tasks(scope);
    kinds.of_workers(scope);
    kinds.of_calls();
    kinds.of_time(scope);
    let faults = match kinds.union() {
        Some(fault) => collection::vec(fault, 0..=scope.most).boxed(),
        None => Just(Vec::new()).boxed(),
    };
    let schedules = if scope.schedules { schedules().boxed() } else { Just(None).boxed() };
    (faults, schedules).prop_map(|(faults, schedule)| Plan { schedule, ..Plan::new(faults) })
}

/// The faults that a plan may have. What comes first is what others shrink to.
struct Kinds<'a> {
    left_out: &'a BTreeSet<String>,
    /// The names of all, also of those that are left out.
    known: BTreeSet<&'static str>,
    /// With how often they are drawn.
    kinds: Vec<(u32, BoxedStrategy<Fault>)>,
}

impl Kinds<'_> {
    fn of_activities(&mut self, scope: &Scope) {
        let (types, by) = (one_of(&scope.activity_types), lengths(120, 120, &scope.near));
        let attempts = |effect: BoxedStrategy<ActivityEffect>| {
            (types.clone(), moments(), effect).prop_map(|(activity_type, when, effect)| {
                Fault::Activity(ActivityFault { activity_type, when, effect })
            })
        };
        // All failures are ones that pass: one that forbids a retry is what an activity means, and no fault.
        let always = |effect| attempts(Just(effect).boxed());
        let slow = by.clone().prop_map(|by| ActivityEffect::Slow { by }).boxed();
        let late = by.clone().prop_map(|by| ActivityEffect::AnswerLate { by }).boxed();
        let is_there = !scope.activity_types.is_empty();
        self.add(is_there, 3, "activity lose_answer", always(ActivityEffect::LoseAnswer));
        self.add(is_there, 3, "activity fail", always(ActivityEffect::Fail(unavailable())));
        let fail_afterwards = ActivityEffect::FailAfterwards(unavailable());
        self.add(is_there, 3, "activity fail_afterwards", always(fail_afterwards));
        self.add(is_there, 3, "activity slow", attempts(slow));
        self.add(is_there, 3, "activity hang", always(ActivityEffect::Hang));
        self.add(is_there, 3, "activity lose_heartbeats", always(ActivityEffect::LoseHeartbeats));
        self.add(is_there, 3, "activity answer_late", attempts(late));
        self.add(is_there, 3, "activity answer_twice", always(ActivityEffect::AnswerTwice));

        let attempts = |effect: BoxedStrategy<LocalActivityEffect>| {
            (types.clone(), moments(), effect).prop_map(|(activity_type, when, effect)| {
                Fault::LocalActivity(LocalActivityFault { activity_type, when, effect })
            })
        };
        let always = |effect| attempts(Just(effect).boxed());
        let slow = by.prop_map(|by| LocalActivityEffect::Slow { by }).boxed();
        self.add(is_there, 1, "local_activity lose_worker", always(LocalActivityEffect::LoseWorker));
        self.add(is_there, 1, "local_activity fail", always(LocalActivityEffect::Fail(unavailable())));
        let fail_afterwards = LocalActivityEffect::FailAfterwards(unavailable());
        self.add(is_there, 1, "local_activity fail_afterwards", always(fail_afterwards));
        self.add(is_there, 1, "local_activity slow", attempts(slow));
        self.add(is_there, 1, "local_activity hang", always(LocalActivityEffect::Hang));

        let recovery = proptest::option::weighted(0.3, (0..=3600_u64, 0..=100_u8));
        let outage = (types, times(scope), lengths(60, 3600, &scope.near), recovery);
        let outage = outage.prop_map(|(activity_type, from, lasts, recovery)| {
            let until = from + lasts;
            let outage = Outage::new(activity_type.unwrap_or_default(), from, until);
            Fault::from(match recovery {
                None => outage,
                Some((seconds, error_percent)) => outage.recovering(Recovery {
                    until: until + Duration::from_secs(seconds),
                    error_percent,
                    per_second: None,
                }),
            })
        });
        self.add(is_there, 4, "outage", outage);
    }

    fn of_workflow_tasks(&mut self, scope: &Scope) {
        let types = one_of(&scope.workflow_types);
        let tasks = |effect| {
            (types.clone(), moments()).prop_map(move |(workflow_type, when)| {
                Fault::WorkflowTask(WorkflowTaskFault { workflow_type, when, effect })
            })
        };
        let is_there = !scope.workflow_types.is_empty();
        self.add(is_there, 4, "workflow_task lose", tasks(WorkflowTaskEffect::Lose));
        self.add(is_there, 4, "workflow_task fail", tasks(WorkflowTaskEffect::Fail));
    }

    fn of_workers(&mut self, scope: &Scope) {
        let is_there = scope.workers > 0;
        let (worker, at) = (0..scope.workers.max(1), times(scope));
        let lasts = lengths(60, 3600, &scope.near);
        let queue = select(vec![StalledQueue::Sticky, StalledQueue::Workflow, StalledQueue::Activity]);
        let stall = (worker.clone(), queue, at.clone(), lasts.clone());
        let stall = stall.prop_map(|(worker, queue, at, lasts)| Fault::stall(worker, queue, at, lasts));
        let down = (worker.clone(), at.clone(), lasts);
        let down = down.prop_map(|(worker, at, lasts)| Fault::worker_down(worker, at, lasts));
        let eviction = (worker, at).prop_map(|(worker, at)| Fault::eviction(worker, at));
        self.add(is_there, 4, "stall", stall);
        self.add(is_there, 8, "worker_down", down);
        self.add(is_there, 4, "eviction", eviction);
    }

    fn of_calls(&mut self) {
        let error = prop_oneof![
            Just(CallError::Unavailable),
            Just(CallError::ResourceExhausted),
            Just(CallError::DeadlineExceeded),
        ];
        let calls = |rpcs: &[&'static str], effect: BoxedStrategy<CallEffect>| {
            (select(rpcs.to_vec()), moments(), effect)
                .prop_map(|(rpc, when, effect)| Fault::call(rpc, when, effect))
        };
        let any = [CALLS_OF_WORKERS, CALLS_OF_CLIENTS].concat();
        let seconds = (1..=30_u64).prop_map(Duration::from_secs);
        let refuse = error.clone().prop_map(CallEffect::Refuse).boxed();
        self.add(true, 2, "call refuse", calls(&any, refuse));
        let lose_answer = error.prop_map(CallEffect::LoseAnswer).boxed();
        self.add(true, 2, "call lose_answer", calls(&any, lose_answer));
        let delay = seconds.clone().prop_map(|by| CallEffect::Delay { by }).boxed();
        self.add(true, 2, "call delay", calls(&any, delay));
        self.add(true, 2, "call twice", calls(&any, Just(CallEffect::Twice).boxed()));
        // A worker never does again what it does not know to have failed.
        let repeat = seconds.clone().prop_map(|after| CallEffect::Repeat { after }).boxed();
        self.add(true, 2, "call repeat", calls(CALLS_OF_CLIENTS, repeat));
        let overtaken = seconds.prop_map(|by| CallEffect::Overtaken { by }).boxed();
        self.add(true, 2, "call overtaken", calls(CALLS_OF_CLIENTS, overtaken));
    }

    fn of_time(&mut self, scope: &Scope) {
        let by = lengths(60, 3600, &scope.near).prop_map(|by| by.min(FARTHEST_STEP));
        let step = (times(scope), by).prop_map(|(at, by)| Fault::clock_step(at, by));
        self.add(!scope.horizon.is_zero(), 2, "clock_step", step);
    }

    /// One more that may be drawn, if there is something that it can be about and it is not left out.
    fn add(
        &mut self,
        is_there: bool,
        weight: u32,
        name: &'static str,
        faults: impl Strategy<Value = Fault> + 'static,
    ) {
        let kind = name.split(' ').next().unwrap_or(name);
        self.known.extend([kind, name]);
        if is_there && !self.left_out.contains(kind) && !self.left_out.contains(name) {
            self.kinds.push((weight, faults.boxed()));
        }
    }

    /// Any of them; `None` if there is none.
    fn union(self) -> Option<Union<BoxedStrategy<Fault>>> {
        for name in self.left_out {
            assert!(
                self.known.contains(name.as_str()),
                "no fault is called {name:?}; these can be left out: {}",
                self.known.iter().copied().collect::<Vec<_>>().join(", ")
            );
        }
        (!self.kinds.is_empty()).then(|| Union::new_weighted(self.kinds))
    }
}

/// One of the names; none if there is none.
fn one_of(names: &[String]) -> BoxedStrategy<Option<String>> {
    if names.is_empty() { Just(None).boxed() } else { select(names.to_vec()).prop_map(Some).boxed() }
}

/// When something happens.
fn times(scope: &Scope) -> BoxedStrategy<Duration> {
    instants(scope.horizon, &scope.near).boxed()
}

/// Mostly first in, first out.
fn schedules() -> impl Strategy<Value = Option<Schedule>> + Clone {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Schedule::Random)),
        1 => (1..=4_u32).prop_map(|depth| Some(Schedule::pct(depth))),
    ]
}

/// The calls that most workflows need.
const CALLS_OF_WORKERS: &[&str] = &[
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondWorkflowTaskCompleted",
    "RecordActivityTaskHeartbeat",
];
const CALLS_OF_CLIENTS: &[&str] =
    &["SignalWorkflowExecution", "StartWorkflowExecution", "UpdateWorkflowExecution"];

/// How far the clock steps at most.
const FARTHEST_STEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Which of the things that come along: mostly one.
fn moments() -> impl Strategy<Value = When> + Clone {
    prop_oneof![
        4 => (1..=4_u32).prop_map(When::nth),
        1 => (1..=5_u32).prop_map(When::first),
    ]
}

/// How long something lasts: seconds up to `often`, sometimes up to `at_most`, and like the lengths near which something
/// changes.
fn lengths(often: u64, at_most: u64, near: &[Duration]) -> BoxedStrategy<Duration> {
    let seconds = prop_oneof![
        3 => (1..=often).prop_map(Duration::from_secs),
        1 => (1..=at_most).prop_map(Duration::from_secs),
    ];
    if near.is_empty() {
        return seconds.boxed();
    }
    prop_oneof![seconds, instants(Duration::ZERO, near)].boxed()
}
