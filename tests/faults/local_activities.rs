//! Faults of local activities.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{Fault, LocalActivityEffect, Outage, Plan, Recovery, When},
    policy::AttemptFailure,
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::shop::{Provider, QuickCheckout, worker};

const SECOND: Duration = Duration::from_secs(1);

struct Seen {
    charges: usize,
    elapsed: Duration,
    timed_out_workflow_tasks: usize,
    succeeded: bool,
}

/// Checks out while this goes wrong.
fn checkout(fault: Fault, times: u64) -> Seen {
    let provider = Provider::default();
    let charged = provider.clone();
    Simulation::builder().worker(worker(&provider)).faults(Plan::new([fault])).run(async move |sim| {
        let succeeded = sim.execute(QuickCheckout::run, 100).await.is_ok();
        assert_eq!(sim.faults_fired(), [times]);
        let history = sim.history("QuickCheckout-1")?;
        let event_types = history.events().iter().map(|event| event.event_type());
        let timed_out_workflow_tasks =
            event_types.filter(|it| *it == EventType::WorkflowTaskTimedOut).count();
        let (charges, elapsed) = (charged.charges(), sim.elapsed());
        Ok(Seen { charges, elapsed, timed_out_workflow_tasks, succeeded })
    })
}

fn charge(when: When, effect: LocalActivityEffect) -> Fault {
    Fault::local_activity("Provider::charge", when, effect)
}

fn unavailable() -> AttemptFailure {
    AttemptFailure { error_type: "Unavailable".to_owned(), ..Default::default() }
}

#[test]
fn a_failed_attempt_is_tried_again() {
    let seen = checkout(charge(When::first(2), LocalActivityEffect::Fail(unavailable())), 2);
    assert!(seen.succeeded);
    assert_eq!(
        (seen.charges, seen.elapsed),
        (1, 5 * SECOND),
        "a second, two seconds, and two for the charge"
    );
}

#[test]
fn an_attempt_that_fails_afterwards_was_done_all_the_same() {
    let seen = checkout(charge(When::once(), LocalActivityEffect::FailAfterwards(unavailable())), 1);
    assert_eq!((seen.charges, seen.elapsed), (2, 5 * SECOND));
}

#[test]
fn a_slow_attempt_takes_longer() {
    let seen = checkout(charge(When::once(), LocalActivityEffect::Slow { by: 3 * SECOND }), 1);
    assert_eq!((seen.charges, seen.elapsed, seen.timed_out_workflow_tasks), (1, 5 * SECOND, 0));
}

#[test]
fn an_attempt_that_hangs_times_out() {
    let seen = checkout(charge(When::once(), LocalActivityEffect::Hang), 1);
    assert!(seen.succeeded);
    assert_eq!((seen.charges, seen.elapsed), (1, 13 * SECOND), "a timeout, a second, and two for the charge");
}

#[test]
fn a_worker_that_is_lost_does_it_again() {
    let seen = checkout(charge(When::once(), LocalActivityEffect::LoseWorker), 1);
    assert!(seen.succeeded);
    assert_eq!((seen.charges, seen.timed_out_workflow_tasks), (2, 1));
    assert_eq!(seen.elapsed, 12 * SECOND, "the workflow task timed out after ten seconds");
}

#[test]
fn an_outage_is_one_for_local_activities_too() {
    let recovery = Recovery { until: 8 * SECOND, error_percent: 100, per_second: None };
    let outage = Outage::new("Provider::charge", Duration::ZERO, 4 * SECOND).recovering(recovery);
    let seen = checkout(outage.into(), 4);
    assert!(seen.succeeded);
    assert_eq!((seen.charges, seen.elapsed), (1, 17 * SECOND), "tried at 0, 1, 3, 7 and 15 seconds");
}
