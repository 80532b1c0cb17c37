//! One simulation from its set-up to its end: the body, the workers, the cluster and the checks run as
//! one future, on one thread.

use std::{
    any::Any,
    cell::OnceCell,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};

use super::{
    Inner, Simulation,
    builder::{Builder, Stopped},
    deadlock::deadlock,
    ended::EndedRun,
    failure::{Cause, Failure, Fatal},
    replay, report, reproduce, resume, settle,
};
use crate::{
    cluster::{Cluster, Config},
    faults::{Absence, Injector},
    invariants::{self, Finished},
    overrides::Overrides,
    panics,
    schedule::Deviations,
    service::{Concurrent, Service, in_memory},
    worker::{Environment, Event, Events, Ledger, Progress, Runner, Shutdown},
};

/// Runs the body in the simulation that the builder describes.
pub(super) async fn run<T>(
    builder: Builder,
    progress: Arc<Progress>,
    body: impl AsyncFnOnce(Simulation) -> anyhow::Result<T>,
) -> Result<T, Stopped> {
    let mut returned = None;
    let body = |simulation| {
        let returned = &mut returned;
        async move {
            *returned = Some(body(simulation).await?);
            Ok(())
        }
        .boxed_local()
    };
    simulate(builder, progress, Box::new(body)).await?;
    Ok(returned.expect("a body that does not fail has returned something"))
}

/// A body that leaves what it returns with whoever made it.
pub(super) type Body<'a> = Box<dyn FnOnce(Simulation) -> LocalBoxFuture<'a, anyhow::Result<()>> + 'a>;

/// Runs a body. Nothing here depends on its type, and the future is boxed, so that all of a simulation is compiled once,
/// with this crate, and not again with each test.
fn simulate(
    builder: Builder,
    progress: Arc<Progress>,
    body: Body<'_>,
) -> LocalBoxFuture<'_, Result<(), Stopped>> {
    simulate_unboxed(builder, progress, body).boxed_local()
}

async fn simulate_unboxed(builder: Builder, progress: Arc<Progress>, body: Body<'_>) -> Result<(), Stopped> {
    let config = Config {
        search_attributes: builder.search_attributes.clone(),
        limits: builder.limits.clone(),
        schedule: builder.faults.schedule.clone().unwrap_or_else(|| builder.schedule.clone()),
        ..Config::default()
    };
    let mut cluster = Cluster::new(config, builder.seed);
    let resumed = resume::resume(&builder, &mut cluster);
    let service = Service::new(cluster, builder.seed, builder.start);
    let fatal = Arc::new(Fatal::default());
    let limit = builder.budget;
    service.set_budget(limit, {
        let fatal = fatal.clone();
        move || fatal.fail(Cause::Budget { steps: limit })
    });
    if builder.recorder.is_some() {
        service.start_trace();
    }

    let set_up = match resumed {
        Ok(()) => set_up(&builder, &service, &fatal).await,
        Err(error) => Err(anyhow::anyhow!("a history cannot be resumed: {}", error.message)),
    };
    let mut told = None;
    let result = match set_up {
        Err(error) => Err((Cause::Setup { message: format!("{error:#}") }, None)),
        Ok(simulation) => {
            let workers = run_workers(&builder, &simulation, &progress);
            let result = tokio::select! {
                biased;
                cause = fatal.failed() => Err((cause, None)),
                ended = AssertUnwindSafe(settle::settled(body, &simulation, builder.settles_within)).catch_unwind() => {
                    end(ended, &builder)
                }
                message = workers => Err((Cause::Worker { message }, None)),
                () = service.drive() => unreachable!("the cluster's deadlines are watched for ever"),
                () = end_faults(&builder, &simulation) => unreachable!("faults end once"),
                () = step_clock(&simulation) => unreachable!("the steps of a clock are few"),
                () = deadlock(&service) => Err((Cause::Deadlock, None)),
            };
            told = Some(simulation);
            result
        }
    };

    let choices = service.with_cluster(|cluster| cluster.choices().to_vec());
    // Copies of every history: made for those who ask for them, and once.
    let executions = OnceCell::new();
    let all = || executions.get_or_init(|| report::executions(&service));
    if let Some((listener, simulation)) = builder.listener.as_ref().zip(told.as_ref()) {
        let elapsed = service.last_event().since(builder.start);
        let reached = simulation.0.reached.lock().unwrap_or_else(PoisonError::into_inner);
        listener.ended(EndedRun {
            elapsed,
            executions: all(),
            faults: (&builder.faults, &simulation.0.faults.fired()),
            reached: &reached,
            choices: &choices,
        });
    }
    let result = match (result, &told) {
        (Ok(value), Some(simulation)) if builder.replays_itself => {
            match replay::divergent(&builder, &simulation.0.overrides, all()) {
                verdicts if verdicts.is_empty() => Ok(value),
                verdicts => Err((Cause::Replay { verdicts }, None)),
            }
        }
        (result, _) => result,
    };
    let result = match (result, told) {
        (Ok(value), Some(simulation)) if builder.expects_something() => {
            let time = (builder.start, service.last_event());
            let finished = Finished::new(
                (&builder, &simulation.0.overrides),
                time,
                all(),
                simulation.0.ledger.attempts(),
            );
            match invariants::violations(&builder, &finished) {
                violations if violations.is_empty() => Ok(value),
                violations => Err((Cause::Invariants { violations }, None)),
            }
        }
        (result, _) => result,
    };
    if let Some(recorder) = &builder.recorder {
        let executions = executions.into_inner().unwrap_or_else(|| report::executions(&service));
        recorder.record(service.take_trace(), executions);
    }
    result.map_err(|(cause, panic)| {
        let now = service.last_event();
        let executions = report::noteworthy(report::executions(&service), &cause);
        let failure = Failure::new(
            cause,
            builder.seed,
            reproduce::command(builder.seed),
            (now, now.since(builder.start)),
            Deviations::of(&choices),
            executions,
        );
        Stopped { failure, panic }
    })
}

async fn set_up(builder: &Builder, service: &Service, fatal: &Arc<Fatal>) -> anyhow::Result<Simulation> {
    builder.workers.iter().try_for_each(|worker| worker.check_versioning())?;
    let target = url::Url::parse("http://temporal-sim")?;
    let options = ConnectionOptions::new(target)
        .identity("temporal-sim")
        .service_override(in_memory(service))
        .dns_load_balancing(None)
        .build();
    let connection = Connection::connect(options).await?;
    let client = Client::new(connection.clone(), ClientOptions::new(builder.namespace.clone()).build())?;
    let overrides = Overrides::default();
    builder.faults.check(builder.workers.len())?;
    let faults = Injector::new(builder.faults.clone(), builder.seed, builder.start);
    service.rewrite({
        let overrides = overrides.clone();
        move |request| overrides.rewrite(request)
    });
    if !builder.faults.faults.is_empty() {
        let faults = faults.clone();
        service.intercept(Box::new(move |now, caller, request| faults.call(now, caller, request.name())));
    }
    Ok(Simulation(Arc::new(Inner {
        seed: builder.seed,
        start: builder.start,
        namespace: builder.namespace.clone(),
        service: service.clone(),
        connection,
        client,
        workers: builder.workers.clone(),
        shutdowns: builder.workers.iter().map(|_| Shutdown::default()).collect(),
        overrides,
        faults,
        ledger: if builder.invariants.is_empty() { Ledger::default() } else { Ledger::keeping() },
        reached: Mutex::default(),
        executions: AtomicU64::new(0),
        fatal: fatal.clone(),
    })))
}

/// Ends the faults of the plan when it says so. Never ends itself.
async fn end_faults(builder: &Builder, simulation: &Simulation) {
    if let Some(until) = builder.faults.until {
        simulation.0.service.reaches(builder.start + until).await;
        simulation.0.faults.stop();
    }
    std::future::pending().await
}

/// Sets the clock forward when the plan says so. Never ends itself.
async fn step_clock(simulation: &Simulation) {
    let Inner { service, faults, .. } = &*simulation.0;
    for steps in faults.clock_steps().chunk_by(|one, other| one.0 == other.0) {
        service.reaches(steps[0].0).await;
        if !faults.is_stopped() {
            steps.iter().for_each(|(_, _, fault)| faults.happened(*fault));
            service.step_clock(steps.iter().map(|(_, by, _)| *by).sum());
        }
    }
    std::future::pending().await
}

/// Runs all workers; ends only if one of them cannot go on, with the reason.
async fn run_workers(builder: &Builder, simulation: &Simulation, progress: &Arc<Progress>) -> String {
    let mut running = Concurrent::new(&simulation.0.service, "a worker");
    for index in 0..builder.workers.len() {
        running.push(run_worker(index, builder, simulation, progress).boxed_local());
    }
    loop {
        match running.next().await {
            Some(Ok(())) => {}
            Some(Err(message)) => return message,
            None => return std::future::pending().await,
        }
    }
}

/// Runs one worker, with its crashes. Ends when it has shut down or cannot go on, with the reason.
async fn run_worker(
    index: usize,
    builder: &Builder,
    simulation: &Simulation,
    progress: &Arc<Progress>,
) -> Result<(), String> {
    let Inner { service, faults, .. } = &*simulation.0;
    let first_start = builder.start + builder.workers[index].delay();
    if service.now() < first_start {
        faults.goes_away(first_start);
        service.sleep_until(first_start).await;
        faults.comes_back(first_start);
    }
    let start = || {
        let environment = Environment {
            service: service.clone(),
            connection: Some(simulation.0.connection.clone()),
            namespace: builder.namespace.clone(),
            seed: builder.seed,
            index,
            overrides: simulation.0.overrides.clone(),
            faults: faults.clone(),
            ledger: simulation.0.ledger.clone(),
            progress: progress.clone(),
            events: events(simulation.0.fatal.clone(), builder.tolerate_workflow_task_failures),
            shutdown: simulation.0.shutdowns[index].clone(),
        };
        Runner::new(builder.workers[index].clone(), environment).run()
    };
    for &Absence { from, until, fault } in &*faults.absences(index) {
        if service.now() < from {
            tokio::select! {
                biased;
                ended = start() => return ended,
                () = service.reaches(from) => {}
            }
        }
        if faults.is_stopped() || until <= service.now() {
            continue;
        }
        // What the worker was doing is gone with its future.
        faults.happened(fault);
        faults.goes_away(until);
        tokio::select! {
            biased;
            () = service.reaches(until) => {}
            () = faults.stopped() => {}
        }
        faults.comes_back(until);
    }
    start().await
}

/// Decides which of a worker's events fail the simulation.
fn events(fatal: Arc<Fatal>, tolerate_workflow_task_failures: bool) -> Events {
    Arc::new(move |event| match event {
        Event::WorkflowTaskFailed { .. } if tolerate_workflow_task_failures => {}
        Event::WorkflowTaskFailed { workflow_id, workflow_type, cause, failure, .. } => {
            fatal.fail(Cause::WorkflowTaskFailed {
                workflow_type,
                workflow_id,
                cause: cause.as_str_name().trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_").to_owned(),
                message: failure.message,
            });
        }
        Event::HeartbeatDetailsLost { activity_type, reason } => {
            fatal.fail(Cause::Worker { message: format!("activity {activity_type}: {reason}") });
        }
        // A late answer, for example after a timeout: a real worker shrugs, too.
        Event::CallRefused { .. } => {}
    })
}

type Ended<T> = Result<anyhow::Result<T>, Box<dyn Any + Send>>;

/// What the end of the body means.
fn end<T>(ended: Ended<T>, builder: &Builder) -> Result<T, (Cause, Option<Box<dyn Any + Send>>)> {
    match ended {
        Err(panic) => {
            let message = panics::message(&*panic);
            // Nobody else has shown where.
            let place = builder.listener.as_ref().and_then(|_| panics::place());
            let message = place.map_or(message.clone(), |place| format!("{message}\n  at {place}"));
            Err((Cause::Panic { message }, Some(panic)))
        }
        Ok(Err(error)) => Err((Cause::Error { message: format!("{error:#}") }, None)),
        Ok(Ok(value)) => {
            let unmet =
                builder.workers.iter().flat_map(|worker| worker.unmet_expectations()).collect::<Vec<_>>();
            if unmet.is_empty() { Ok(value) } else { Err((Cause::Mocks { unmet }, None)) }
        }
    }
}
