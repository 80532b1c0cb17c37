//! What a whole simulation costs, from its builder to its end, and what the model costs that predicts an activity without
//! one. On one core.

mod common;

use std::{hint::black_box, time::Duration};

use common::{Figures, OneActivity, measured, worker};
use criterion::{Criterion, SamplingMode, criterion_group};
use temporal_sim::{
    Builder, Simulation,
    faults::{ActivityEffect, ActivityFault, Fault, Plan, When},
    policy::{ActivityOptions, AttemptFailure, AttemptOutcome, Model},
    strategies::{Scope, fault_plans},
    sweep::Sweep,
};

const PLAIN: &str = "a: a simulation";
const RETRIED: &str = "b: with two attempts that fail";
const SWEEP: &str = "c: in a sweep, with a plan of faults for each seed";
const MODEL: &str = "d: the model of b";

static FIGURES: Figures = Figures::new();

fn simulate(builder: Builder) {
    builder.worker(worker()).run(async |simulation| {
        simulation.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(())
    });
}

/// The first two attempts of the activity fail.
fn two_failures() -> Plan {
    let effect = ActivityEffect::Fail(AttemptFailure::default());
    Plan::new([Fault::Activity(ActivityFault { activity_type: None, when: When::first(2), effect })])
}

fn simulations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole simulations");
    group.sample_size(20).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
    let mut bench = |name: &str, run: &dyn Fn(u64)| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = measured(|| run(iterations));
                FIGURES.note(name, elapsed, iterations);
                elapsed
            });
        });
    };
    bench(PLAIN, &|count| (0..count).for_each(|seed| simulate(Simulation::builder().seed(seed))));
    let plan = two_failures();
    bench(RETRIED, &|count| {
        (0..count).for_each(|seed| simulate(Simulation::builder().seed(seed).faults(plan.clone())));
    });
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    bench(SWEEP, &|count| {
        let sweep = Sweep::new(0..count).faults(fault_plans(&Scope::of([&worker()])));
        let report = one_core.install(|| {
            sweep.run(|simulation| {
                simulation.worker(worker()).try_run(async |simulation| {
                    // It may fail: what is measured is how long that takes.
                    let _ = simulation.execute(OneActivity::run, "x".to_owned()).await;
                    Ok(())
                })
            })
        });
        report.assert_passed();
    });
    let model = Model::new(ActivityOptions {
        start_to_close_timeout: Some(Duration::from_secs(10)),
        ..ActivityOptions::default()
    });
    let script =
        [AttemptOutcome::fail("Flaky"), AttemptOutcome::fail("Flaky"), AttemptOutcome::succeed()];
    bench(MODEL, &|count| {
        (0..count).for_each(|_| drop(black_box(model.predict(black_box(&script)))));
    });
    group.finish();
}

criterion_group!(benches, simulations);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    FIGURES.print("a whole simulation of a one-activity workflow, on one core, median");
}
