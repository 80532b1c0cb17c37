//! What happens at one instant happens in the order that the schedule says, and never in one that no cluster shows.

#![allow(unreachable_pub, reason = "workflows and activities are public for the SDK's macros")]

mod office;

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use insta::assert_snapshot;
use proptest::strategy::Just;
use temporal_sim::{
    Builder, Failure, Simulation, check_determinism,
    faults::{CallEffect, Fault, Plan, When},
    schedule::{Pct, Schedule},
    sweep::{Exhaustive, Sweep},
};
use temporal_sim_fixtures::features::signals::Counter;
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};

use office::{Log, Minutes, Offer, worker};

const SECOND: Duration = Duration::from_secs(1);

/// Accepts an offer in its last instant.
fn accepted_at_the_deadline(simulation: Builder) -> Result<bool, Failure> {
    simulation.worker(worker(&Log::default())).try_run(async |sim| {
        let offer = sim
            .client()
            .start_workflow(Offer::run, (), WorkflowStartOptions::new("q", "offer").build())
            .await?;
        sim.sleep(10 * SECOND).await;
        // A run that has closed takes no signals.
        let _ = offer.signal(Offer::accept, (), WorkflowSignalOptions::default()).await;
        Ok(offer.get_result(Default::default()).await?)
    })
}

fn lines_written(simulation: Builder, log: &Log, lines: [&str; 3]) -> Result<String, Failure> {
    let written = log.clone();
    let lines = lines.map(str::to_owned).to_vec();
    simulation.try_run(async move |sim| {
        sim.execute(Minutes::run, lines).await?;
        Ok(written.text())
    })
}

/// The order in which a worker that does one thing at a time writes three lines.
fn one_by_one(simulation: Builder) -> Result<String, Failure> {
    let log = Log::default();
    lines_written(simulation.worker(worker(&log).max_concurrent_activities(1)), &log, ["a", "b", "c"])
}

/// The order in which a worker writes them that does all at once.
fn all_at_once(simulation: Builder) -> Result<String, Failure> {
    let log = Log::default();
    lines_written(simulation.worker(worker(&log)), &log, ["a", "b", "c"])
}

/// What comes of a simulation with 60 seeds.
fn outcomes<T: Ord>(schedule: &Schedule, body: impl Fn(Builder) -> Result<T, Failure>) -> BTreeSet<T> {
    let outcome = |seed| body(Simulation::builder().seed(seed).schedule(schedule.clone()));
    (0..60).map(|seed| outcome(seed).unwrap_or_else(|failure| panic!("{failure}"))).collect()
}

#[test]
fn first_in_first_out_a_signal_comes_before_the_timer_of_its_instant() {
    assert_eq!(outcomes(&Schedule::Fifo, accepted_at_the_deadline), BTreeSet::from([true]));
}

#[test]
fn a_signal_comes_before_or_after_the_timer_of_its_instant() {
    for schedule in [Schedule::Random, Schedule::pct(2)] {
        assert_eq!(
            outcomes(&schedule, accepted_at_the_deadline),
            BTreeSet::from([false, true]),
            "{schedule:?}"
        );
    }
}

#[test]
fn the_tasks_of_a_backlog_go_in_any_order() {
    assert_eq!(outcomes(&Schedule::Fifo, one_by_one), BTreeSet::from(["abc".to_owned()]));
    for schedule in [Schedule::Random, Schedule::pct(3)] {
        assert_eq!(outcomes(&schedule, one_by_one).len(), 6, "{schedule:?}");
    }
}

#[test]
fn activities_that_end_at_one_instant_end_in_any_order() {
    assert_eq!(outcomes(&Schedule::Fifo, all_at_once), BTreeSet::from(["abc".to_owned()]));
    for schedule in [Schedule::Random, Schedule::Pct(Pct { depth: 3, choices: 10 })] {
        assert_eq!(outcomes(&schedule, all_at_once).len(), 6, "{schedule:?}");
    }
}

#[test]
fn either_of_two_workers_gets_a_task() {
    let by_whom = |simulation: Builder| {
        let (one, two) = (Log::default(), Log::default());
        let workers =
            [&one, &two].map(|log| worker(log).max_eager_activity_reservations_per_workflow_task(0));
        let workers = workers.into_iter().fold(simulation, Builder::worker);
        lines_written(workers, &one, ["a", "b", "c"]).map(|by_one| (by_one.len(), two.text().len()))
    };
    assert_eq!(outcomes(&Schedule::Fifo, by_whom).len(), 1);
    assert_eq!(outcomes(&Schedule::Random, by_whom), BTreeSet::from([(1, 2), (2, 1)]));
}

/// What the counter sees if three signals are sent at once, or one after the other.
fn counted(simulation: Builder, at_once: bool) -> Result<Vec<u32>, Failure> {
    simulation.worker(worker(&Log::default())).try_run(async move |sim| {
        let options = WorkflowStartOptions::new("q", "counter").build();
        let counter = sim.client().start_workflow(Counter::run, 3, options).await?;
        let add = |number| counter.signal(Counter::add, number, WorkflowSignalOptions::default());
        if at_once {
            let (one, two, three) = futures::join!(add(1), add(2), add(3));
            one.and(two).and(three)?;
        } else {
            for number in 1..=3 {
                add(number).await?;
            }
        }
        Ok(counter.get_result(Default::default()).await?)
    })
}

#[test]
fn what_a_client_sends_one_after_the_other_stays_in_order() {
    for schedule in [Schedule::Random, Schedule::pct(3)] {
        assert_eq!(outcomes(&schedule, |it| counted(it, false)), BTreeSet::from([vec![1, 2, 3]]));
        assert_eq!(outcomes(&schedule, |it| counted(it, true)).len(), 6);
    }
}

#[test]
fn a_small_case_is_explored_to_its_end() {
    let seen = Mutex::new(BTreeSet::new());
    let explored = Exhaustive::new().run(|simulation| {
        let order = one_by_one(simulation)?;
        seen.lock().expect("nobody panics with it").insert(order);
        Ok(())
    });
    explored.assert_passed();
    assert!(explored.is_complete());
    assert_eq!(seen.into_inner().expect("nobody panics with it").len(), 6);
    assert_snapshot!(explored, @"all 12 schedules passed, of up to 3 choices");
}

#[test]
fn a_search_ends_where_it_is_told_to() {
    let search = Exhaustive::new().at_most(3).run(|simulation| one_by_one(simulation).map(drop));
    assert!(!search.is_complete());
    assert_eq!(search.schedules(), 3);
    assert_snapshot!(search, @"3 schedules passed, of up to 3 choices, and there are more");
    let shallow = Exhaustive::new().depth(1).run(|simulation| one_by_one(simulation).map(drop));
    assert!(shallow.is_complete(), "{shallow}");
    assert_eq!(shallow.schedules(), 3);
}

/// Whoever accepts in the last instant is not sure to be heard, and this is sure of it.
fn taken_at_their_word(simulation: Builder) -> Result<(), Failure> {
    simulation.worker(worker(&Log::default())).try_run(async |sim| {
        let offer = sim
            .client()
            .start_workflow(Offer::run, (), WorkflowStartOptions::new("q", "offer").build())
            .await?;
        sim.sleep(10 * SECOND).await;
        let told = offer.signal(Offer::accept, (), WorkflowSignalOptions::default()).await;
        assert!(offer.get_result(Default::default()).await?, "accepted, and told {told:?}");
        Ok(())
    })
}

#[test]
fn the_schedule_that_fails_is_told_and_fails_again() {
    let explored = Exhaustive::new().run(taken_at_their_word);
    let (schedule, message) = explored.failure().expect("the timer may fire just before the signal");
    assert_eq!(*schedule, Schedule::choices([(0, 1), (1, 1)]));
    assert!(message.contains("choice 0: a timer before SignalWorkflowExecution"), "{message}");
    let second = "choice 1: RespondWorkflowTaskCompleted before SignalWorkflowExecution";
    assert!(message.contains(second), "{message}");

    // Whatever the seed.
    let again = Simulation::builder().seed(99).schedule(schedule.clone());
    let failure = taken_at_their_word(again).expect_err("the same schedule");
    assert_eq!(failure.deviations().schedule(), *schedule);

    // As a plan, and before what the builder says.
    let plan =
        Plan::from_json(&Plan::default().scheduled(schedule.clone()).to_json()).expect("what was written");
    let again = Simulation::builder().faults(plan).schedule(Schedule::Fifo);
    taken_at_their_word(again).expect_err("the same schedule");
}

#[test]
fn what_a_random_schedule_chose_can_be_chosen_again() {
    let failure = (0..)
        .find_map(|seed| {
            taken_at_their_word(Simulation::builder().seed(seed).schedule(Schedule::Random)).err()
        })
        .expect("some seed");
    let schedule = failure.deviations().schedule();
    let again = taken_at_their_word(Simulation::builder().schedule(schedule.clone())).expect_err("the same");
    assert_eq!(again.deviations().schedule(), schedule);
}

#[test]
fn a_sweep_finds_the_schedule_that_fails_and_leaves_of_it_what_it_takes() {
    let noise = Fault::eviction(0, SECOND / 3);
    for schedule in [Schedule::Random, Schedule::pct(3)] {
        let plan = Plan::new([noise.clone()]).scheduled(schedule);
        let report = Sweep::new(0..60).faults(Just(plan)).run(taken_at_their_word);
        let failure = report.failure().expect("one of 60 seeds");
        // The timer fires, and the worker completes its workflow task, before the signal comes.
        let smallest = Plan::default().scheduled(Schedule::choices([(0, 1), (1, 1)]));
        assert_eq!(*failure.plan(), smallest, "{failure}");
        assert!(failure.message().contains("choice 0: a timer before SignalWorkflowExecution"), "{failure}");
    }
}

#[test]
fn a_plan_that_fails_is_made_smaller_by_hand_too() {
    let plan = Plan::new([Fault::eviction(0, SECOND / 3), Fault::clock_step(SECOND, 11 * SECOND / 2)]);
    let smallest = plan.smallest(200, |plan| taken_at_their_word(Simulation::builder().faults(plan.clone())));
    assert_eq!(smallest, Plan::new([Fault::clock_step(Duration::ZERO, SECOND)]), "the timer is always early");
}

#[test]
fn the_seed_decides_the_order_too() {
    for schedule in [Schedule::Random, Schedule::pct(4)] {
        for seed in 0..5 {
            check_determinism(seed, |simulation| {
                let plan = Plan::new([
                    Fault::call("SignalWorkflowExecution", When::nth(2), CallEffect::Twice),
                    Fault::worker_down(0, SECOND / 2, SECOND),
                ]);
                let log = Log::default();
                let workers = simulation.worker(worker(&log)).worker(worker(&log)).faults(plan);
                workers.schedule(schedule.clone()).run(async |sim| {
                    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
                    let options = WorkflowStartOptions::new("q", "counter").build();
                    let counter = sim.client().start_workflow(Counter::run, 3, options).await?;
                    let add = |number| counter.signal(Counter::add, number, WorkflowSignalOptions::default());
                    let (one, two, three, four, five) = futures::join!(
                        sim.execute(Minutes::run, lines("a b c")),
                        sim.execute(Minutes::run, lines("d e f")),
                        add(1),
                        add(2),
                        add(3),
                    );
                    one.and(two)?;
                    three.and(four).and(five)?;
                    counter.get_result(Default::default()).await?;
                    Ok(())
                });
            });
        }
    }
}

#[test]
fn a_depth_of_no_sense_is_refused() {
    for depth in [0, 101, u32::MAX] {
        let failure = Simulation::builder()
            .worker(worker(&Log::default()))
            .faults(Plan::default().scheduled(Schedule::pct(depth)))
            .try_run(async |_| Ok(()))
            .expect_err("no depth");
        assert!(failure.to_string().contains("`depth` goes from 1 to 100"), "{failure}");
    }
}
