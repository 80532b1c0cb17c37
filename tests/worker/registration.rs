//! Mistakes in the set-up of a worker, each found where it is made.

use temporal_sim::{Simulation, Worker};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    WorkflowContext, WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

#[workflow]
#[derive(Default)]
struct Nothing;

#[workflow_methods]
impl Nothing {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }
}

#[workflow]
struct Initialised;

#[workflow_methods]
impl Initialised {
    #[init]
    fn new(_ctx: &WorkflowContextView) -> Self {
        Self
    }

    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Desk;

#[activities]
impl Desk {
    #[activity]
    async fn stamp(_ctx: ActivityContext, _page: u32) -> Result<(), ActivityError> {
        Ok(())
    }

    #[activity]
    async fn file(_ctx: ActivityContext, _page: u32) -> Result<(), ActivityError> {
        Ok(())
    }
}

#[test]
#[should_panic(expected = "workflow type Nothing is registered twice on the worker of task queue office")]
fn a_workflow_type_is_registered_once() {
    let _ = Worker::new("office").workflow::<Nothing>().workflow_with_factory(|| Nothing);
}

#[test]
#[should_panic(expected = "workflow type Initialised has an #[init] method")]
fn a_workflow_with_an_init_method_makes_itself() {
    let _ = Worker::new("office").workflow_with_factory(|| Initialised);
}

#[test]
#[should_panic(expected = "activity type Desk::stamp is registered twice on the worker of task queue office")]
fn an_activity_type_is_registered_once() {
    let _ = Worker::new("office").activities(Desk, (Desk::stamp, Desk::file)).activity(Desk::stamp, Desk);
}

#[test]
fn a_worker_shows_what_it_has() {
    let worker = Worker::new("office").workflow::<Nothing>().activities(Desk, (Desk::stamp, Desk::file));
    assert_eq!(
        format!("{worker:?}"),
        "Worker { task_queue: \"office\", workflows: [\"Nothing\"], \
         activities: [\"Desk::file\", \"Desk::stamp\"], .. }"
    );
}

#[test]
fn a_worker_with_nothing_to_run_is_a_mistake() {
    let failure = Simulation::builder()
        .worker(Worker::new("office"))
        .try_run(async |sim| {
            sim.sleep(std::time::Duration::from_secs(1)).await;
            Ok(())
        })
        .expect_err("it has nothing to run");
    let cause = super::cause(&failure);
    assert!(
        cause.contains("the worker of task queue office has nothing to run: register at least one"),
        "{cause}"
    );
}
