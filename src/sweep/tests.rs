//! Regressions as data, and how plans get smaller. Sweeps are tested with whole simulations.

use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::{
    faults::{ActivityEffect, Fault, When},
    schedule::Schedule,
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
    let without = Regression::new(1, scheduled);
    assert_snapshot!(without.to_json(), @r#"
    {
      "seed": 1,
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
    };
    let sweep = Sweep::new(0..1).faults(crate::strategies::fault_plans(&scope));
    // Two workers that are down at the same time break it.
    let fails = |plan: &Plan| {
        let down = |which: usize| {
            plan.faults.iter().any(|fault| matches!(fault, Fault::WorkerDown(down) if down.worker == which))
        };
        (down(0) && down(1)).then(|| "both are down".to_owned())
    };
    let mut found = 0;
    for seed in 0..300 {
        let (tree, plan) = sweep.tree(seed);
        if fails(&plan).is_none() {
            continue;
        }
        found += 1;
        let (smallest, _, runs) = shrink::smallest(tree, plan, String::new(), 500, fails);
        assert!(runs <= 500);
        assert_eq!(smallest.faults.len(), 2, "{smallest}");
        assert!(fails(&smallest).is_some());
    }
    assert!(found > 3, "{found}");
}

#[test]
fn a_seed_draws_the_same_plan_each_time() {
    let scope = crate::strategies::Scope { workers: 2, most: 8, ..Default::default() };
    let sweep = Sweep::new(0..1).faults(crate::strategies::fault_plans(&scope));
    let plans: Vec<_> = (0..50).map(|seed| sweep.tree(seed).1).collect();
    assert_eq!(plans, (0..50).map(|seed| sweep.tree(seed).1).collect::<Vec<_>>());
    assert_ne!(plans[0], plans[1]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}") {
        let _ = Regression::from_json(&text);
    }
}
