//! What the search for a bug costs: whole simulations with faults, each new from its set-up to its report, on one core; and
//! the model of an activity beside the simulation that it stands for.

mod common;

use std::{hint::black_box, time::Duration};

use common::{Figures, Greeter, OneActivity, measured, worker};
use criterion::{Criterion, criterion_group};
use temporal_sim::{
    Builder, Failure, Mock, Outcome, Simulation, Worker,
    faults::{ActivityEffect, Fault, Plan, When},
    policy::{ActivityOptions, AttemptOutcome, Model},
    strategies::{Scope, fault_plans},
    sweep::Sweep,
};

static SIMULATIONS: Figures = Figures::new();
static MODEL: Figures = Figures::new();

/// Runs a workflow with one activity.
fn greeting(simulation: Builder) -> Result<(), Failure> {
    simulation.worker(worker()).try_run(async |sim| {
        sim.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(())
    })
}

fn simulations(criterion: &mut Criterion) {
    const WITHOUT: &str = "without faults";
    const ONE: &str = "an answer is lost, the attempt times out and is tried again";
    const SWEEP: &str = "in a sweep, up to four faults and the coverage";
    let mut group = criterion.benchmark_group("whole simulations");
    let mut bench = |name: &'static str, run: &dyn Fn(u64)| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = measured(|| run(iterations));
                SIMULATIONS.note(name, elapsed, iterations);
                elapsed
            });
        });
    };
    bench(WITHOUT, &|iterations| {
        for seed in 0..iterations {
            greeting(Simulation::builder().seed(seed)).expect("nothing goes wrong");
        }
    });
    let lost = Plan::new([Fault::activity("Greeter::greet", When::once(), ActivityEffect::LoseAnswer)]);
    bench(ONE, &|iterations| {
        for seed in 0..iterations {
            greeting(Simulation::builder().seed(seed).faults(lost.clone())).expect("the retry succeeds");
        }
    });
    let scope = Scope::of([&worker()]).within(Duration::from_secs(60));
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    bench(SWEEP, &|iterations| {
        one_core.install(|| {
            let sweep = Sweep::new(0..iterations).faults(fault_plans(&scope)).progress(false);
            sweep.run(greeting).assert_passed();
        });
    });
    group.finish();
}

/// Two attempts fail, one hangs until it times out, the last succeeds: so says the model, from the options to the table of
/// attempts, and so does the simulation, from the builder to the result.
fn model(criterion: &mut Criterion) {
    const PREDICTION: &str = "the model";
    const SIMULATION: &str = "the simulation";
    let mut group = criterion.benchmark_group("an activity of four attempts");
    let mut bench = |name: &'static str, run: &dyn Fn() -> (usize, Duration)| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = measured(|| {
                    for _ in 0..iterations {
                        assert_eq!(run(), (4, Duration::from_secs(17)), "attempts, and when it completes");
                    }
                });
                MODEL.note(name, elapsed, iterations);
                elapsed
            });
        });
    };
    let start_to_close_timeout = Some(Duration::from_secs(10));
    let options = ActivityOptions { start_to_close_timeout, ..Default::default() };
    let busy = || AttemptOutcome::fail("busy");
    let script = [busy(), busy(), AttemptOutcome::hang(), AttemptOutcome::succeed()];
    bench(PREDICTION, &|| {
        let prediction = Model::new(black_box(&options).clone()).predict(black_box(&script));
        let prediction = prediction.expect("options that the server accepts");
        (prediction.attempts.len(), prediction.closed_after.unwrap_or_default())
    });
    bench(SIMULATION, &four_attempts);
    group.finish();
}

fn four_attempts() -> (usize, Duration) {
    let greet = Mock::new(Greeter::greet)
        .script([Outcome::fail("busy"), Outcome::fail("busy"), Outcome::never()])
        .returns("Hello".to_owned());
    let worker = Worker::new("bench").workflow::<OneActivity>().mock(greet.clone());
    let elapsed = Simulation::builder().worker(worker).run(async |sim| {
        sim.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(sim.elapsed())
    });
    (greet.calls(), elapsed)
}

criterion_group!(benches, simulations, model);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    SIMULATIONS.print("a whole simulation of a workflow with one activity, median");
    MODEL.print("an activity of four attempts, median");
}
