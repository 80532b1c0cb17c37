//! Workflow tasks: the cache, replay, and everything that makes a task fail.

use std::time::Duration;

use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::features::signals::Sum;
use temporalio_client::{
    UntypedSignal, UntypedWorkflow, WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::{data_converters::RawValue, protos::temporal::api::enums::v1::EventType};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult, runtime::WorkflowErrorType};

use super::{cause, count};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Waits on tokio's clock, which no history can bring back.
#[workflow]
#[derive(Default)]
struct SleepsOnTokio;

#[workflow_methods]
impl SleepsOnTokio {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        tokio::time::sleep(HOUR).await;
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Panics;

#[workflow_methods]
impl Panics {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, reason: String) -> WorkflowResult<()> {
        panic!("{reason}")
    }
}

/// Adds 1 and 2 half an hour apart and gives the sum and the events that were recorded.
fn sum(worker: Worker, seed: u64) -> (u32, Vec<EventType>) {
    Simulation::builder().seed(seed).worker(worker.workflow::<Sum>()).run(async |sim| {
        let options = WorkflowStartOptions::new("sums", "sum-1").build();
        let handle = sim.client().start_workflow(Sum::run, 5, options).await?;
        sim.sleep(HOUR / 2).await;
        handle.signal(Sum::add, 1, WorkflowSignalOptions::default()).await?;
        sim.sleep(2 * HOUR).await;
        handle.signal(Sum::add, 2, WorkflowSignalOptions::default()).await?;
        let total = handle.get_result(WorkflowGetResultOptions::default()).await?;
        assert_eq!(sim.elapsed(), 5 * HOUR);
        let history = sim.history("sum-1")?;
        Ok((total, history.events().iter().map(|event| event.event_type()).collect()))
    })
}

#[test]
fn the_cache_changes_nothing_but_the_work() {
    let cached = sum(Worker::new("sums"), 1);
    assert_eq!(cached.0, 3);
    assert_eq!(sum(Worker::new("sums").max_cached_workflows(0), 1), cached, "every task replays");
    for seed in 1..20 {
        assert_eq!(sum(Worker::new("sums").evict_at_random(0.5), seed), cached, "seed {seed}");
    }
}

#[test]
fn a_full_cache_lets_the_least_recently_used_workflow_go() {
    let worker = Worker::new("sums").workflow::<Sum>().max_cached_workflows(2);
    Simulation::builder().worker(worker).run(async |sim| {
        let mut handles = Vec::new();
        for number in 0..5 {
            let options = WorkflowStartOptions::new("sums", format!("sum-{number}")).build();
            handles.push(sim.client().start_workflow(Sum::run, 2, options).await?);
        }
        for handle in &handles {
            handle.signal(Sum::add, 7, WorkflowSignalOptions::default()).await?;
        }
        for handle in handles {
            assert_eq!(handle.get_result(WorkflowGetResultOptions::default()).await?, 7);
        }
        assert_eq!(sim.elapsed(), 2 * HOUR);
        Ok(())
    });
}

#[test]
fn a_panic_fails_the_simulation_at_once() {
    let failure = Simulation::builder()
        .worker(Worker::new("office").workflow::<Panics>())
        .try_run(async |sim| Ok(sim.execute(Panics::run, "out of paper".to_owned()).await?))
        .expect_err("the workflow panics");
    let cause = cause(&failure);
    assert!(
        cause.starts_with(
            "a workflow task of Panics \"Panics-1\" failed (WORKFLOW_WORKER_UNHANDLED_FAILURE): \
             Workflow function panicked: out of paper"
        ),
        "{cause}"
    );
}

#[test]
fn a_tolerated_panic_fails_the_task_once_and_lets_its_retries_time_out() {
    let worker = Worker::new("office").workflow::<Panics>();
    Simulation::builder().worker(worker).tolerate_workflow_task_failures(true).run(async |sim| {
        let options = WorkflowStartOptions::new("office", "panics-1").build();
        sim.client().start_workflow(Panics::run, "still no paper".to_owned(), options).await?;
        sim.sleep(HOUR).await;
        let history = sim.history("panics-1")?;
        assert_eq!(count(&history, EventType::WorkflowTaskFailed), 1);
        assert_eq!(count(&history, EventType::WorkflowExecutionFailed), 0);
        Ok(())
    });
}

#[test]
fn waiting_for_the_outside_world_is_found_out() {
    let failure = Simulation::builder()
        .worker(Worker::new("office").workflow::<SleepsOnTokio>())
        .try_run(async |sim| Ok(sim.execute(SleepsOnTokio::run, ()).await?))
        .expect_err("the workflow waits for tokio");
    let cause = cause(&failure);
    assert!(
        cause.contains("failed (NON_DETERMINISTIC_ERROR): [TMPRL1100] Nondeterministic future detected"),
        "{cause}"
    );
}

#[test]
fn nondeterminism_fails_the_workflow_where_that_is_wished() {
    let worker = Worker::new("office")
        .workflow::<SleepsOnTokio>()
        .workflow_failure_errors([WorkflowErrorType::Nondeterminism]);
    Simulation::builder().worker(worker).tolerate_workflow_task_failures(true).run(async |sim| {
        let options = WorkflowStartOptions::new("office", "sleeps-1").build();
        let handle = sim.client().start_workflow(SleepsOnTokio::run, (), options).await?;
        sim.sleep(2 * HOUR).await;
        // Only a task of the workflow finds it out.
        let nudge = UntypedSignal::new("nudge");
        let untyped = sim.client().get_workflow_handle::<UntypedWorkflow>("sleeps-1");
        untyped.signal(nudge, RawValue::empty(), WorkflowSignalOptions::default()).await?;
        let failed = handle.get_result(WorkflowGetResultOptions::default()).await;
        assert!(failed.is_err(), "{failed:?}");
        assert_eq!(count(&sim.history("sleeps-1")?, EventType::WorkflowTaskFailed), 0);
        Ok(())
    });
}

#[test]
fn an_unknown_workflow_type_says_where_and_what_there_is() {
    let worker = Worker::new("office").workflow::<Panics>().workflow::<Sum>();
    let failure = Simulation::builder()
        .worker(worker)
        .try_run(async |sim| {
            let options = WorkflowStartOptions::new("office", "sleeps-1").build();
            let handle = sim.client().start_workflow(SleepsOnTokio::run, (), options).await?;
            Ok(handle.get_result(WorkflowGetResultOptions::default()).await?)
        })
        .expect_err("the worker does not have it");
    let cause = cause(&failure);
    assert!(
        cause.contains(
            "Workflow type SleepsOnTokio is not registered on the worker of task queue office; it has Panics, Sum"
        ),
        "{cause}"
    );
}
