//! What the benches share: the workflows they run, and a table that puts their figures side by side.

#![allow(dead_code, unreachable_pub, reason = "every bench uses a part of it")]

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use temporal_sim::{Simulation, Worker, history::History};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

pub const TASK_QUEUE: &str = "bench";

/// Runs one activity.
#[workflow]
#[derive(Default)]
pub struct OneActivity;

#[workflow_methods]
impl OneActivity {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        Ok(ctx.execute_activity(Greeter::greet, name, options).await?)
    }
}

/// Runs so many activities, ten at a time.
#[workflow]
#[derive(Default)]
pub struct ManyActivities;

#[workflow_methods]
impl ManyActivities {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<u32> {
        for _ in 0..count / 10 {
            let batch = (0..10).map(|_| {
                let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
                ctx.execute_activity(Greeter::greet, "x".to_owned(), options)
            });
            for greeting in join_all(batch).await {
                greeting?;
            }
        }
        Ok(count)
    }
}

/// Sleeps for so many seconds.
#[workflow]
#[derive(Default)]
pub struct Sleeper;

#[workflow_methods]
impl Sleeper {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, seconds: u64) -> WorkflowResult<()> {
        ctx.timer(Duration::from_secs(seconds)).await;
        Ok(())
    }
}

pub struct Greeter;

#[activities]
impl Greeter {
    #[activity]
    pub async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(format!("Hello, {name}!"))
    }
}

/// A worker that has everything that the benches run, and keeps all of it in its cache.
pub fn worker() -> Worker {
    Worker::new(TASK_QUEUE)
        .max_cached_workflows(usize::MAX)
        .workflow::<OneActivity>()
        .workflow::<ManyActivities>()
        .workflow::<Sleeper>()
        .activity(Greeter::greet, Greeter)
}

/// Runs the body in a simulation. Returns the real time that it took, without the set-up, and how many events
/// were recorded.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn timed(body: impl AsyncFnOnce(&Simulation) -> anyhow::Result<()> + Send + 'static) -> (Duration, u64) {
    let builder = Simulation::builder()
        .worker(worker())
        .budget(u64::MAX)
        .limits(|limits| limits.history_count = i64::MAX);
    builder.run(async |simulation| {
        let start = Instant::now();
        body(&simulation).await?;
        let elapsed = start.elapsed();
        let events = simulation.histories().iter().map(|history| history.events().len() as u64).sum();
        Ok((elapsed, events))
    })
}

/// The history of the only workflow that the body executes.
pub fn recorded(body: impl AsyncFnOnce(&Simulation) -> anyhow::Result<()> + Send + 'static) -> History {
    let builder = Simulation::builder()
        .worker(worker())
        .budget(u64::MAX)
        .limits(|limits| limits.history_count = i64::MAX);
    builder.run(async |simulation| {
        body(&simulation).await?;
        simulation.histories().pop().ok_or_else(|| anyhow::anyhow!("it executed nothing"))
    })
}

/// The real time.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long it takes.
pub fn measured(run: impl FnOnce()) -> Duration {
    let start = now();
    run();
    start.elapsed()
}

/// Opens so many workflows that sleep, and lets them all end.
pub async fn sleepers(simulation: &Simulation, count: u64) -> anyhow::Result<()> {
    let all = (0..count).map(|index| simulation.execute(Sleeper::run, 3600 + index % 100));
    for result in join_all(all).await {
        result?;
    }
    Ok(())
}

/// Figures of one run of a bench, by name.
#[derive(Default)]
pub struct Figures(Mutex<BTreeMap<String, Vec<f64>>>);

impl Figures {
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Notes that `units` of what `name` says took this long.
    pub fn note(&self, name: &str, elapsed: Duration, units: u64) {
        let figure = elapsed.as_secs_f64() / units as f64;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.to_owned())
            .or_default()
            .push(figure);
    }

    /// Prints the median of each figure in microseconds, and how many times the first one it is.
    #[expect(clippy::print_stdout, reason = "a bench shows its figures")]
    pub fn print(&self, title: &str) {
        println!("\n{title}");
        let mut first = None;
        for (name, figures) in &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            figures.sort_by(f64::total_cmp);
            let median = figures[figures.len() / 2];
            let ratio = median / *first.get_or_insert(median);
            println!("  {name:<44} {:>10.2} us   {ratio:>6.2}x", median * 1e6);
        }
    }
}
