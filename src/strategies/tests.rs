//! Failures shrink to what a person would write.

use std::{collections::BTreeSet, fmt, time::Duration};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use serde_json::Value;

use super::*;
use crate::{
    faults::{
        ActivityEffect, CallEffect, CallError, Fault, LocalActivityEffect, Outage, Plan, StalledQueue, When,
        WorkflowTaskEffect,
    },
    policy::{AttemptFailure, Model},
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The smallest value of which this is true.
fn smallest<T: fmt::Debug + Clone>(strategy: impl Strategy<Value = T>, is_so: impl Fn(&T) -> bool) -> T {
    let config = Config { failure_persistence: None, cases: 10_000, ..Config::default() };
    let found = TestRunner::new(config)
        .run(&strategy, |value| if is_so(&value) { Err(TestCaseError::fail("it is so")) } else { Ok(()) });
    match found {
        Err(TestError::Fail(_, smallest)) => smallest,
        other => panic!("the strategy has no such value: {other:?}"),
    }
}

/// How many of a thousand values this is true of.
fn share<T: fmt::Debug>(strategy: impl Strategy<Value = T>, is_so: impl Fn(&T) -> bool) -> usize {
    let mut runner = TestRunner::deterministic();
    let draw = |_| strategy.new_tree(&mut runner).expect("a value").current();
    (0..1000).map(draw).filter(is_so).count()
}

#[test]
fn durations_shrink_to_whole_seconds() {
    assert_eq!(smallest(durations(), |it| *it > seconds(3)), seconds(4));
    assert_eq!(smallest(delays(), |it| !it.is_zero()), seconds(1));
}

#[test]
fn options_and_scripts_shrink_to_few_attempts_and_nothing_set_that_need_not_be() {
    let times_out = |(options, script): &(crate::policy::ActivityOptions, Vec<_>)| {
        let prediction = Model::new(options.clone()).predict(script);
        prediction
            .is_ok_and(|prediction| prediction.attempts.len() >= 2 && prediction.timeout_type().is_some())
    };
    let (options, script) = smallest((activity_options(), scripts(5)), times_out);
    assert!(script.len() <= 2, "{script:?}");
    assert_eq!(options.heartbeat_timeout, None);
    let timeouts = [options.start_to_close_timeout, options.schedule_to_close_timeout];
    assert!(timeouts.iter().flatten().all(|it| *it <= seconds(8)), "{options:?}");
    // Less than a second is for where a second would not do.
    for timeout in timeouts.iter().flatten().filter(|it| it.subsec_nanos() != 0) {
        let rounded = |it: Option<Duration>| if it == Some(*timeout) { Some(seconds(1)) } else { it };
        let simpler = crate::policy::ActivityOptions {
            start_to_close_timeout: rounded(options.start_to_close_timeout),
            schedule_to_close_timeout: rounded(options.schedule_to_close_timeout),
            ..options.clone()
        };
        assert!(!times_out(&(simpler, script.clone())), "{options:?}");
    }
}

#[test]
fn call_sequences_shrink_to_the_calls_that_it_takes() {
    let calls = call_sequences(0..100_u32, instants(seconds(600), &[seconds(60)]), 20);
    let sums_up = |calls: &CallSequence<u32>| calls.calls().sum::<u32>() > 150;
    let smallest = smallest(calls, sums_up);
    // One call at a time is left out or made smaller.
    assert!(smallest.0.len() <= 3, "{smallest:?}");
    assert_eq!(smallest.calls().sum::<u32>(), 151);
    assert!(smallest.0.iter().all(|timed| timed.at.subsec_nanos() == 0), "{smallest:?}");
}

#[test]
fn arrivals_shrink_to_few_at_once_or_a_second_apart() {
    let smallest = smallest(arrivals(seconds(3600), 50), |it| it.len() >= 3);
    assert!([[0, 0, 0], [0, 1, 2]].iter().any(|it| smallest == it.map(seconds)), "{smallest:?}");
}

#[test]
fn arrivals_come_in_bursts_and_with_lulls_and_in_order() {
    let times = || arrivals(seconds(3600), 50);
    let is_burst = |it: &Vec<Duration>| it.windows(3).any(|three| three[0] == three[2]);
    let has_lull = |it: &Vec<Duration>| it.windows(2).any(|two| two[1] - two[0] >= seconds(900));
    assert!(share(times(), is_burst) > 100);
    assert!(share(times(), has_lull) > 50);
    assert!(share(times(), |it| it.iter().any(|at| at.subsec_nanos() != 0)) > 100, "at random");
    assert_eq!(
        share(times(), |it| it.is_sorted() && it.iter().all(|at| *at <= seconds(3600)) && it.len() <= 50),
        1000
    );
}

#[test]
fn boundaries_are_sought() {
    let near = || instants(seconds(3600), &[seconds(60)]);
    assert!(share(near(), |it| *it == seconds(60)) > 50);
    assert!(share(near(), |it| *it == seconds(60) - Duration::from_nanos(1)) > 50);
    assert!(share(near(), |it| *it == seconds(60) + Duration::from_millis(1)) > 50);
    assert!(share(instants(seconds(3600), &[]), |it| it.subsec_nanos() != 0) == 0);
}

fn scope() -> Scope {
    Scope {
        activity_types: vec!["charge".to_owned()],
        workflow_types: vec!["Order".to_owned()],
        workers: 1,
        horizon: seconds(600),
        most: 4,
        near: vec![seconds(10)],
        ..Scope::default()
    }
}

/// The smallest plan with such a fault has no other one. Answers the fault.
fn smallest_fault(is_so: impl Fn(&Fault) -> bool) -> Fault {
    let plan = smallest(fault_plans(&scope()), |plan| plan.faults.iter().any(&is_so));
    let [fault] = plan.faults.as_slice() else { panic!("{plan}") };
    assert!(is_so(fault));
    fault.clone()
}

#[test]
fn plans_shrink_to_no_faults_and_faults_to_whole_seconds() {
    assert_eq!(smallest(fault_plans(&scope()), |_| true), Plan::default());
    let late = smallest_fault(|fault| {
        matches!(fault, Fault::Activity(fault)
            if matches!(fault.effect, ActivityEffect::AnswerLate { by } if by >= seconds(10)))
    });
    let by = ActivityEffect::AnswerLate { by: seconds(10) };
    assert_eq!(late, Fault::activity("charge", When::once(), by));
}

#[test]
fn clock_steps_local_activities_and_calls_that_are_made_again_shrink_to_what_a_person_would_write() {
    let is_step = |fault: &Fault| matches!(fault, Fault::ClockStep(step) if step.by > seconds(30));
    assert_eq!(smallest_fault(is_step), Fault::clock_step(seconds(0), seconds(31)));
    let is_slow = |fault: &Fault| {
        matches!(fault, Fault::LocalActivity(fault)
            if matches!(fault.effect, LocalActivityEffect::Slow { by } if by > seconds(5)))
    };
    let by = LocalActivityEffect::Slow { by: seconds(6) };
    assert_eq!(smallest_fault(is_slow), Fault::local_activity("charge", When::once(), by));
    let effect = |fault: &Fault| match fault {
        Fault::Call(fault) => Some(fault.effect),
        _ => None,
    };
    let again = smallest_fault(|it| matches!(effect(it), Some(CallEffect::Repeat { .. })));
    let after = CallEffect::Repeat { after: seconds(1) };
    assert_eq!(again, Fault::call("SignalWorkflowExecution", When::once(), after));
    let overtaken = smallest_fault(|it| matches!(effect(it), Some(CallEffect::Overtaken { .. })));
    let by = CallEffect::Overtaken { by: seconds(1) };
    assert_eq!(overtaken, Fault::call("SignalWorkflowExecution", When::once(), by));
}

/// Every fault that there is.
fn all() -> Vec<Fault> {
    let failure = AttemptFailure::default;
    let (by, error) = (seconds(1), CallError::Unavailable);
    let activity = |effect| Fault::activity("charge", When::once(), effect);
    let local = |effect| Fault::local_activity("charge", When::once(), effect);
    let call = |effect| Fault::call("StartWorkflowExecution", When::once(), effect);
    vec![
        activity(ActivityEffect::Fail(failure())),
        activity(ActivityEffect::FailAfterwards(failure())),
        activity(ActivityEffect::Slow { by }),
        activity(ActivityEffect::Hang),
        activity(ActivityEffect::LoseHeartbeats),
        activity(ActivityEffect::LoseAnswer),
        activity(ActivityEffect::AnswerLate { by }),
        activity(ActivityEffect::AnswerTwice),
        local(LocalActivityEffect::Fail(failure())),
        local(LocalActivityEffect::FailAfterwards(failure())),
        local(LocalActivityEffect::Slow { by }),
        local(LocalActivityEffect::Hang),
        local(LocalActivityEffect::LoseWorker),
        Outage::new("charge", seconds(0), by).into(),
        Fault::worker_down(0, seconds(0), by),
        Fault::eviction(0, seconds(0)),
        Fault::stall(0, StalledQueue::Sticky, seconds(0), by),
        Fault::clock_step(seconds(0), by),
        Fault::workflow_task("Order", When::once(), WorkflowTaskEffect::Lose),
        Fault::workflow_task("Order", When::once(), WorkflowTaskEffect::Fail),
        call(CallEffect::Refuse(error)),
        call(CallEffect::LoseAnswer(error)),
        call(CallEffect::Delay { by }),
        call(CallEffect::Twice),
        call(CallEffect::Repeat { after: by }),
        call(CallEffect::Overtaken { by }),
    ]
}

/// The name that coverage has for a fault. Whoever adds one adds it to [`all`], too: the compiler says so.
fn name(fault: &Fault) -> String {
    match fault {
        Fault::Activity(_)
        | Fault::Outage(_)
        | Fault::WorkerDown(_)
        | Fault::Eviction(_)
        | Fault::WorkflowTask(_)
        | Fault::Call(_)
        | Fault::LocalActivity(_)
        | Fault::Stall(_)
        | Fault::ClockStep(_) => fault.name(),
    }
}

fn all_names() -> BTreeSet<String> {
    all().iter().map(name).collect()
}

/// What so many plans have.
fn drawn(scope: &Scope) -> BTreeSet<String> {
    let mut runner = TestRunner::deterministic();
    let plans = fault_plans(scope);
    let mut draw = || plans.new_tree(&mut runner).expect("a plan").current();
    (0..2000).flat_map(|_| draw().faults).map(|fault| fault.name()).collect()
}

#[test]
fn faults_are_named_as_json_spells_them() {
    for fault in all() {
        let json = serde_json::to_value(&fault).expect("a fault is JSON");
        let (kind, fields) = json.as_object().and_then(|json| json.iter().next()).expect("its kind");
        let effect = match fields.get("effect") {
            Some(Value::Object(effect)) => effect.keys().next().cloned(),
            effect => effect.and_then(Value::as_str).map(str::to_owned),
        };
        let name = effect.map_or_else(|| kind.clone(), |effect| format!("{kind} {effect}"));
        assert_eq!((fault.kind(), fault.name()), (kind.as_str(), name));
    }
}

#[test]
fn every_fault_that_there_is_is_drawn() {
    assert_eq!(drawn(&scope()), all_names());
}

#[test]
fn what_is_left_out_is_not_drawn() {
    let without = drawn(&scope().without(["clock_step", "activity", "call repeat"]));
    let expected = all_names()
        .into_iter()
        .filter(|name| name != "clock_step" && !name.starts_with("activity ") && name != "call repeat");
    assert_eq!(without, expected.collect());
    let nothing = Scope { most: 4, ..Scope::default() }.without(["call"]);
    assert_eq!(share(fault_plans(&nothing), |plan| *plan == Plan::default()), 1000);
}

#[test]
#[should_panic(
    expected = "no fault is called \"clock_steps\"; these can be left out: activity, activity answer_late,"
)]
fn what_is_no_fault_cannot_be_left_out() {
    let _ = fault_plans(&scope().without(["clock_steps"]));
}
