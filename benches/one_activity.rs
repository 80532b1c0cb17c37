//! What a simulation costs: the same one-activity workflow driven by hand, in a simulation, and through
//! the official client.

mod common;

use std::time::{Duration, Instant};

use common::{Figures, Greeter, OneActivity, TASK_QUEUE, timed};
use criterion::{Criterion, criterion_group};
use temporal_sim::bench::GuestFloor;
use temporalio_client::{WorkflowGetResultOptions, WorkflowStartOptions};

const FLOOR: &str = "a: its code alone, driven by hand";
const DIRECT: &str = "b: in a simulation";
const CLIENT: &str = "c: in a simulation, through the client";

static FIGURES: Figures = Figures::new();

fn one_activity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one-activity workflow");
    let floor = GuestFloor::new::<OneActivity, _>(Greeter::greet, Greeter, &"x".to_owned());
    group.bench_function(FLOOR, |bencher| {
        bencher.iter_custom(|iterations| {
            noted(FLOOR, iterations, measure(|| (0..iterations).for_each(|_| floor.run())))
        });
    });
    group.bench_function(DIRECT, |bencher| {
        bencher.iter_custom(|iterations| {
            let (elapsed, _) = timed(async move |simulation| {
                for _ in 0..iterations {
                    simulation.execute(OneActivity::run, "x".to_owned()).await?;
                }
                Ok(())
            });
            noted(DIRECT, iterations, elapsed)
        });
    });
    group.bench_function(CLIENT, |bencher| {
        bencher.iter_custom(|iterations| {
            let (elapsed, _) = timed(async move |simulation| {
                let client = simulation.client();
                for index in 0..iterations {
                    let options = WorkflowStartOptions::new(TASK_QUEUE, format!("w-{index}")).build();
                    let handle = client.start_workflow(OneActivity::run, "x".to_owned(), options).await?;
                    handle.get_result(WorkflowGetResultOptions::default()).await?;
                }
                Ok(())
            });
            noted(CLIENT, iterations, elapsed)
        });
    });
    group.finish();
}

fn noted(name: &str, iterations: u64, elapsed: Duration) -> Duration {
    FIGURES.note(name, elapsed, iterations);
    elapsed
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn measure(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

criterion_group!(benches, one_activity);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    FIGURES.print("one-activity workflow, median for each");
}
