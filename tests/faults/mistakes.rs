//! Classic mistakes: a sweep finds each, and passes what is right.

use std::time::Duration;

use temporal_sim::{
    Builder, Failure, Mock, Simulation, Worker,
    faults::Plan,
    strategies::{Scope, fault_plans},
    sweep::Sweep,
};

use crate::shop::{Checkout, Export, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3 * 3600);

fn sweep(seeds: u64) -> Sweep {
    let scope = Scope::of([&worker(&Provider::default())]).within(60 * SECOND);
    Sweep::new(0..seeds).faults(fault_plans(&scope))
}

/// Checks that a sweep finds the mistake, and that the smallest plan has no more faults than it takes.
#[track_caller]
fn is_found(
    simulation: impl Fn(Builder) -> Result<(), Failure> + Sync,
    message: &str,
    faults: usize,
) -> Plan {
    let report = sweep(500).run(simulation);
    let failure = report.failure().expect("the mistake is found");
    assert!(failure.message().contains(message), "{failure}");
    assert!(failure.plan().faults.len() <= faults, "{failure}");
    failure.plan().clone()
}

#[track_caller]
fn passes(simulation: impl Fn(Builder) -> Result<(), Failure> + Sync) {
    let report = sweep(200).run(simulation);
    report.assert_passed();
    report.assert_reached(["fault activity", "fault call", "fault worker_down", "fault workflow_task"]);
}

/// A provider that takes money each time that it is asked must not be asked twice.
fn charge(simulation: Builder, settings: fn(&Simulation)) -> Result<(), Failure> {
    let provider = Provider::default();
    simulation.worker(worker(&provider)).try_run(async move |sim| {
        settings(&sim);
        let _ = sim.execute(Checkout::run, 100).await;
        assert!(provider.charges() <= 1, "charged {} times", provider.charges());
        Ok(())
    })
}

#[test]
fn retrying_what_must_happen_once() {
    is_found(|simulation| charge(simulation, |_| {}), "charged 2 times", 1);
    passes(|simulation| {
        charge(simulation, |sim| {
            sim.override_activity_options(Provider::charge, |options| {
                options.retry_policy.maximum_attempts = 1;
            });
        })
    });
}

/// However it goes, everything has come to an end after three hours.
fn export(simulation: Builder, settings: fn(&Simulation)) -> Result<(), Failure> {
    simulation.worker(worker(&Provider::default())).try_run(async move |sim| {
        settings(&sim);
        tokio::time::timeout(LIMIT, sim.execute(Export::run, ()))
            .await
            .expect("it ends within three hours")?;
        Ok(())
    })
}

#[test]
fn a_heartbeat_timeout_below_the_interval_of_heartbeats() {
    let plan = is_found(
        |simulation| {
            export(simulation, |sim| {
                sim.override_activity_options(Provider::export, |options| {
                    options.heartbeat_timeout = Some(SECOND / 2);
                });
            })
        },
        "it ends within three hours",
        0,
    );
    assert_eq!(plan, Plan::default(), "it takes no fault");
    passes(|simulation| export(simulation, |_| {}));
}

/// A provider that never works.
fn broken(simulation: Builder, settings: fn(&Simulation)) -> Result<(), Failure> {
    let charge = Mock::new(Provider::charge)
        .runs(|_, _| async { Err(anyhow::anyhow!("the account is closed").into()) });
    let worker = Worker::new("shop").workflow::<Checkout>().mock(charge);
    simulation.worker(worker).try_run(async move |sim| {
        settings(&sim);
        let ended = tokio::time::timeout(LIMIT, sim.execute(Checkout::run, 100)).await;
        assert!(ended.expect("it ends within three hours").is_err());
        Ok(())
    })
}

#[test]
fn retrying_a_permanent_failure_for_ever() {
    is_found(|simulation| broken(simulation, |_| {}), "it ends within three hours", 0);
    passes(|simulation| {
        broken(simulation, |sim| {
            sim.override_activity_options(Provider::charge, |options| {
                options.schedule_to_close_timeout = Some(600 * SECOND);
            });
        })
    });
}
