//! Activities: what they are told, what becomes of their results and of their heartbeats.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    features::codec::{Scrambler, Secret},
    misbehaving::Greeter,
};
use temporalio_client::{WorkflowCancelOptions, WorkflowStartOptions};
use temporalio_common::{
    error::ApplicationFailure,
    protos::temporal::api::{
        enums::v1::{EventType, WorkflowExecutionStatus},
        history::v1::history_event::Attributes,
    },
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

use super::{cause, count};

/// Runs one activity.
#[workflow]
#[derive(Default)]
struct Copies;

#[workflow_methods]
impl Copies {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, pages: u32) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(600))
            .heartbeat_timeout(Duration::from_secs(10))
            .build();
        Ok(ctx.execute_activity(Copier::copy, pages, options).await?)
    }
}

/// Copies a page a second and says how far it is; jams once at some page.
#[derive(Default)]
struct Copier {
    jams_at: Option<u32>,
    starts: Mutex<Vec<(u32, Option<u32>)>>,
    /// The page on which it was told to stop.
    stopped: Mutex<Option<u32>>,
}

#[activities]
impl Copier {
    #[activity]
    async fn copy(self: Arc<Self>, ctx: ActivityContext, pages: u32) -> Result<String, ActivityError> {
        let done = ctx.heartbeat_details().deserialize::<u32>()?;
        let attempt = ctx.info().attempt;
        self.starts.lock().expect("nobody panics with it").push((attempt, done));
        for page in done.unwrap_or(0)..pages {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if ctx.is_cancelled() {
                *self.stopped.lock().expect("nobody panics with it") = Some(page);
                return Err(ActivityError::cancelled());
            }
            if self.jams_at == Some(page) && attempt == 1 {
                return Err(ApplicationFailure::new(anyhow::anyhow!("paper jam on page {page}")).into());
            }
            ctx.record_heartbeat(page + 1).await?;
        }
        Ok(format!("{pages} pages"))
    }

    #[activity]
    async fn other(_ctx: ActivityContext, _page: u32) -> Result<(), ActivityError> {
        Ok(())
    }
}

/// A type of heartbeat details that nobody registers.
#[derive(serde::Serialize, serde::Deserialize)]
struct Page {
    number: u32,
}

#[workflow]
#[derive(Default)]
struct Scans;

#[workflow_methods]
impl Scans {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, bad: bool) -> WorkflowResult<()> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
        Ok(ctx.execute_activity(Scanner::scan, bad, options).await?)
    }
}

struct Scanner;

#[activities]
impl Scanner {
    #[activity]
    async fn scan(ctx: ActivityContext, bad: bool) -> Result<(), ActivityError> {
        assert!(!bad, "the lamp is broken");
        ctx.record_heartbeat(Page { number: 1 }).await?;
        Ok(())
    }
}

#[test]
fn an_activity_runs_on_virtual_time() {
    let worker = Worker::new("copies").workflow::<Copies>().activity(Copier::copy, Copier::default());
    Simulation::builder().worker(worker).run(async |sim| {
        assert_eq!(sim.execute(Copies::run, 30).await?, "30 pages");
        assert_eq!(sim.elapsed(), Duration::from_secs(30));
        Ok(())
    });
}

#[test]
fn the_next_attempt_goes_on_where_the_last_heartbeat_was() {
    let copier = Arc::new(Copier { jams_at: Some(5), ..Default::default() });
    let worker = Worker::new("copies").workflow::<Copies>().activity(Copier::copy, copier.clone());
    Simulation::builder().worker(worker).run(async |sim| {
        assert_eq!(sim.execute(Copies::run, 10).await?, "10 pages");
        assert_eq!(count(&sim.history("Copies-1")?, EventType::ActivityTaskScheduled), 1);
        Ok(())
    });
    let starts = copier.starts.lock().expect("nobody panics with it");
    assert_eq!(
        *starts,
        [(1, None), (2, Some(5))],
        "the failure carries the latest details, throttled or not"
    );
}

#[test]
fn heartbeat_details_of_an_unknown_type_fail_the_simulation() {
    let worker = Worker::new("scans").workflow::<Scans>().activity(Scanner::scan, Scanner);
    let failure = Simulation::builder()
        .worker(worker.clone())
        .try_run(async |sim| Ok(sim.execute(Scans::run, false).await?))
        .expect_err("nobody registered the details");
    let cause = cause(&failure);
    assert!(cause.contains("activity Scanner::scan: "), "{cause}");
    assert!(cause.contains("Worker::heartbeat_details::<T>()"), "{cause}");

    Simulation::builder()
        .worker(worker.heartbeat_details::<Page>())
        .run(async |sim| Ok(sim.execute(Scans::run, false).await?));
}

#[test]
fn a_cancelled_activity_learns_of_it_by_its_heartbeat() {
    let copier = Arc::new(Copier::default());
    let worker = Worker::new("copies").workflow::<Copies>().activity(Copier::copy, copier.clone());
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("copies", "copies-1").build();
        let handle = sim.client().start_workflow(Copies::run, 500, options).await?;
        sim.sleep(Duration::from_secs(100)).await;
        handle.cancel(WorkflowCancelOptions::default()).await?;
        sim.run_until_idle().await;
        sim.sleep(Duration::from_secs(60)).await;
        assert_eq!(sim.history("copies-1")?.status(), WorkflowExecutionStatus::Canceled);
        Ok(())
    });
    let stopped = copier.stopped.lock().expect("nobody panics with it").expect("it was told to stop");
    assert!((100..=109).contains(&stopped), "heartbeats go out every 8 s, it stopped on page {stopped}");
}

#[test]
fn a_codec_is_applied_to_all_that_leaves_the_worker() {
    let worker = Worker::new("secrets")
        .data_converter(Scrambler::new(0x5a).data_converter())
        .workflow::<Secret>()
        .activity(Greeter::greet, Greeter);
    Simulation::builder().worker(worker).run(async |sim| {
        let greeting = sim.execute(Secret::run, "sesame".to_owned()).await?;
        assert!(greeting.contains("sesame"), "{greeting}");
        let history = sim.history("Secret-1")?;
        let payloads = history.events().iter().filter_map(|event| match event.attributes.clone()? {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => started.input,
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => scheduled.input,
            Attributes::ActivityTaskCompletedEventAttributes(completed) => completed.result,
            Attributes::WorkflowExecutionCompletedEventAttributes(completed) => completed.result,
            _ => None,
        });
        let payloads: Vec<_> = payloads.flat_map(|payloads| payloads.payloads).collect();
        assert_eq!(payloads.len(), 4);
        for payload in payloads {
            assert_eq!(payload.metadata["encoding"], b"binary/scrambled");
            assert!(!payload.data.windows(6).any(|bytes| bytes == b"sesame"), "it stands there in the clear");
        }
        Ok(())
    });
}

#[test]
fn a_panic_is_a_failure_that_is_retried() {
    let worker = Worker::new("scans").workflow::<Scans>().activity(Scanner::scan, Scanner);
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("scans", "scan-1").build();
        let handle = sim.client().start_workflow(Scans::run, true, options).await?;
        sim.sleep(Duration::from_millis(100)).await;
        let described = handle.describe(Default::default()).await?;
        let pending = &described.raw().pending_activities;
        let failure = pending[0].last_failure.as_ref().expect("the first attempt failed");
        assert_eq!(failure.message, "Activity function panicked: the lamp is broken");
        Ok(())
    });
}

#[test]
fn an_unknown_activity_type_says_what_there_is() {
    let worker = Worker::new("copies").workflow::<Copies>().activity(Copier::other, Copier::default());
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("copies", "copies-1").build();
        let handle = sim.client().start_workflow(Copies::run, 1, options).await?;
        sim.sleep(Duration::from_millis(100)).await;
        let described = handle.describe(Default::default()).await?;
        let pending = &described.raw().pending_activities;
        let failure = pending[0].last_failure.as_ref().expect("the first attempt failed");
        assert_eq!(
            failure.message,
            "Activity Copier::copy is not registered on this worker, available activities: Copier::other"
        );
        Ok(())
    });
}
