//! Regressions as data, and how plans get smaller. Sweeps are tested with whole simulations.

use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::{
    faults::{ActivityEffect, Fault, When},
    schedule::Schedule,
    simulation::{EndedRun, Listener as _},
};

#[test]
fn a_regression_is_read_as_it_was_written() {
    let plan = Plan::new([
        Fault::activity("charge", When::nth(2), ActivityEffect::LoseAnswer),
        Fault::eviction(0, Duration::from_secs(90)),
    ]);
    let regression = Regression::new(17, plan);
    assert_snapshot!(regression.to_json(), @r#"
    {
      "seed": 17,
      "faults": [
        {"activity":{"type":"charge","when":{"skip":1},"effect":"lose_answer"}},
        {"eviction":{"worker":0,"at":"1m 30s"}}
      ]
    }
    "#);
    assert_eq!(Regression::from_json(&regression.to_json()).expect("what was written"), regression);
    let scheduled = Plan::default().scheduled(Schedule::choices([(3, 1)])).ending(Duration::from_secs(60));
    let without = Regression::new(1, scheduled).with_input(serde_json::json!({ "cents": 3 }));
    assert_snapshot!(without.to_json(), @r#"
    {
      "seed": 1,
      "input": {"cents":3},
      "schedule": {"choices":{"3":1}},
      "until": "1m",
      "faults": []
    }
    "#);
    assert_eq!(Regression::from_json(&without.to_json()).expect("what was written"), without);
    assert!(Regression::from_json("{}").is_err());
}

#[test]
fn the_smallest_plan_has_what_it_takes_and_nothing_else() {
    let scope = crate::strategies::Scope {
        activity_types: vec!["charge".to_owned(), "ship".to_owned()],
        workflow_types: vec!["Order".to_owned()],
        workers: 2,
        horizon: Duration::from_secs(3600),
        most: 8,
        ..Default::default()
    };
    let (plans, inputs) = (crate::strategies::fault_plans(&scope).boxed(), (0..1000_u32).boxed());
    // Two workers that are down at the same time break it.
    let fails = |plan: &Plan, cents: &u32| {
        let down = |which: usize| {
            plan.faults.iter().any(|fault| matches!(fault, Fault::WorkerDown(down) if down.worker == which))
        };
        (down(0) && down(1) && *cents > 2).then(Failed::default)
    };
    let mut found = 0;
    for seed in 0..300 {
        let (plan, cents) = draw(&plans, &inputs, seed);
        if fails(&plan, &cents.current()).is_none() {
            continue;
        }
        found += 1;
        let mut smallest = Smallest::new(plan, cents.current(), 500, fails);
        smallest.simplify(cents);
        assert!(smallest.runs <= 500);
        assert_eq!((smallest.plan.faults.len(), smallest.input), (2, 3), "{}", smallest.plan);
        assert!(fails(&smallest.plan, &smallest.input).is_some());
    }
    assert!(found > 3, "{found}");
}

#[test]
fn reports_that_differ_in_numbers_only_are_alike() {
    let report = |seconds: u32| format!("charged {seconds} times in {seconds}m 3s\n\n  seed {seconds}");
    assert!(is_alike(&report(2), &report(30)));
    assert!(is_alike("it took 1h 2m 3s [event 7]", "it took 59s [event 12]"));
    assert!(!is_alike("charged 2 times", "refunded 2 times"));
}

#[test]
fn a_list_of_inputs_is_written_one_a_line() {
    let calls = serde_json::json!([{ "at": "1s", "call": "cancel" }, { "at": "2s", "call": { "add": 3 } }]);
    let regression = Regression::new(5, Plan::default()).with_input(calls);
    assert_snapshot!(regression.to_json(), @r#"
    {
      "seed": 5,
      "input": [
        {"at":"1s","call":"cancel"},
        {"at":"2s","call":{"add":3}}
      ],
      "faults": []
    }
    "#);
    assert_eq!(Regression::from_json(&regression.to_json()).expect("what was written"), regression);
}

#[test]
fn what_was_never_reached_is_listed_in_lines_faults_first() {
    let plan = Plan::new([Fault::eviction(0, Duration::ZERO)]);
    let observer = Observer::default();
    let nothing = Default::default();
    observer.ended(EndedRun {
        elapsed: Duration::from_secs(1),
        executions: &[],
        faults: (&plan, &[0]),
        reached: &nothing,
        choices: &[],
    });
    let mut coverage = Coverage::default();
    coverage.add(&observer);
    let report = coverage.to_string();
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(lines[..2], ["1 runs, 0.0 virtual years", "   never  fault eviction"]);
    assert!(lines[2].starts_with("   never  retry state IN_PROGRESS, retry state NON_RETRYABLE_FAILURE"));
    assert!(lines.iter().all(|line| line.len() <= 122), "{report}");
    assert_eq!(report.matches("MarkerRecorded").count(), 1);
}

#[test]
fn a_seed_draws_the_same_plan_each_time() {
    let scope = crate::strategies::Scope { workers: 2, most: 8, ..Default::default() };
    let plans = crate::strategies::fault_plans(&scope).boxed();
    let draw = || (0..50).map(|seed| draw(&plans, &Just(()).boxed(), seed).0).collect::<Vec<_>>();
    let (plans, again) = (draw(), draw());
    assert_eq!(plans, again);
    assert_ne!(plans[0], plans[1]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}") {
        let _ = Regression::from_json(&text);
    }
}
