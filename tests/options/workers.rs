//! `WorkerOptions`: limits of concurrency, rates, shutting down, and what a worker refuses to send.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::features::signals::Sum;
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};
use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause},
    history::v1::history_event::Attributes,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, ApplicationFailure, LocalActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::{
        WorkflowErrorType,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
    workflows::join_all as join_in_order,
};

use super::{HOUR, SECOND};

/// So many parcels, carried at the same time.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Load {
    parcels: u32,
    seconds: u64,
    eagerly: bool,
    nearby: bool,
}

#[workflow]
#[derive(Default)]
struct Removal;

#[workflow_methods]
impl Removal {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, load: Load) -> WorkflowResult<u32> {
        let options = || {
            ActivityOptions::with_start_to_close_timeout(HOUR).do_not_eagerly_execute(!load.eagerly).build()
        };
        let nearby = || LocalActivityOptions::builder().start_to_close_timeout(HOUR).build();
        let mut carried = Vec::new();
        if load.nearby {
            let all =
                (0..load.parcels).map(|_| ctx.execute_local_activity(Carrier::carry, load.seconds, nearby()));
            carried.extend(join_in_order(all.collect::<Vec<_>>()).await);
        } else {
            let all =
                (0..load.parcels).map(|_| ctx.execute_activity(Carrier::carry, load.seconds, options()));
            carried.extend(join_in_order(all.collect::<Vec<_>>()).await);
        }
        Ok(carried.into_iter().filter(Result::is_ok).count() as u32)
    }
}

/// Carries parcels, and notes when it starts.
#[derive(Default)]
struct Carrier {
    name: &'static str,
    started: Mutex<Vec<Duration>>,
    done: Mutex<Vec<&'static str>>,
}

#[activities]
impl Carrier {
    #[activity]
    async fn carry(self: Arc<Self>, ctx: ActivityContext, seconds: u64) -> Result<(), ActivityError> {
        let first = ctx.info().started_time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        self.started.lock().expect("nobody panics with it").push(first.unwrap_or_default());
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = ctx.cancelled() => {
                self.done.lock().expect("nobody panics with it").push("cancelled");
                return Err(ActivityError::cancelled());
            }
        }
        self.done.lock().expect("nobody panics with it").push(self.name);
        Ok(())
    }
}

impl Carrier {
    /// When the activities started, in seconds after the first one.
    fn starts(&self) -> Vec<f64> {
        let started = self.started.lock().expect("nobody panics with it");
        started.iter().map(|time| time.saturating_sub(started[0]).as_secs_f64()).collect()
    }
}

/// Has a load carried, and gives how long that took and when each activity started.
fn carry(load: Load, worker: impl FnOnce(Worker) -> Worker) -> (Duration, Vec<f64>) {
    let carrier = Arc::new(Carrier::default());
    let base = Worker::new("movers").workflow::<Removal>().activity(Carrier::carry, carrier.clone());
    Simulation::builder().worker(worker(base)).run(async move |sim| {
        assert_eq!(sim.execute(Removal::run, load).await?, load.parcels);
        Ok((sim.elapsed(), carrier.starts()))
    })
}

const SIX: Load = Load { parcels: 6, seconds: 10, eagerly: false, nearby: false };

#[test]
fn so_many_activities_run_at_the_same_time() {
    assert_eq!(carry(SIX, |worker| worker).0, 10 * SECOND);
    assert_eq!(carry(SIX, |worker| worker.max_concurrent_activities(2)).0, 30 * SECOND);
    assert_eq!(carry(Load { eagerly: true, ..SIX }, |it| it.max_concurrent_activities(2)).0, 30 * SECOND);
}

#[test]
fn so_many_local_activities_run_at_the_same_time() {
    let nearby = Load { nearby: true, ..SIX };
    assert_eq!(carry(nearby, |worker| worker).0, 10 * SECOND);
    assert_eq!(carry(nearby, |worker| worker.max_concurrent_local_activities(3)).0, 20 * SECOND);
}

#[test]
fn so_many_workflow_tasks_are_under_way_at_the_same_time() {
    // A local activity keeps its workflow task under way.
    let elapsed = |max| {
        let worker = Worker::new("movers")
            .workflow::<Removal>()
            .activity(Carrier::carry, Carrier::default())
            .max_cached_workflows(0)
            .max_concurrent_workflow_tasks(max);
        Simulation::builder().worker(worker).run(async |sim| {
            let load = Load { parcels: 1, seconds: 3, eagerly: false, nearby: true };
            let moves = (0..4).map(|_| sim.execute(Removal::run, load));
            join_all(moves).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(sim.elapsed())
        })
    };
    assert_eq!(elapsed(100), 3 * SECOND);
    assert_eq!(elapsed(2), 6 * SECOND);
    assert_eq!(elapsed(1), 12 * SECOND);
}

#[test]
fn a_tuner_sets_all_three_limits() {
    let tuner = |slots: usize| {
        TunerHolder::builder()
            .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(100))
            .activity_task_slot_supplier(FixedSizeSlotSupplier::new(slots))
            .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(slots))
            .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
            .build()
    };
    assert_eq!(carry(SIX, |worker| worker.tuner(tuner(2))).0, 30 * SECOND);
    assert_eq!(carry(Load { nearby: true, ..SIX }, |worker| worker.tuner(tuner(3))).0, 20 * SECOND);
}

#[test]
fn a_worker_keeps_to_its_own_rate() {
    let load = Load { parcels: 5, seconds: 0, ..SIX };
    let (elapsed, starts) = carry(load, |worker| worker.max_worker_activities_per_second(2.0));
    assert_eq!(starts, [0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(elapsed, 2 * SECOND);
}

#[test]
fn a_task_queue_keeps_to_the_rate_that_its_workers_ask_for() {
    let load = Load { parcels: 5, seconds: 0, eagerly: true, nearby: false };
    let (elapsed, starts) = carry(load, |worker| worker.max_task_queue_activities_per_second(1.0));
    assert_eq!(starts, [0.0, 0.0, 1.0, 2.0, 3.0], "a second's worth may be made up for at once");
    assert_eq!(elapsed, 3 * SECOND);
}

#[test]
fn three_activities_of_a_workflow_task_start_without_the_task_queue() {
    // Only what goes through the task queue waits for the rate.
    let slowly = |worker: Worker| worker.max_worker_activities_per_second(0.1);
    let load = Load { parcels: 5, seconds: 0, eagerly: true, nearby: false };
    assert_eq!(carry(load, slowly).1, [0.0, 0.0, 0.0, 0.0, 10.0]);
    let none = |worker| slowly(worker).max_eager_activity_reservations_per_workflow_task(0);
    assert_eq!(carry(load, none).1, [0.0, 10.0, 20.0, 30.0, 40.0]);
}

#[test]
fn a_history_longer_than_a_page_is_fetched_page_by_page() {
    let worker = Worker::new("sums").workflow::<Sum>().max_cached_workflows(0);
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("sums", "sum").build();
        let handle = sim.client().start_workflow(Sum::run, 110, options).await?;
        handle.signal(Sum::add, 7, WorkflowSignalOptions::default()).await?;
        assert_eq!(handle.get_result(Default::default()).await?, 7, "the signal is in the first page");
        assert!(sim.history("sum")?.events().len() > 2 * 256);
        Ok(())
    });
}

/// Two workers of one task queue.
fn two(period: Option<Duration>) -> (Arc<Carrier>, Arc<Carrier>, [Worker; 2]) {
    let carriers = ["old", "new"].map(|name| Arc::new(Carrier { name, ..Default::default() }));
    let workers = carriers.each_ref().map(|carrier| {
        let worker = Worker::new("movers")
            .identity(carrier.name)
            .workflow::<Removal>()
            .workflow::<Sum>()
            .activity(Carrier::carry, carrier.clone());
        match period {
            Some(period) => worker.graceful_shutdown_period(period),
            None => worker,
        }
    });
    let [old, new] = carriers;
    (old, new, workers)
}

/// Moves one parcel, for a minute, and shuts the old worker down after ten seconds: how many parcels were moved, and when
/// the worker had shut down.
async fn shut_down_on_the_way(sim: &Simulation) -> anyhow::Result<(u32, Duration)> {
    let load = Load { parcels: 1, seconds: 60, eagerly: true, nearby: false };
    let moved = sim.execute(Removal::run, load);
    let stopped = async {
        sim.sleep(10 * SECOND).await;
        sim.shutdown_worker("old").await?;
        anyhow::Ok(sim.elapsed())
    };
    let (moved, stopped) = futures::join!(moved, stopped);
    Ok((moved?, stopped?))
}

#[test]
fn a_worker_that_shuts_down_finishes_its_activities() {
    let (old, new, [first, second]) = two(None);
    Simulation::builder().worker(first).worker(second).run(async move |sim| {
        assert_eq!(shut_down_on_the_way(&sim).await?, (1, 60 * SECOND));
        assert_eq!(*old.done.lock().expect("nobody panics with it"), ["old"]);
        assert!(new.done.lock().expect("nobody panics with it").is_empty());
        Ok(())
    });
}

#[test]
fn after_the_grace_period_activities_are_cancelled_and_tried_elsewhere() {
    let (old, new, [first, second]) = two(Some(5 * SECOND));
    Simulation::builder().worker(first).worker(second).run(async move |sim| {
        assert_eq!(shut_down_on_the_way(&sim).await?, (1, 15 * SECOND));
        assert_eq!(*old.done.lock().expect("nobody panics with it"), ["cancelled"]);
        assert_eq!(*new.done.lock().expect("nobody panics with it"), ["new"]);
        assert_eq!(sim.elapsed(), 76 * SECOND, "a second of backoff after the failure");
        let failures: Vec<_> = sim
            .history("Removal-1")?
            .events()
            .iter()
            .filter_map(|event| match event.attributes.as_ref()? {
                Attributes::ActivityTaskStartedEventAttributes(started) => started.last_failure.clone(),
                _ => None,
            })
            .map(|failure| failure.message)
            .collect();
        assert_eq!(failures, ["Worker is shutting down and this activity did not complete in time"]);
        Ok(())
    });
}

#[test]
fn nobody_waits_for_the_sticky_queue_of_a_worker_that_was_shut_down() {
    let (_, _, [first, second]) = two(None);
    Simulation::builder().worker(first).worker(second).run(async move |sim| {
        let options = WorkflowStartOptions::new("movers", "sum").build();
        let handle = sim.client().start_workflow(Sum::run, 1, options).await?;
        sim.sleep(HOUR - SECOND).await;
        sim.shutdown_worker("old").await?;
        handle.get_result(Default::default()).await?;
        assert_eq!(sim.elapsed(), HOUR, "the other worker takes over at once");
        let history = sim.history("sum")?;
        assert!(!history.events().iter().any(|it| it.event_type() == EventType::WorkflowTaskTimedOut));
        Ok(())
    });
}

#[test]
fn shutting_down_a_worker_that_is_not_there_is_an_error() {
    let (_, _, [worker, _]) = two(None);
    Simulation::builder().worker(worker).run(async |sim| {
        let error = sim.shutdown_worker("older").await.expect_err("there is none");
        assert_eq!(error.to_string(), "no worker has the task queue or the identity \"older\"");
        Ok(())
    });
}

/// Says whether its patch is active.
#[workflow]
#[derive(Default)]
struct Patched;

#[workflow_methods]
impl Patched {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        Ok(ctx.patched("faster"))
    }
}

#[test]
fn a_callback_decides_whether_a_patch_is_activated() {
    for active in [true, false] {
        let worker =
            Worker::new("patches").workflow::<Patched>().patch_activation_callback(Arc::new(move |input| {
                active && input.patch_id == "faster" && input.workflow_info.workflow_type() == "Patched"
            }));
        Simulation::builder().worker(worker).run(async move |sim| {
            assert_eq!(sim.execute(Patched::run, ()).await?, active);
            let history = sim.history("Patched-1")?;
            let marked = history.events().iter().any(|it| it.event_type() == EventType::MarkerRecorded);
            assert_eq!(marked, active);
            Ok(())
        });
    }
}

/// A text of so many bytes, made by the workflow itself or by an activity.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Text {
    bytes: usize,
    by_activity: bool,
}

/// Makes a text.
#[workflow]
#[derive(Default)]
struct Writes;

#[workflow_methods]
impl Writes {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, text: Text) -> WorkflowResult<String> {
        let Text { bytes, by_activity } = text;
        if !by_activity {
            return Ok("x".repeat(bytes));
        }
        let retries = temporalio_common::RetryPolicy::builder().maximum_attempts(1).build();
        let options = ActivityOptions::with_start_to_close_timeout(10 * SECOND).retry_policy(retries).build();
        match ctx.execute_activity(Writer::write, bytes, options).await {
            Ok(text) => Ok(text),
            Err(error) => Err(ApplicationFailure::new(anyhow::anyhow!(
                "{}",
                error.cause().map(|cause| cause.failure().message.clone()).unwrap_or_default()
            ))
            .into()),
        }
    }
}

struct Writer;

#[activities]
impl Writer {
    #[activity]
    async fn write(_ctx: ActivityContext, bytes: usize) -> Result<String, ActivityError> {
        Ok("x".repeat(bytes))
    }
}

const MEBIBYTE: usize = 1024 * 1024;

#[test]
fn a_result_that_is_too_large_fails_the_workflow_task_and_not_the_workflow() {
    let worker = Worker::new("writers").workflow::<Writes>().activity(Writer::write, Writer);
    let builder = Simulation::builder().tolerate_workflow_task_failures(true).worker(worker);
    builder.run(async |sim| {
        let options = WorkflowStartOptions::new("writers", "text").build();
        let input = Text { bytes: 3 * MEBIBYTE, by_activity: false };
        sim.client().start_workflow(Writes::run, input, options).await?;
        sim.sleep(SECOND).await;
        let history = sim.history("text")?;
        assert_eq!(history.status(), WorkflowExecutionStatus::Running);
        let failed = history.events().iter().find_map(|event| match event.attributes.as_ref()? {
            Attributes::WorkflowTaskFailedEventAttributes(failed) => Some(failed.clone()),
            _ => None,
        });
        let failed = failed.expect("the task failed");
        assert_eq!(failed.cause(), WorkflowTaskFailedCause::PayloadsTooLarge);
        assert_eq!(
            failed.failure.map(|failure| failure.message).as_deref(),
            Some("[TMPRL1103] Attempted to upload payloads with size that exceeded the error limit.")
        );
        Ok(())
    });
}

#[test]
fn without_the_workers_limit_the_server_ends_the_workflow() {
    let worker = Worker::new("writers")
        .workflow::<Writes>()
        .activity(Writer::write, Writer)
        .disable_payload_error_limit(true);
    let builder = Simulation::builder().tolerate_workflow_task_failures(true).worker(worker);
    builder.run(async |sim| {
        let options = WorkflowStartOptions::new("writers", "text").build();
        let input = Text { bytes: 3 * MEBIBYTE, by_activity: false };
        let handle = sim.client().start_workflow(Writes::run, input, options).await?;
        assert!(handle.get_result(Default::default()).await.is_err());
        assert_eq!(sim.history("text")?.status(), WorkflowExecutionStatus::Terminated);
        Ok(())
    });
}

#[test]
fn an_activity_result_that_is_too_large_is_a_failure_of_the_attempt() {
    let worker = Worker::new("writers").workflow::<Writes>().activity(Writer::write, Writer);
    Simulation::builder().worker(worker).run(async |sim| {
        let input = Text { bytes: 3 * MEBIBYTE, by_activity: true };
        let error = sim.execute(Writes::run, input).await.expect_err("the text is too long");
        assert!(error.to_string().contains("[TMPRL1103] Attempted to upload payloads"), "{error}");
        Ok(())
    });
}

/// Waits for what no history can bring back.
#[workflow]
#[derive(Default)]
struct Impatient;

#[workflow_methods]
impl Impatient {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        tokio::task::yield_now().await;
        std::future::pending().await
    }
}

#[test]
fn nondeterminism_may_fail_workflows_of_one_type() {
    for (workflow_type, status) in
        [("Impatient", WorkflowExecutionStatus::Failed), ("Other", WorkflowExecutionStatus::Running)]
    {
        let worker = Worker::new("hasty")
            .workflow::<Impatient>()
            .workflow_types_to_failure_errors(workflow_type, [WorkflowErrorType::Nondeterminism]);
        let builder = Simulation::builder().tolerate_workflow_task_failures(true).worker(worker);
        builder.run(async move |sim| {
            let options = WorkflowStartOptions::new("hasty", "hasty").build();
            sim.client().start_workflow(Impatient::run, (), options).await?;
            sim.sleep(SECOND).await;
            let nudge = temporalio_client::UntypedSignal::new("nudge");
            let handle = sim.client().get_workflow_handle::<temporalio_client::UntypedWorkflow>("hasty");
            let nothing = temporalio_common::data_converters::RawValue::empty();
            handle.signal(nudge, nothing, WorkflowSignalOptions::default()).await?;
            sim.sleep(SECOND).await;
            assert_eq!(sim.history("hasty")?.status(), status);
            Ok(())
        });
    }
}
