//! Whether the cost of an event or of a workflow grows with how many there are.

mod common;

use common::{Figures, ManyActivities, sleepers, timed};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};

static PER_EVENT: Figures = Figures::new();
static PER_WORKFLOW: Figures = Figures::new();

fn long_histories(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one workflow with many activities");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for count in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                let (elapsed, events) = timed(async move |simulation| {
                    for _ in 0..iterations {
                        simulation.execute(ManyActivities::run, count).await?;
                    }
                    Ok(())
                });
                PER_EVENT.note(&format!("{count:>6} activities"), elapsed, events);
                elapsed
            });
        });
    }
    group.finish();
}

fn open_workflows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("many open workflows with timers");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for count in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                let (elapsed, _) = timed(async move |simulation| {
                    for _ in 0..iterations {
                        sleepers(simulation, count).await?;
                    }
                    Ok(())
                });
                PER_WORKFLOW.note(&format!("{count:>6} open workflows"), elapsed, count * iterations);
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, long_histories, open_workflows);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    PER_EVENT.print("cost of an event of one workflow, median");
    PER_WORKFLOW.print("cost of a workflow among many open ones, median");
}
