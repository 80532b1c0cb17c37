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

/// Two attempts fail, one hangs until it times out, the last succeeds.
fn model(criterion: &mut Criterion) {
    const SIMULATION: &str = "the simulation";
    const PREDICTION: &str = "the model";
    let mut group = criterion.benchmark_group("an activity of four attempts");
    group.bench_function(SIMULATION, |bencher| {
        bencher.iter_custom(|iterations| {
            let elapsed = measured(|| (0..iterations).for_each(|_| four_attempts()));
            MODEL.note(SIMULATION, elapsed, iterations);
            elapsed
        });
    });
    let options =
        ActivityOptions { start_to_close_timeout: Some(Duration::from_secs(10)), ..Default::default() };
    let model = Model::new(options);
    let script = [
        AttemptOutcome::fail("Unavailable"),
        AttemptOutcome::fail("Unavailable"),
        AttemptOutcome::hang(),
        AttemptOutcome::succeed(),
    ];
    group.bench_function(PREDICTION, |bencher| {
        bencher.iter_custom(|iterations| {
            let elapsed = measured(|| {
                for _ in 0..iterations {
                    let prediction = black_box(&model).predict(black_box(&script));
                    assert!(prediction.is_ok_and(|prediction| prediction.attempts.len() == 4));
                }
            });
            MODEL.note(PREDICTION, elapsed, iterations);
            elapsed
        });
    });
    group.finish();
}

fn four_attempts() {
    let greet = Mock::new(Greeter::greet)
        .script([Outcome::fail("busy"), Outcome::fail("busy"), Outcome::never()])
        .returns("Hello".to_owned());
    let worker = Worker::new("bench").workflow::<OneActivity>().mock(greet.clone());
    Simulation::builder().worker(worker).run(async |sim| {
        sim.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(())
    });
    assert_eq!(greet.calls(), 4);
}

criterion_group!(benches, simulations, model);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    SIMULATIONS.print("a whole simulation of a workflow with one activity, median");
    MODEL.print("an activity of four attempts, median");
}
