//! Failures shrink to what a person would write.

use std::{fmt, time::Duration};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

use super::*;
use crate::{
    faults::{ActivityEffect, Fault, Plan},
    policy::{Model, text},
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

#[test]
fn plans_shrink_to_no_faults_and_faults_to_whole_seconds() {
    let scope = Scope {
        activity_types: vec!["charge".to_owned()],
        workflow_types: vec!["Order".to_owned()],
        workers: 1,
        horizon: seconds(600),
        most: 4,
        near: vec![seconds(10)],
        schedules: false,
    };
    assert_eq!(smallest(fault_plans(&scope), |_| true), Plan::default());
    let is_late = |fault: &Fault| {
        matches!(fault, Fault::Activity(fault)
            if matches!(fault.effect, ActivityEffect::AnswerLate { by } if by >= seconds(10)))
    };
    let plan = smallest(fault_plans(&scope), |plan| plan.faults.iter().any(is_late));
    let [fault @ Fault::Activity(late)] = &plan.faults[..] else { panic!("{plan}") };
    assert!(is_late(fault));
    assert_eq!(late.when, Default::default(), "{plan}");
    let ActivityEffect::AnswerLate { by } = late.effect else { panic!("{plan}") };
    assert_eq!(text(by), "10s");
}
