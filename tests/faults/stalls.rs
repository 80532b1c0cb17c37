//! Polls that do not get through.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{Fault, Plan, StalledQueue},
};
use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, TimeoutType},
    history::v1::history_event::Attributes,
};

use crate::shop::{Checkout, Naps, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_sticky_workflow_task_expires_and_goes_to_the_task_queue() {
    // The first nap ends while the cluster still believes in the sticky queue.
    let stall = Fault::stall(0, StalledQueue::Sticky, HOUR - 5 * SECOND, HOUR / 2);
    Simulation::builder().worker(worker(&Provider::default())).faults(Plan::new([stall])).run(async |sim| {
        sim.execute(Naps::run, ()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        assert_eq!(sim.elapsed(), 3 * HOUR + 10 * SECOND);
        let history = sim.history("Naps-1")?;
        let timed_out: Vec<_> = history
            .events()
            .iter()
            .filter_map(|event| match event.attributes.as_ref()? {
                Attributes::WorkflowTaskTimedOutEventAttributes(timed_out) => Some(timed_out.timeout_type()),
                _ => None,
            })
            .collect();
        assert_eq!(timed_out, [TimeoutType::ScheduleToStart]);
        Ok(())
    });
}

#[test]
fn a_sticky_queue_that_nobody_polls_for_long_is_passed_over() {
    let stall = Fault::stall(0, StalledQueue::Sticky, HOUR / 2, 4 * HOUR);
    Simulation::builder().worker(worker(&Provider::default())).faults(Plan::new([stall])).run(async |sim| {
        sim.execute(Naps::run, ()).await?;
        assert_eq!((sim.faults_fired(), sim.elapsed()), (vec![1], 3 * HOUR));
        let history = sim.history("Naps-1")?;
        assert!(history.events().iter().all(|it| it.event_type() != EventType::WorkflowTaskTimedOut));
        Ok(())
    });
}

#[test]
fn workflow_tasks_pile_up() {
    let provider = Provider::default();
    let stall = Fault::stall(0, StalledQueue::Workflow, Duration::ZERO, HOUR);
    Simulation::builder().worker(worker(&provider)).faults(Plan::new([stall])).run(async |sim| {
        let (one, two) = futures::join!(sim.execute(Checkout::run, 1), sim.execute(Checkout::run, 2));
        one.and(two)?;
        assert_eq!((sim.faults_fired(), sim.elapsed()), (vec![1], HOUR + 2 * SECOND));
        Ok(())
    });
    assert_eq!(provider.charges(), 2);
}

#[test]
fn activity_tasks_pile_up_or_go_to_another_worker() {
    let checkout = |workers: usize| {
        let provider = Provider::default();
        let stall = Fault::stall(0, StalledQueue::Activity, Duration::ZERO, HOUR);
        let simulation = Simulation::builder().faults(Plan::new([stall]));
        let worker = || worker(&provider).max_eager_activity_reservations_per_workflow_task(0);
        (0..workers).fold(simulation, |simulation, _| simulation.worker(worker())).run(async |sim| {
            sim.execute(Checkout::run, 1).await?;
            assert_eq!(sim.faults_fired(), [1]);
            Ok(sim.elapsed())
        })
    };
    assert_eq!(checkout(1), HOUR + 2 * SECOND);
    assert_eq!(checkout(2), 2 * SECOND);
}

#[test]
fn a_stall_ends_when_the_faults_are_stopped() {
    let stall = Fault::stall(0, StalledQueue::Workflow, Duration::ZERO, HOUR);
    let plan = Plan::new([stall]);
    let elapsed = |plan: Plan| {
        Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
            sim.execute(Checkout::run, 1).await?;
            Ok(sim.elapsed())
        })
    };
    assert_eq!(elapsed(plan.clone()), HOUR + 2 * SECOND);
    assert_eq!(elapsed(plan.ending(5 * SECOND)), 7 * SECOND);
}
