//! `WorkflowStartOptions`, and finding what was started.

use std::time::Duration;

use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::features::retries::Climber;
use temporalio_client::{
    Client, ClientOptions, WorkflowHandle, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    WorkflowStartOptions, WorkflowTerminateOptions, errors::WorkflowStartError,
};
use temporalio_common::{
    HasWorkflowDefinition, MemoValues, Priority, RetryPolicy,
    protos::temporal::api::{
        enums::v1::{EventType, WorkflowExecutionStatus},
        history::v1::{WorkflowExecutionStartedEventAttributes, history_event::Attributes},
    },
    search_attributes::{SearchAttributeKey, SearchAttributes},
};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ApplicationFailure, WorkflowContext, WorkflowResult};

use super::{HOUR, SECOND};

/// Sleeps so long, and says so; fails if it is not to sleep at all.
#[workflow]
#[derive(Default)]
struct Nap;

#[workflow_methods]
impl Nap {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, time: Duration) -> WorkflowResult<String> {
        if time.is_zero() {
            let failure = ApplicationFailure::builder(anyhow::anyhow!("not tired")).non_retryable(true);
            return Err(failure.build().into());
        }
        ctx.timer(time).await;
        Ok(format!("slept {time:?}"))
    }
}

/// Counts on from the result of its last run.
#[workflow]
#[derive(Default)]
struct Counter;

#[workflow_methods]
impl Counter {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let last = ctx.info().raw().last_completion_result.clone().unwrap_or_default();
        let failed_before = ctx.info().raw().continued_failure.is_some();
        let last =
            last.payloads.first().and_then(|payload| serde_json::from_slice::<u32>(&payload.data).ok());
        match last {
            Some(2) if !failed_before => {
                Err(ApplicationFailure::builder(anyhow::anyhow!("lost count")).build().into())
            }
            last => Ok(last.unwrap_or(0) + 1),
        }
    }
}

fn beds() -> Worker {
    Worker::new("beds").workflow::<Nap>().workflow::<Counter>().workflow::<Climber>()
}

fn options() -> WorkflowStartOptions {
    WorkflowStartOptions::new("beds", "nap").build()
}

async fn start(
    sim: &Simulation,
    time: Duration,
    options: WorkflowStartOptions,
) -> Result<WorkflowHandle<Client, impl HasWorkflowDefinition<Output = String> + use<>>, WorkflowStartError> {
    sim.client().start_workflow(Nap::run, time, options).await
}

fn started(sim: &Simulation) -> anyhow::Result<WorkflowExecutionStartedEventAttributes> {
    match sim.history("nap")?.events().first().and_then(|event| event.attributes.clone()) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Ok(started),
        other => anyhow::bail!("a history begins with the start, not with {other:?}"),
    }
}

fn statuses(sim: &Simulation) -> Vec<WorkflowExecutionStatus> {
    sim.histories().iter().map(|history| history.status()).collect()
}

#[test]
fn a_start_returns_at_once_and_any_client_finds_the_workflow_by_its_id() {
    Simulation::builder().worker(beds()).run(async |sim| {
        start(&sim, HOUR, options()).await?;
        assert_eq!(sim.elapsed(), Duration::ZERO, "starting does not wait for the result");
        let other = sim.client_with(ClientOptions::new("default").build())?;
        let handle = other.get_workflow_handle::<Nap>("nap");
        assert_eq!(handle.get_result(Default::default()).await?, "slept 3600s");
        assert_eq!(sim.elapsed(), HOUR);
        Ok(())
    });
}

#[test]
fn executing_waits_for_the_result() {
    Simulation::builder().worker(beds()).run(async |sim| {
        assert_eq!(sim.execute(Nap::run, HOUR).await?, "slept 3600s");
        assert_eq!(sim.elapsed(), HOUR);
        Ok(())
    });
}

#[test]
fn id_reuse_policy_decides_about_ids_of_closed_workflows() {
    use WorkflowIdReusePolicy::{AllowDuplicate, AllowDuplicateFailedOnly, RejectDuplicate};
    for (policy, after_success, after_failure) in [
        (AllowDuplicate, true, true),
        (AllowDuplicateFailedOnly, false, true),
        (RejectDuplicate, false, false),
    ] {
        for (first, may_start) in [(SECOND, after_success), (Duration::ZERO, after_failure)] {
            Simulation::builder().worker(beds()).run(async move |sim| {
                let closed = start(&sim, first, options()).await?;
                let _ = closed.get_result(Default::default()).await;
                let again = WorkflowStartOptions::new("beds", "nap").id_reuse_policy(policy).build();
                let again = start(&sim, SECOND, again).await;
                assert_eq!(again.is_ok(), may_start, "{policy:?} after {first:?}");
                if let Err(error) = again {
                    let closed = closed.info().run_id.clone();
                    assert!(
                        matches!(&error, WorkflowStartError::AlreadyStarted { run_id, .. } if *run_id == closed)
                    );
                }
                Ok(())
            });
        }
    }
}

#[test]
fn id_conflict_policy_decides_about_ids_of_open_workflows() {
    use WorkflowIdConflictPolicy::{Fail, TerminateExisting, Unspecified, UseExisting};
    let conflict = |policy| {
        Simulation::builder().worker(beds()).run(async move |sim| {
            let open = start(&sim, HOUR, options()).await?.info().run_id.clone();
            let options = WorkflowStartOptions::new("beds", "nap").id_conflict_policy(policy).build();
            let answer = match start(&sim, HOUR, options).await {
                Ok(handle) if handle.info().run_id == open => "the open run",
                Ok(_) => "another run",
                Err(WorkflowStartError::AlreadyStarted { run_id, .. }) if run_id == open => "already started",
                Err(other) => return Err(other.into()),
            };
            Ok((answer, statuses(&sim)))
        })
    };
    use WorkflowExecutionStatus::{Running, Terminated};
    assert_eq!(conflict(Unspecified), ("already started", vec![Running]));
    assert_eq!(conflict(Fail), ("already started", vec![Running]));
    assert_eq!(conflict(UseExisting), ("the open run", vec![Running]));
    assert_eq!(conflict(TerminateExisting), ("another run", vec![Terminated, Running]));
}

#[test]
fn execution_timeout_ends_the_whole_chain_of_runs() {
    Simulation::builder().worker(beds()).run(async |sim| {
        let options = WorkflowStartOptions::new("beds", "nap")
            .execution_timeout(150 * SECOND)
            .run_timeout(60 * SECOND)
            .retry_policy(RetryPolicy::builder().initial_interval(SECOND).backoff_coefficient(1.0).build())
            .build();
        let handle = start(&sim, HOUR, options).await?;
        assert!(handle.get_result(Default::default()).await.is_err());
        assert_eq!(sim.elapsed(), 150 * SECOND);
        assert_eq!(statuses(&sim), [WorkflowExecutionStatus::TimedOut; 3], "60 s, 60 s and the rest");
        Ok(())
    });
}

#[test]
fn run_timeout_ends_a_run() {
    Simulation::builder().worker(beds()).run(async |sim| {
        let options = WorkflowStartOptions::new("beds", "nap").run_timeout(60 * SECOND).build();
        let handle = start(&sim, HOUR, options).await?;
        assert!(handle.get_result(Default::default()).await.is_err());
        assert_eq!((sim.elapsed(), statuses(&sim)), (60 * SECOND, vec![WorkflowExecutionStatus::TimedOut]));
        Ok(())
    });
}

#[test]
fn task_timeout_is_how_long_a_worker_may_be_silent() {
    Simulation::builder().run(async |sim| {
        let options = WorkflowStartOptions::new("beds", "nap").task_timeout(7 * SECOND).build();
        start(&sim, HOUR, options).await?;
        assert_eq!(started(&sim)?.workflow_task_timeout.map(|timeout| timeout.seconds), Some(7));
        Ok(())
    });
}

#[test]
fn retry_policy_starts_a_failed_workflow_anew() {
    Simulation::builder().worker(beds()).run(async |sim| {
        let retries = RetryPolicy::builder().initial_interval(10 * SECOND).maximum_attempts(5).build();
        let options = WorkflowStartOptions::new("beds", "climb").retry_policy(retries).build();
        let handle = sim.client().start_workflow(Climber::run, 3, options).await?;
        assert_eq!(handle.get_result(Default::default()).await?, 3);
        assert_eq!(sim.elapsed(), 30 * SECOND, "10 s and 20 s");
        Ok(())
    });
}

#[test]
fn cron_schedule_hands_the_last_result_and_failure_to_the_next_run() {
    Simulation::builder().worker(beds()).run(async |sim| {
        let options = WorkflowStartOptions::new("beds", "count").cron_schedule("0 * * * *").build();
        let handle = sim.client().start_workflow(Counter::run, (), options).await?;
        sim.sleep(4 * HOUR + SECOND).await;
        handle.terminate(WorkflowTerminateOptions::default()).await?;
        let ends: Vec<_> = sim
            .histories()
            .iter()
            .filter_map(|history| history.events().last().map(|event| event.event_type()))
            .collect();
        use EventType::{
            WorkflowExecutionCompleted as Completed, WorkflowExecutionFailed as Failed,
            WorkflowExecutionTerminated as Terminated,
        };
        // 1, 2, then it loses count once, knows of it, and goes on with 3.
        assert_eq!(ends, [Completed, Completed, Failed, Completed, Terminated]);
        let results: Vec<u32> = sim
            .histories()
            .iter()
            .filter_map(|history| match history.events().last()?.attributes.as_ref()? {
                Attributes::WorkflowExecutionCompletedEventAttributes(completed) => {
                    serde_json::from_slice(&completed.result.as_ref()?.payloads.first()?.data).ok()
                }
                _ => None,
            })
            .collect();
        assert_eq!(results, [1, 2, 3]);
        Ok(())
    });
}

#[test]
fn memo_search_attributes_summary_and_priority_describe_a_workflow() {
    const TEAM: SearchAttributeKey<String> = SearchAttributeKey::keyword("Team");
    Simulation::builder().search_attribute(&TEAM).worker(beds()).run(async |sim| {
        let mut memo = MemoValues::new();
        memo.insert("bed", 7);
        let options = WorkflowStartOptions::new("beds", "nap")
            .memo(memo)
            .search_attributes(SearchAttributes::new([TEAM.value_set("night".to_owned())]))
            .static_summary("a nap")
            .static_details("in bed 7")
            .priority(Priority::builder().priority_key(2).build())
            .build();
        let handle = start(&sim, HOUR, options).await?;
        let described = handle.describe(Default::default()).await?;
        assert_eq!(described.memo().get::<i64>("bed")?, Some(7));
        assert_eq!(described.search_attributes().get(&TEAM).as_deref(), Some("night"));
        assert_eq!(described.static_summary(), Some("a nap"));
        assert_eq!(described.static_details(), Some("in bed 7"));
        assert_eq!(started(&sim)?.priority.map(|priority| priority.priority_key), Some(2));
        Ok(())
    });
}

#[test]
fn an_eager_start_is_an_ordinary_one_when_no_worker_shares_the_connection() {
    Simulation::builder().worker(beds()).run(async |sim| {
        let options = WorkflowStartOptions::new("beds", "nap").enable_eager_workflow_start(true).build();
        let handle = start(&sim, SECOND, options).await?;
        assert_eq!(handle.get_result(Default::default()).await?, "slept 1s");
        assert!(!started(&sim)?.eager_execution_accepted);
        Ok(())
    });
}
