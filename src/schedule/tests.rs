//! What is chosen. What comes of it is tested with whole simulations.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::*;
use crate::rng::Seed;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Candidates in these lanes.
fn candidates(lanes: &[u64]) -> Vec<Candidate> {
    let candidate = |(index, lane): (usize, &u64)| Candidate {
        what: NAMES[index % NAMES.len()],
        lane: Lane::numbered("test", *lane),
    };
    lanes.iter().enumerate().map(candidate).collect()
}

fn chosen(schedule: &Schedule, seed: u64, lanes: &[u64], times: usize) -> Vec<usize> {
    let mut scheduler = Scheduler::new(schedule, Seed(seed));
    (0..times).map(|_| scheduler.choose(&candidates(lanes))).collect()
}

#[test]
fn a_seed_chooses_the_same_each_time_and_another_one_something_else() {
    for schedule in [Schedule::Random, Schedule::pct(4)] {
        let order = |seed| chosen(&schedule, seed, &[0, 1, 2, 3, 4], 50);
        assert_eq!(order(1), order(1));
        let orders: BTreeSet<_> = (0..20).map(order).collect();
        assert!(orders.len() > 1, "{schedule:?}");
    }
    assert_eq!(chosen(&Schedule::Fifo, 1, &[0, 1, 2], 3), [0, 0, 0]);
}

#[test]
fn every_candidate_has_its_turn() {
    for schedule in [Schedule::Random, Schedule::pct(1)] {
        let seen: BTreeSet<_> = (0..100).flat_map(|seed| chosen(&schedule, seed, &[0, 1, 2], 1)).collect();
        assert_eq!(seen, BTreeSet::from([0, 1, 2]), "{schedule:?}");
    }
}

#[test]
fn a_priority_lasts_until_it_is_lost() {
    let without = chosen(&Schedule::Pct(Pct { depth: 1, choices: 10 }), 3, &[0, 1, 2], 50);
    assert!(without.windows(2).all(|pair| pair[0] == pair[1]), "{without:?}");
    let losses = |seed| {
        let order = chosen(&Schedule::Pct(Pct { depth: 3, choices: 50 }), seed, &[0, 1, 2], 50);
        order.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    assert!((0..50).all(|seed| losses(seed) <= 2));
    assert!((0..50).any(|seed| losses(seed) == 2));
}

#[test]
fn what_is_in_one_lane_goes_first_in_first_out_by_priorities() {
    for seed in 0..50 {
        let order = chosen(&Schedule::pct(5), seed, &[7, 7, 8, 8], 20);
        assert!(order.iter().all(|index| index % 2 == 0), "{order:?}");
    }
}

#[test]
fn choices_are_made_again_as_they_are_given() {
    let mut random = Scheduler::new(&Schedule::Random, Seed(9));
    let widths = [2, 3, 5, 1, 2, 4];
    let lanes = |width: u64| (0..width).collect::<Vec<_>>();
    let order: Vec<_> = widths.iter().map(|&width| random.choose(&candidates(&lanes(width)))).collect();
    let deviations = Deviations::of(random.choices());
    assert_eq!(deviations.choice_points(), 5, "one alone is no choice");
    let mut again = Scheduler::new(&deviations.schedule(), Seed(1));
    let second: Vec<_> = widths.iter().map(|&width| again.choose(&candidates(&lanes(width)))).collect();
    assert_eq!(second, order);
    assert_eq!(again.choices(), random.choices());
}

#[test]
fn a_choice_that_is_not_there_is_the_last() {
    assert_eq!(chosen(&Schedule::choices([(0, 9), (2, u32::MAX)]), 1, &[0, 1, 2], 4), [2, 0, 2, 0]);
}

#[test]
fn deviations_are_told_in_words() {
    let mut scheduler = Scheduler::new(&Schedule::choices([(1, 2), (3, 1)]), Seed(1));
    for _ in 0..5 {
        scheduler.choose(&candidates(&[0, 1, 2]));
    }
    assert_snapshot!(Deviations::of(scheduler.choices()), @r"
    2 of 5 choices not first in, first out
      choice 1: c before a
      choice 3: b before a
    ");
}

#[test]
fn a_schedule_is_small_in_json() {
    let json = |schedule: &Schedule| serde_json::to_string(schedule).expect("plain data");
    let schedules =
        [Schedule::Fifo, Schedule::Random, Schedule::pct(2), Schedule::choices([(17, 1), (20, 2)])];
    let lines: Vec<_> = schedules.iter().map(json).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    "fifo"
    "random"
    {"pct":{"depth":2,"choices":100}}
    {"choices":{"17":1,"20":2}}
    "#);
    for (line, schedule) in lines.iter().zip(&schedules) {
        assert_eq!(&serde_json::from_str::<Schedule>(line).expect("what was written"), schedule);
    }
    assert_eq!(serde_json::from_str::<Schedule>(r#"{"pct":{}}"#).expect("defaults"), Schedule::pct(3));
}

#[test]
fn hostile_parameters_choose_too() {
    for depth in [0, 1, u32::MAX] {
        for choices in [0, 1, u32::MAX] {
            assert!(chosen(&Schedule::Pct(Pct { depth, choices }), 1, &[0, 1], 10).iter().all(|it| *it < 2));
        }
    }
}
