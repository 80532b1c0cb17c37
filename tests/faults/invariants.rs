//! Each invariant can be violated, and says where.

use std::time::Duration;

use futures::future::join;
use insta::assert_snapshot;
use temporal_sim::{
    Builder, Cause, Failure, Mock, Simulation, Worker,
    faults::{ActivityEffect, Fault, Plan, When},
    invariants::{AttemptEnding, Invariant, Violation},
};
use temporal_sim_fixtures::features::signals::Counter;
use temporal_sim_fixtures::misbehaving::{ChangesItsMind, Greeter};
use temporal_sim_fixtures::mistakes::{
    child_orphaned::{self, Delivery, Van},
    cron_overlap::{self, Books, CloseBooks},
    retried_for_ever::{self, Card, Cards},
    update_dropped::{self, Seats},
};
use temporalio_client::{
    WorkflowCancelOptions, WorkflowSignalOptions, WorkflowStartUpdateOptions,
    schedules::DeleteScheduleOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::shop::{Checkout, Naps, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The violations for which a simulation failed.
#[track_caller]
fn violations(outcome: Result<(), Failure>) -> Vec<Violation> {
    let failure = outcome.expect_err("something does not hold");
    match failure.cause() {
        Cause::Invariants { violations } => violations.clone(),
        _ => panic!("{failure}"),
    }
}

/// The only violation, as people read it.
#[track_caller]
fn violation(outcome: Result<(), Failure>) -> String {
    let violations = violations(outcome);
    let [violation] = violations.as_slice() else { panic!("{violations:?}") };
    violation.to_string()
}

/// Charges a customer while this goes wrong.
fn checkout(
    worker: Worker,
    invariant: Invariant,
    faults: impl IntoIterator<Item = Fault>,
) -> Result<(), Failure> {
    let simulation = Simulation::builder().worker(worker).faults(Plan::new(faults));
    simulation.invariants([invariant]).try_run(async |sim| Ok(sim.execute(Checkout::run, 100).await?))
}

#[test]
fn a_workflow_that_goes_on_for_too_long_is_named() {
    let naps = |limit: Duration| {
        let simulation = Simulation::builder().worker(worker(&Provider::default()));
        simulation
            .invariants([Invariant::ends_within(limit)])
            .try_run(async |sim| Ok(sim.execute(Naps::run, ()).await?))
    };
    assert!(naps(3 * HOUR).is_ok());
    assert_snapshot!(violation(naps(3 * HOUR - SECOND)), @r#"every workflow ends within 2h 59m 59s: it took 3h [Naps "Naps-1", event 20, 3h after the start]"#);
}

#[test]
fn a_workflow_that_never_ends_is_named() {
    let cards = Worker::new("shop").workflow::<retried_for_ever::Buggy>().activities(Cards, (Cards::charge,));
    let outcome =
        Simulation::builder().worker(cards).invariants([Invariant::ends_within(HOUR)]).try_run(async |sim| {
            let charged = sim.execute(retried_for_ever::Buggy::run, Card::Expired);
            let _ = tokio::time::timeout(2 * HOUR, charged).await;
            Ok(())
        });
    assert_snapshot!(violation(outcome), @r#"every workflow ends within 1h: it is still open after 1h 58m 47s [Buggy "Buggy-1", event 5, 0s after the start]"#);
}

#[test]
fn what_is_open_after_the_faults_has_to_close_in_time() {
    let simulation = |body: fn(&Simulation)| {
        let plan = Plan::new([Fault::worker_down(0, Duration::ZERO, 100 * HOUR)]);
        Simulation::builder()
            .worker(worker(&Provider::default()))
            .faults(plan)
            .settles_within(4 * HOUR)
            .try_run(async move |sim| {
                body(&sim);
                let _ = tokio::time::timeout(HOUR, sim.execute(Naps::run, ())).await;
                Ok(())
            })
    };
    assert!(simulation(|_| {}).is_ok(), "the worker is back when the faults stop");
    let outcome = Simulation::builder().worker(worker(&Provider::default())).settles_within(HOUR).try_run(
        async |sim| {
            let _ = tokio::time::timeout(SECOND, sim.execute(Counter::run, 2)).await;
            Ok(())
        },
    );
    assert_snapshot!(violation(outcome), @r#"every workflow ends within 1h after the last fault: it is still open and waits for somebody outside: a signal, an update or a cancellation [Counter "Counter-1", event 4, 0s after the start]"#);
}

#[test]
fn a_charge_that_is_done_twice_is_named() {
    let once = || Invariant::runs_at_most_once(["Provider::charge"]);
    let provider = Provider::default();
    let lost = Fault::activity("Provider::charge", When::once(), ActivityEffect::LoseAnswer);
    assert_snapshot!(violation(checkout(worker(&provider), once(), [lost])), @r#"Provider::charge runs at most once: Provider::charge was done 2 times: by attempt 1 of activity 1 2s after the start, and by attempt 2 of activity 1 [Checkout "Checkout-1", event 5, 13s after the start]"#);
    assert_eq!(provider.charges(), 2);
    // An attempt that fails or never runs has done nothing.
    let hangs = Fault::activity("Provider::charge", When::first(3), ActivityEffect::Hang);
    assert!(checkout(worker(&provider), once(), [hangs]).is_ok());
}

#[test]
fn an_attempt_that_goes_on_after_its_timeout_is_named() {
    let charge = |heeds: bool| {
        Mock::new(Provider::charge).runs(move |context, _| async move {
            if context.info().attempt > 1 {
                return Ok(());
            }
            tokio::select! {
                () = context.cancelled(), if heeds => {}
                () = tokio::time::sleep(20 * SECOND) => {}
            }
            Ok(())
        })
    };
    let shop = |heeds: bool| Worker::new("shop").workflow::<Checkout>().mock(charge(heeds));
    let run = |heeds: bool| {
        let simulation = Simulation::builder().worker(shop(heeds)).settles_within(HOUR);
        simulation.invariants([Invariant::attempts_keep_their_leases()]).try_run(async |sim| {
            sim.execute(Checkout::run, 100).await?;
            sim.sleep(60 * SECOND).await;
            Ok(())
        })
    };
    assert!(run(true).is_ok());
    assert_snapshot!(violation(run(false)), @r#"no activity attempt outlives its lease: attempt 1 of Provider::charge went on until 10s after its start-to-close timeout [Checkout "Checkout-1", event 5, 20s after the start]"#);
}

#[test]
fn invariants_see_what_activity_code_really_did() {
    let seen = Invariant::new("the attempts are as planned", |finished| {
        let endings: Vec<_> = finished.attempts().iter().map(|attempt| attempt.ending).collect();
        anyhow::ensure!(endings == [AttemptEnding::Lost, AttemptEnding::Returned], "{endings:?}");
        anyhow::ensure!(finished.attempts()[0].ended.is_some());
        anyhow::ensure!(finished.elapsed() == 33 * SECOND, "{:?}", finished.elapsed());
        anyhow::ensure!(finished.histories().count() == 1);
        Ok(())
    });
    let crash = Fault::worker_down(0, SECOND, 30 * SECOND);
    checkout(worker(&Provider::default()), seen, [crash]).expect("a lost attempt, and one that works");
}

#[test]
fn an_invariant_of_your_own_says_what_and_where() {
    let fails = |invariant: Invariant| violation(checkout(worker(&Provider::default()), invariant, []));
    let whole = Invariant::new("nobody is charged", |_| anyhow::bail!("somebody is"));
    assert_snapshot!(fails(whole), @"nobody is charged: somebody is [2s after the start]");
    let each = Invariant::of_each_run("no activity is scheduled", |history| {
        let scheduled = EventType::ActivityTaskScheduled;
        match history.events().iter().find(|event| event.event_type() == scheduled) {
            Some(event) => Err(Violation::new("one is").at(event).into()),
            None => Ok(()),
        }
    });
    assert_snapshot!(fails(each), @r#"no activity is scheduled: one is [Checkout "Checkout-1", event 5, 0s after the start]"#);
}

#[test]
fn a_workflow_that_does_something_else_when_it_is_replayed_is_named() {
    let office = Worker::new("office")
        .workflow::<ChangesItsMind>()
        .mock(Mock::new(Greeter::greet).returns("hello".to_owned()));
    let outcome =
        Simulation::builder().worker(office).invariants([Invariant::replays()]).try_run(async |sim| {
            sim.execute(ChangesItsMind::run, SECOND).await?;
            Ok(())
        });
    assert_snapshot!(violation(outcome), @r#"every workflow replays: when it is replayed, there is TimerStarted #1 for 1s instead of ActivityTaskScheduled #1 Greeter::greet("friend") [ChangesItsMind "ChangesItsMind-1", event 5, 0s after the start]"#);
}

#[test]
fn a_child_that_outlives_its_parent_is_named() {
    let parcels = Worker::new("parcels")
        .workflow::<child_orphaned::Buggy>()
        .workflow::<Delivery>()
        .activities(Van::default(), (Van::send,));
    let outcome = Simulation::builder()
        .worker(parcels)
        .invariants([Invariant::no_orphans(SECOND)])
        .settles_within(2 * HOUR)
        .try_run(async |sim| {
            let handle = sim.client().get_workflow_handle::<child_orphaned::Buggy>("Buggy-1");
            let cancelled = async {
                sim.sleep(60 * SECOND).await;
                handle.cancel(WorkflowCancelOptions::default()).await
            };
            let (_, cancelled) =
                join(sim.execute(child_orphaned::Buggy::run, "tea".to_owned()), cancelled).await;
            Ok(cancelled?)
        });
    assert_snapshot!(violation(outcome), @r#"no child outlives its parent: its parent "Buggy-1" closed 59m earlier [Delivery "tea/delivery", event 16, 1h after the start]"#);
}

#[test]
fn executions_that_overlap_are_named() {
    let outcome = Simulation::builder()
        .worker(Worker::new("books").workflow::<CloseBooks>().activities(Books, (Books::close,)))
        .invariants([Invariant::runs_one_at_a_time("CloseBooks")])
        .settles_within(2 * HOUR)
        .try_run(async |sim| {
            let schedule = sim.client().create_schedule("hourly", cron_overlap::buggy("books", 61)).await?;
            sim.sleep(2 * HOUR + SECOND).await;
            Ok(schedule.delete(DeleteScheduleOptions::default()).await?)
        });
    assert_snapshot!(violation(outcome), @r#"CloseBooks runs one at a time: it starts while "close-books-2025-01-01T01:00:00Z" is running [CloseBooks "close-books-2025-01-01T02:00:00Z", event 1, 2h after the start]"#);
}

#[test]
fn an_update_that_is_dropped_is_named() {
    let seats =
        Worker::new("seats").workflow::<update_dropped::Buggy>().activities(Seats::default(), (Seats::book,));
    let outcome = Simulation::builder()
        .worker(seats)
        .invariants([Invariant::updates_are_completed()])
        .try_run(async |sim| {
            let handle = sim.client().get_workflow_handle::<update_dropped::Buggy>("Buggy-1");
            let calls = async {
                handle
                    .start_update(update_dropped::Buggy::book, 7, WorkflowStartUpdateOptions::default())
                    .await?;
                handle.signal(update_dropped::Buggy::close, (), WorkflowSignalOptions::default()).await?;
                anyhow::Ok(())
            };
            let (ended, called) = join(sim.execute(update_dropped::Buggy::run, ()), calls).await;
            called?;
            Ok(ended?)
        });
    let violations = violations(outcome);
    assert_eq!(violations[0].invariant(), "every accepted update is completed");
    assert_eq!((violations[0].workflow_id(), violations[0].event_id()), (Some("Buggy-1"), Some(5)));
    assert!(violations[0].message().starts_with("the run closed under the update"), "{}", violations[0]);
}

#[test]
fn a_report_shows_the_workflow_that_a_violation_is_about() {
    let simulation: Builder = Simulation::builder().worker(worker(&Provider::default()));
    let failure = simulation
        .invariants([Invariant::ends_within(HOUR)])
        .try_run(async |sim| {
            sim.execute(Checkout::run, 1).await?;
            Ok(sim.execute(Naps::run, ()).await?)
        })
        .expect_err("naps last three hours")
        .to_string();
    assert!(failure.contains("Naps \"Naps-2\": completed"), "{failure}");
    assert!(!failure.contains("Checkout-1"), "{failure}");
}
