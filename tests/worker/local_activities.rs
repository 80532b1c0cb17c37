//! Local activities: their retries, timeouts and cancellations on virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use temporal_sim::{Simulation, Worker};
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    LocalActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

use super::count;

/// Runs one local activity.
#[workflow]
#[derive(Default)]
struct Prices;

#[workflow_methods]
impl Prices {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, start_to_close: u64) -> WorkflowResult<u32> {
        let options = LocalActivityOptions::builder()
            .start_to_close_timeout(Duration::from_secs(start_to_close))
            .schedule_to_close_timeout(Duration::from_secs(60 * 60))
            .build();
        Ok(ctx.execute_local_activity(Catalogue::look_up, "tea".to_owned(), options).await?)
    }
}

/// Fails, or takes long, a few times before it succeeds.
#[derive(Default)]
struct Catalogue {
    attempts: AtomicU32,
    failures: u32,
    hangs: u32,
    delay: Duration,
}

#[activities]
impl Catalogue {
    #[activity]
    async fn look_up(self: Arc<Self>, ctx: ActivityContext, _item: String) -> Result<u32, ActivityError> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!(ctx.info().attempt, attempt);
        assert!(ctx.info().is_local);
        if attempt <= self.failures {
            return Err(anyhow::anyhow!("the catalogue is closed").into());
        }
        if attempt <= self.failures + self.hangs {
            ctx.cancelled().await;
            return Err(ActivityError::cancelled());
        }
        tokio::time::sleep(self.delay).await;
        Ok(attempt)
    }
}

/// Looks a price up; gives the result, how long it took, and how many workflow tasks and markers it took.
fn look_up(catalogue: Catalogue, start_to_close: u64) -> (u32, Duration, usize, usize) {
    let worker = Worker::new("shop").workflow::<Prices>().activity(Catalogue::look_up, catalogue);
    Simulation::builder().worker(worker).run(async move |sim| {
        let price = sim.execute(Prices::run, start_to_close).await?;
        let history = sim.history("Prices-1")?;
        let tasks = count(&history, EventType::WorkflowTaskCompleted);
        Ok((price, sim.elapsed(), tasks, count(&history, EventType::MarkerRecorded)))
    })
}

#[test]
fn it_runs_within_the_workflow_task() {
    assert_eq!(look_up(Catalogue::default(), 10), (1, Duration::ZERO, 1, 1));
}

#[test]
fn it_is_retried_by_the_worker() {
    let catalogue = Catalogue { failures: 2, ..Default::default() };
    assert_eq!(look_up(catalogue, 10), (3, Duration::from_secs(1 + 2), 1, 1));
}

#[test]
fn an_attempt_that_takes_too_long_is_retried() {
    let catalogue = Catalogue { hangs: 1, ..Default::default() };
    assert_eq!(look_up(catalogue, 4), (2, Duration::from_secs(4 + 1), 1, 1));
}

#[test]
fn a_long_back_off_is_a_timer_of_the_workflow() {
    let catalogue = Catalogue { failures: 7, ..Default::default() };
    let (attempts, elapsed, tasks, markers) = look_up(catalogue, 10);
    // It waits 1, 2, 4, 8, 16 and 32 s itself. The next wait is 64 s, more than the minute it is allowed.
    assert_eq!((attempts, elapsed), (8, Duration::from_secs(63 + 64)));
    assert_eq!(markers, 2, "the failure before the timer and the result after it");
    assert!(tasks > 2, "the task is kept alive during the waits, and the timer starts one: {tasks}");
}

#[test]
fn a_long_one_keeps_its_workflow_task_alive() {
    let catalogue = Catalogue { delay: Duration::from_secs(25), ..Default::default() };
    let (attempts, elapsed, tasks, markers) = look_up(catalogue, 60);
    assert_eq!((attempts, elapsed, markers), (1, Duration::from_secs(25), 1));
    assert_eq!(tasks, 4, "a task of 10 s is completed after 8 s, and a new one is asked for");
}
