//! What workflow and activity code can ask its context, as far as no fixture asks it.

use std::{sync::Mutex, time::Duration};

use temporal_sim::{Simulation, Worker};
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};
use temporalio_common::worker::{WorkerDeploymentOptions, WorkerDeploymentVersion};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    LocalActivityOptions, SyncWorkflowContext, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Where workflow code leaves notes outside of its history: what a logger would see.
static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes whether it replays, before and after an hour.
#[workflow]
#[derive(Default)]
struct Replays;

#[workflow_methods]
impl Replays {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        for place in ["before", "after"] {
            let replaying = (ctx.is_replaying(), ctx.is_replaying_history_events());
            NOTES.lock().expect("nobody panics with it").push(format!("{place}: {replaying:?}"));
            ctx.timer(HOUR).await;
        }
        Ok(())
    }
}

#[test]
fn code_knows_whether_it_replays() {
    let worker = Worker::new("replays").workflow::<Replays>().max_cached_workflows(0);
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("replays", "replays").build();
        let handle = sim.client().start_workflow(Replays::run, (), options).await?;
        handle.get_result(Default::default()).await?;
        Ok(())
    });
    let notes = std::mem::take(&mut *NOTES.lock().expect("nobody panics with it"));
    assert_eq!(
        notes,
        [
            "before: (false, false)",
            "before: (true, true)",
            "after: (false, false)",
            "before: (true, true)",
            "after: (true, true)",
        ]
    );
}

/// Collects signals until the server suggests to continue as new.
#[workflow]
#[derive(Default)]
struct Collects;

#[workflow_methods]
impl Collects {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        while !ctx.continue_as_new_suggested() {
            ctx.timer(HOUR).await;
        }
        Ok(ctx.history_length())
    }

    #[signal]
    fn coin(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _text: String) {}
}

#[test]
fn the_server_suggests_to_continue_as_new_when_the_history_is_long() {
    let worker = Worker::new("coins").workflow::<Collects>();
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("coins", "coins").build();
        let handle = sim.client().start_workflow(Collects::run, (), options).await?;
        sim.sleep(Duration::from_secs(1)).await;
        // 4 MiB of history are enough, however few events they are.
        for _ in 0..5 {
            handle.signal(Collects::coin, "x".repeat(1024 * 1024), WorkflowSignalOptions::default()).await?;
        }
        let length = handle.get_result(Default::default()).await?;
        assert!(length < 40, "{length}");
        assert_eq!(sim.elapsed(), HOUR);
        Ok(())
    });
}

/// Tells which deployment version runs it.
#[workflow]
#[derive(Default)]
struct Versioned;

#[workflow_methods]
impl Versioned {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Option<String>> {
        let version = ctx.current_deployment_version();
        Ok(version.map(|version| format!("{}/{}", version.deployment_name, version.build_id)))
    }
}

#[test]
fn code_knows_the_deployment_version_of_its_worker() {
    let version = WorkerDeploymentVersion::builder().deployment_name("coins").build_id("7").build();
    for (options, expected) in
        [(None, None), (Some(WorkerDeploymentOptions::new(version).build()), Some("coins/7".to_owned()))]
    {
        let mut worker = Worker::new("versions").workflow::<Versioned>();
        if let Some(options) = options {
            worker = worker.deployment_options(options);
        }
        Simulation::builder().worker(worker).run(async move |sim| {
            assert_eq!(sim.execute(Versioned::run, ()).await?, expected);
            Ok(())
        });
    }
}

#[test]
fn a_worker_that_goes_by_a_version_is_refused() {
    let version = WorkerDeploymentVersion::builder().deployment_name("coins").build_id("7").build();
    let options = WorkerDeploymentOptions::new(version).use_worker_versioning(true).build();
    let worker = Worker::new("versions").workflow::<Versioned>().deployment_options(options);
    let failure = Simulation::builder().worker(worker).try_run(async |_| Ok(())).expect_err("a refusal");
    assert!(failure.to_string().contains("goes by version coins.7"), "{failure}");
}

/// Waits for the word of its activity, which comes as a signal.
#[workflow]
#[derive(Default)]
struct Waits {
    word: Option<String>,
}

#[workflow_methods]
impl Waits {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let options = LocalActivityOptions::builder()
            .start_to_close_timeout(HOUR)
            .attempt(3)
            .original_schedule_time(prost_types::Timestamp { seconds: 1_735_689_600, nanos: 0 })
            .build();
        let attempt = ctx.execute_local_activity(Speaker::speak, (), options).await?;
        ctx.wait_condition(|waits| waits.word.is_some()).await?;
        Ok(ctx.state(|waits| format!("{} in attempt {attempt}", waits.word.clone().unwrap_or_default())))
    }

    #[signal]
    fn say(&mut self, _ctx: &mut SyncWorkflowContext<Self>, word: String) {
        self.word = Some(word);
    }
}

struct Speaker;

#[activities]
impl Speaker {
    #[activity]
    async fn speak(ctx: ActivityContext, _nothing: ()) -> Result<u32, ActivityError> {
        let namespace = ctx.client().options().namespace.clone();
        let workflow = ctx.workflow_handle::<Waits>().ok_or_else(|| anyhow::anyhow!("it has a workflow"))?;
        workflow.signal(Waits::say, namespace, WorkflowSignalOptions::default()).await?;
        Ok(ctx.info().attempt)
    }
}

#[test]
fn an_activity_has_a_client_and_a_handle_of_its_workflow() {
    let worker = Worker::new("speakers").workflow::<Waits>().activity(Speaker::speak, Speaker);
    Simulation::builder().worker(worker).run(async |sim| {
        assert_eq!(sim.execute(Waits::run, ()).await?, "default in attempt 3");
        Ok(())
    });
}
