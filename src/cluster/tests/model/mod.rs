//! The cluster against random sequences of what clients and workers do and of time that passes.
//!
//! A [`Step`](steps::Step) is one of these things, a [`World`](world::World) takes them against a cluster, and
//! each file under `invariants/` checks one thing that holds whatever was done.

mod commands;
mod invariants;
mod steps;
mod world;

use proptest::prelude::*;

use steps::{Steps, steps};
use world::World;

fn check(steps: &Steps) {
    let mut world = World::after(steps);
    invariants::check(&mut world);
}

// 10,000 sequences of all lengths. Several tests, so that they are tried at the same time.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn short_sequences_break_nothing(steps in steps(1..=12)) {
        check(&steps);
    }

    #[test]
    fn sequences_break_nothing(steps in steps(1..=40)) {
        check(&steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn long_sequences_break_nothing(steps in steps(1..=80)) {
        check(&steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_same_steps_write_the_same_histories(steps in steps(1..=60)) {
        prop_assert_eq!(World::after(&steps).histories(), World::after(&steps).histories());
    }
}
