//! Plans: invalid ones, and that they are as repeatable as the rest.

use std::time::Duration;

use temporal_sim::{
    Cause, Simulation, check_determinism,
    faults::{
        ActivityEffect, CallEffect, CallError, Fault, Outage, Plan, Recovery, When, WorkflowTaskEffect,
    },
};

use crate::shop::{Checkout, Naps, Provider, worker};

#[test]
fn a_plan_for_another_simulation_is_refused() {
    let plan = Plan::new([Fault::eviction(3, Duration::ZERO)]);
    let failure = Simulation::builder()
        .worker(worker(&Provider::default()))
        .faults(plan)
        .try_run(async |_| Ok(()))
        .expect_err("there is one worker");
    let Cause::Setup { message } = failure.cause() else { panic!("{failure}") };
    assert_eq!(message, "the plan speaks of worker 3, and the simulation has 1; the first one is worker 0");
}

#[test]
fn the_seed_decides_everything_with_faults_too() {
    let seconds = Duration::from_secs;
    let recovery = Recovery { until: seconds(7200), error_percent: 50, per_second: Some(1) };
    let plan = Plan::new([
        Fault::activity("Provider::charge", When::nth(2), ActivityEffect::LoseAnswer),
        Outage::new("Provider::charge", seconds(0), seconds(600)).recovering(recovery).into(),
        Fault::worker_down(0, seconds(1800), seconds(60)),
        Fault::workflow_task("Naps", When::nth(2), WorkflowTaskEffect::Lose),
        Fault::call("RespondWorkflowTaskCompleted", When::nth(4), CallEffect::Delay { by: seconds(1) }),
        Fault::call("RespondActivityTaskFailed", When::nth(3), CallEffect::Refuse(CallError::Unavailable)),
    ]);
    check_determinism(5, |simulation| {
        let faults = plan.clone();
        simulation.worker(worker(&Provider::default())).faults(faults).run(async |sim| {
            let (one, two, naps) = futures::join!(
                sim.execute(Checkout::run, 1),
                sim.execute(Checkout::run, 2),
                sim.execute(Naps::run, ())
            );
            one.and(two).and(naps)?;
            Ok(())
        });
    });
}
