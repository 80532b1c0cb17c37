//! The same seed and the same plan make the same bytes: on one thread and on several, in debug and in release builds, today
//! and with the next commit.

use std::{fmt::Write as _, thread, time::Duration};

use insta::assert_snapshot;
use temporal_sim::{
    Simulation,
    faults::{
        ActivityEffect, CallEffect, CallError, Fault, LocalActivityEffect, Outage, Plan, Recovery,
        StalledQueue, When, WorkflowTaskEffect,
    },
    schedule::Schedule,
};
use temporal_sim_fixtures::features::signals::Counter;
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};

use crate::shop::{Checkout, Export, Naps, Provider, QuickCheckout, worker};

fn plans() -> [(&'static str, Plan); 5] {
    let seconds = Duration::from_secs;
    let recovery = Recovery { until: seconds(600), error_percent: 40, per_second: Some(1) };
    let faults = || {
        [
            Fault::activity("Provider::charge", When::nth(2), ActivityEffect::LoseAnswer),
            Fault::local_activity("Provider::charge", When::once(), LocalActivityEffect::LoseWorker),
            Outage::new("Provider::charge", seconds(30), seconds(300)).recovering(recovery).into(),
            Fault::worker_down(1, seconds(40), seconds(60)),
            Fault::eviction(0, seconds(5000)),
            Fault::stall(0, StalledQueue::Sticky, seconds(3590), seconds(60)),
            Fault::workflow_task("Naps", When::nth(2), WorkflowTaskEffect::Fail),
            Fault::clock_step(seconds(4000), seconds(60)),
            Fault::call(
                "SignalWorkflowExecution",
                When::nth(2),
                CallEffect::LoseAnswer(CallError::Unavailable),
            ),
            Fault::call("RespondWorkflowTaskCompleted", When::nth(5), CallEffect::Delay { by: seconds(2) }),
        ]
    };
    [
        ("nothing", Plan::default()),
        ("faults", Plan::new(faults())),
        ("faults, random schedule", Plan::new(faults()).scheduled(Schedule::Random)),
        ("faults, priorities", Plan::new(faults()).scheduled(Schedule::pct(3))),
        ("random schedule", Plan::default().scheduled(Schedule::Random)),
    ]
}

/// A hash of all histories that a simulation leaves behind, as JSON.
fn digest(seed: u64, plan: Plan) -> u64 {
    let provider = Provider::default();
    let workers =
        Simulation::builder().worker(worker(&provider)).worker(worker(&provider).evict_at_random(0.2));
    workers.seed(seed).faults(plan).run(async move |sim| {
        let options = WorkflowStartOptions::new("shop", "counter").build();
        let counter = sim.client().start_workflow(Counter::run, 2, options).await?;
        let add = |number| counter.signal(Counter::add, number, WorkflowSignalOptions::default());
        let _ = futures::join!(
            sim.execute(Checkout::run, 1),
            sim.execute(Checkout::run, 2),
            sim.execute(QuickCheckout::run, 3),
            sim.execute(Export::run, ()),
            sim.execute(Naps::run, ()),
            add(1),
            add(2),
        );
        counter.get_result(Default::default()).await?;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for history in sim.histories() {
            for byte in history.to_json()?.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Ok(hash)
    })
}

/// One line for each plan and seed.
fn digests() -> String {
    let mut lines = String::new();
    for (name, plan) in plans() {
        for seed in 0..3 {
            let _ = writeln!(lines, "{name}, seed {seed}: {:016x}", digest(seed, plan.clone()));
        }
    }
    lines
}

#[test]
fn a_seed_and_a_plan_make_these_bytes() {
    // No seed of the environment may take part in this.
    if std::env::var_os("TEMPORAL_SIM_SEED").is_none() {
        assert_snapshot!(digests());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whole simulations on threads of their own share nothing")]
fn another_thread_makes_no_difference() {
    let threads = [(); 2].map(|()| thread::spawn(digests));
    let on_two = threads.map(|thread| thread.join().expect("the same simulations as on one thread"));
    assert_eq!(on_two[0], on_two[1]);
    assert_eq!(on_two[0], digests());
}
