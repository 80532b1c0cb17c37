//! Plans of faults.

use std::time::Duration;

use proptest::{collection, prelude::*, sample::select, strategy::Union};

use super::instants;
use crate::{
    Worker,
    faults::{
        ActivityEffect, CallEffect, CallError, Fault, Outage, Plan, Recovery, StalledQueue, When,
        WorkflowTaskEffect,
    },
    policy::AttemptFailure,
    schedule::Schedule,
};

/// What faults may be about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The activity types whose attempts may go wrong.
    pub activity_types: Vec<String>,
    /// The workflow types whose workflow tasks may go wrong.
    pub workflow_types: Vec<String>,
    /// How many workers there are that may crash.
    pub workers: usize,
    /// Within which time, from the start, something may go wrong. Default: nothing does that needs a time.
    pub horizon: Duration,
    /// How many faults there are at most.
    pub most: usize,
    /// Points in time and lengths of time near which something changes: timeouts, deadlines. Faults come, last and delay
    /// until just then, just before and just after.
    pub near: Vec<Duration>,
    /// Whether half of the plans have a [schedule](crate::schedule::Schedule) too, so that what happens at the same instant
    /// does not always happen first in, first out. Default `false`.
    pub schedules: bool,
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

    /// The same with so many faults at most.
    #[must_use]
    pub fn at_most(mut self, faults: usize) -> Self {
        self.most = faults;
        self
    }
}

/// Plans of faults. They shrink to fewer faults, and these to ones that happen once and last whole seconds.
pub fn fault_plans(scope: &Scope) -> impl Strategy<Value = Plan> + Clone + use<> {
    let time = instants(scope.horizon, &scope.near).boxed();
    let lasts = lengths(60, 3600, &scope.near);
    let mut kinds: Vec<(u32, BoxedStrategy<Fault>)> = Vec::new();
    if !scope.activity_types.is_empty() {
        let types = select(scope.activity_types.clone());
        kinds.push((
            6,
            (types.clone(), moments(), activity_effects(lengths(120, 120, &scope.near)))
                .prop_map(|(activity_type, when, effect)| Fault::activity(activity_type, when, effect))
                .boxed(),
        ));
        let recovery = (0..=3600_u64, 0..=100_u8);
        let outage = (types, time.clone(), lasts.clone(), proptest::option::weighted(0.3, recovery));
        kinds.push((
            1,
            outage
                .prop_map(|(activity_type, from, lasts, recovery)| {
                    let until = from + lasts;
                    let outage = Outage::new(activity_type, from, until);
                    Fault::from(match recovery {
                        None => outage,
                        Some((seconds, error_percent)) => outage.recovering(Recovery {
                            until: until + Duration::from_secs(seconds),
                            error_percent,
                            per_second: None,
                        }),
                    })
                })
                .boxed(),
        ));
    }
    if !scope.workflow_types.is_empty() {
        let effect = prop_oneof![Just(WorkflowTaskEffect::Lose), Just(WorkflowTaskEffect::Fail)];
        kinds.push((
            2,
            (select(scope.workflow_types.clone()), moments(), effect)
                .prop_map(|(workflow_type, when, effect)| Fault::workflow_task(workflow_type, when, effect))
                .boxed(),
        ));
    }
    if scope.workers > 0 {
        let queue = select(vec![StalledQueue::Sticky, StalledQueue::Workflow, StalledQueue::Activity]);
        kinds.push((
            1,
            (0..scope.workers, queue, time.clone(), lasts.clone())
                .prop_map(|(worker, queue, at, lasts)| Fault::stall(worker, queue, at, lasts))
                .boxed(),
        ));
        kinds.push((
            2,
            (0..scope.workers, time.clone(), lasts)
                .prop_map(|(worker, at, lasts)| Fault::worker_down(worker, at, lasts))
                .boxed(),
        ));
        kinds
            .push((1, (0..scope.workers, time).prop_map(|(worker, at)| Fault::eviction(worker, at)).boxed()));
    }
    kinds.push((
        2,
        (select(CALLS.to_vec()), moments(), call_effects())
            .prop_map(|(rpc, when, effect)| Fault::call(rpc, when, effect))
            .boxed(),
    ));
    let schedules = if scope.schedules { schedules().boxed() } else { Just(None).boxed() };
    (collection::vec(Union::new_weighted(kinds), 0..=scope.most), schedules)
        .prop_map(|(faults, schedule)| Plan { schedule, ..Plan::new(faults) })
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
const CALLS: [&str; 6] = [
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondWorkflowTaskCompleted",
    "RecordActivityTaskHeartbeat",
    "SignalWorkflowExecution",
    "StartWorkflowExecution",
];

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

fn activity_effects(by: BoxedStrategy<Duration>) -> impl Strategy<Value = ActivityEffect> + Clone {
    prop_oneof![
        Just(ActivityEffect::LoseAnswer),
        Just(ActivityEffect::Fail(unavailable())),
        Just(ActivityEffect::FailAfterwards(unavailable())),
        by.clone().prop_map(|by| ActivityEffect::Slow { by }),
        Just(ActivityEffect::Hang),
        Just(ActivityEffect::LoseHeartbeats),
        by.prop_map(|by| ActivityEffect::AnswerLate { by }),
        Just(ActivityEffect::AnswerTwice),
    ]
}

/// What passes: a failure that forbids a retry is what an activity means, and no fault.
fn unavailable() -> AttemptFailure {
    AttemptFailure { error_type: "Unavailable".to_owned(), ..Default::default() }
}

fn call_effects() -> impl Strategy<Value = CallEffect> + Clone {
    let error = prop_oneof![
        Just(CallError::Unavailable),
        Just(CallError::ResourceExhausted),
        Just(CallError::DeadlineExceeded),
    ];
    prop_oneof![
        error.clone().prop_map(CallEffect::Refuse),
        error.prop_map(CallEffect::LoseAnswer),
        (1..=30_u64).prop_map(|by| CallEffect::Delay { by: Duration::from_secs(by) }),
        Just(CallEffect::Twice),
    ]
}
