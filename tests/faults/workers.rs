//! Faults of workers and of workflow tasks.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{Fault, Plan, When, WorkflowTaskEffect},
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::shop::{Checkout, Naps, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_crash_loses_the_attempt_that_was_under_way() {
    let provider = Provider::default();
    let plan = Plan::new([Fault::worker_down(0, SECOND, 30 * SECOND)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.faults_fired(), [1]);
        // It timed out after 10 s, was to be tried again after 11 s, and the worker was back after 31 s.
        assert_eq!(sim.elapsed(), 33 * SECOND);
        Ok(())
    });
    assert_eq!(provider.charges(), 1);
}

#[test]
fn a_worker_that_starts_late_finds_a_backlog() {
    let provider = Provider::default();
    let plan = Plan::new([Fault::worker_down(0, Duration::ZERO, HOUR)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        let (one, two) = futures::join!(sim.execute(Checkout::run, 1), sim.execute(Checkout::run, 2));
        one.and(two)?;
        assert_eq!(sim.elapsed(), HOUR + 2 * SECOND);
        Ok(())
    });
    assert_eq!(provider.charges(), 2);
}

#[test]
fn a_worker_is_waited_for_until_nothing_happens_any_more() {
    let plan = Plan::new([Fault::worker_down(0, Duration::ZERO, HOUR)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let other = sim.clone();
        let (result, ()) = futures::join!(other.execute(Checkout::run, 1), sim.run_until_idle());
        result?;
        assert!(sim.elapsed() >= HOUR);
        Ok(())
    });
}

#[test]
fn a_worker_comes_back_at_once_when_the_faults_are_stopped() {
    let plan = Plan::new([Fault::worker_down(0, Duration::ZERO, HOUR)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        sim.sleep(5 * SECOND).await;
        sim.stop_faults();
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.elapsed(), 7 * SECOND);
        Ok(())
    });
}

#[test]
fn an_evicted_workflow_is_replayed_and_goes_on() {
    let plan = Plan::new([Fault::eviction(0, HOUR / 2)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        sim.execute(Naps::run, ()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        assert_eq!(sim.elapsed(), 3 * HOUR);
        Ok(())
    });
}

#[test]
fn a_lost_workflow_task_times_out_and_is_done_again() {
    for nth in [1, 2] {
        let plan = Plan::new([Fault::workflow_task("Naps", When::nth(nth), WorkflowTaskEffect::Lose)]);
        Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
            sim.execute(Naps::run, ()).await?;
            assert_eq!(sim.faults_fired(), [1]);
            assert_eq!(sim.elapsed(), 3 * HOUR + 10 * SECOND);
            let timed_out = EventType::WorkflowTaskTimedOut;
            let history = sim.history("Naps-1")?;
            assert_eq!(history.events().iter().filter(|event| event.event_type() == timed_out).count(), 1);
            Ok(())
        });
    }
}

#[test]
fn a_failed_workflow_task_is_done_again_at_once() {
    for nth in [1, 2] {
        let plan = Plan::new([Fault::workflow_task("Naps", When::nth(nth), WorkflowTaskEffect::Fail)]);
        Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
            sim.execute(Naps::run, ()).await?;
            assert_eq!(sim.faults_fired(), [1]);
            assert_eq!(sim.elapsed(), 3 * HOUR);
            let failed = EventType::WorkflowTaskFailed;
            let history = sim.history("Naps-1")?;
            assert_eq!(history.events().iter().filter(|event| event.event_type() == failed).count(), 1);
            Ok(())
        });
    }
}
