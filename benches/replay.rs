//! What a replay costs, beside the official replayer with the same histories in the same run: short histories one by
//! one and many at once, histories from 100 to 20,000 events, and 10,000 histories.

mod common;

use std::time::Duration;

use common::{Figures, ManyActivities, OneActivity, measured, recorded};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use temporal_sim::{history::History, replay::Replayer};
use temporalio_common::protos::temporal::api::history::v1::{History as Events, HistoryEvent};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

static SHORT: Figures = Figures::new();
static LONG: Figures = Figures::new();
static MANY: Figures = Figures::new();

/// How many events the histories have that get longer and longer, about.
const LENGTHS: [u32; 4] = [100, 1_000, 5_000, 20_000];

/// Ten activities at a time, each with three events, and the workflow tasks between them.
const EVENTS_PER_ACTIVITY: f64 = 4.5;

fn ours() -> Replayer {
    Replayer::new().workflow::<OneActivity>().workflow::<ManyActivities>()
}

/// A replay as the official replayer does it: once.
fn ours_once() -> Replayer {
    ours().replays(1)
}

/// The official replayer, one worker for all the histories.
fn official(histories: &[History]) -> Duration {
    let histories: Vec<_> = histories.iter().map(|it| Events { events: it.clone().into_events() }).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let elapsed = tokio::task::LocalSet::new().block_on(&runtime, async {
        let options = WorkflowReplayerOptions::new()
            .register_workflow::<OneActivity>()
            .and_then(|options| options.register_workflow::<ManyActivities>())
            .expect("two types");
        let replayer = WorkflowReplayer::new(options.build()).expect("there are workflows");
        let start = common::now();
        let results = replayer.replay_workflows(histories.into_iter().map(Into::into)).await;
        let elapsed = start.elapsed();
        let results = results.expect("the official replayer works");
        assert!(results.iter().all(|result| result.replay_failure.is_none()), "every history is accepted");
        elapsed
    });
    runtime.shutdown_background();
    elapsed
}

/// One workflow with one activity: eleven events.
fn short(criterion: &mut Criterion) {
    const OFFICIAL_ALONE: &str = "official, a worker for each";
    const OFFICIAL: &str = "official, a worker for a thousand";
    const OURS_ALONE: &str = "ours, one by one";
    const OURS_TWICE: &str = "ours, one by one, each replayed twice";
    const OURS: &str = "ours, a thousand at once";
    let history = recorded(async |sim| {
        sim.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(())
    });
    // Each with events of its own, as if they had been read from files.
    let copy = || History::new(history.events().iter().map(|event| HistoryEvent::clone(event)).collect());
    let thousand: Vec<_> = (0..1000).map(|_| copy().expect("it was one already")).collect();
    let mut group = criterion.benchmark_group("short histories");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(2));
    let mut bench = |name: &str, histories: u64, run: &dyn Fn() -> Duration| {
        group.throughput(Throughput::Elements(histories));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = (0..iterations).map(|_| run()).sum();
                SHORT.note(name, elapsed, iterations * histories);
                elapsed
            });
        });
    };
    let (once, twice) = (ours_once(), ours());
    bench(OFFICIAL_ALONE, 1, &|| official(std::slice::from_ref(&history)));
    bench(OFFICIAL, 1000, &|| official(&thousand));
    bench(OURS_ALONE, 1, &|| measured(|| assert!(once.replay(&history).is_compatible())));
    bench(OURS_TWICE, 1, &|| measured(|| assert!(twice.replay(&history).is_compatible())));
    bench(OURS, 1000, &|| measured(|| assert!(once.replay_histories(thousand.clone()).is_compatible())));
    group.finish();
}

fn long(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("long histories");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(2));
    let replayer = ours_once();
    for length in LENGTHS {
        let activities = (f64::from(length) / EVENTS_PER_ACTIVITY / 10.0).ceil() as u32 * 10;
        let history = recorded(async move |sim| {
            sim.execute(ManyActivities::run, activities).await?;
            Ok(())
        });
        let events = history.events().len() as u64;
        group.throughput(Throughput::Elements(events));
        let mut bench = |name: &str, run: &dyn Fn() -> Duration| {
            group.bench_function(BenchmarkId::new(name, events), |bencher| {
                bencher.iter_custom(|iterations| {
                    let elapsed = (0..iterations).map(|_| run()).sum();
                    LONG.note(&format!("{events:>6} events, {name}"), elapsed, iterations * events);
                    elapsed
                });
            });
        };
        bench("official", &|| official(std::slice::from_ref(&history)));
        bench("ours", &|| measured(|| assert!(replayer.replay(&history).is_compatible())));
    }
    group.finish();
}

/// Ten thousand histories, made one by one as they are asked for.
fn many(criterion: &mut Criterion) {
    const COUNT: usize = 10_000;
    let history = recorded(async |sim| {
        sim.execute(OneActivity::run, "x".to_owned()).await?;
        Ok(())
    });
    let mut group = criterion.benchmark_group("many histories");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(5));
    for (name, count) in [("   100 histories", 100), (" 1,000 histories", 1_000), ("10,000 histories", COUNT)]
    {
        let replayer = ours();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name.trim(), |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = (0..iterations).map(|_| {
                    measured(|| {
                        let report = replayer.replay_histories((0..count).map(|_| history.clone()));
                        assert!(report.is_compatible());
                    })
                });
                let elapsed = elapsed.sum();
                MANY.note(name, elapsed, iterations * count as u64);
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, short, long, many);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    SHORT.print("cost of a short history (11 events), median");
    LONG.print("cost of an event, median");
    MANY.print("cost of a history, each replayed twice, median");
}
