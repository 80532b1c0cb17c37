//! Mistakes in workflow code: each of them ends in a report that says what, where and what to do, and none in a hang.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Builder, Cause, ExecuteError, Failure, Simulation, Worker};
use temporal_sim_fixtures::misbehaving::{
    AwaitsForeignFuture, BlocksThread, CallsNobody, CallsPanickingActivity, ChangesItsMind, Fails, Greeter,
    Mistake, NeverStops, Panics, SpinsHot, WaitsForever,
};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

fn worker() -> Worker {
    Worker::new("mistakes")
        .workflow::<AwaitsForeignFuture>()
        .workflow::<BlocksThread>()
        .workflow::<CallsNobody>()
        .workflow::<CallsPanickingActivity>()
        .workflow::<ChangesItsMind>()
        .workflow::<Fails>()
        .workflow::<NeverStops>()
        .workflow::<Panics>()
        .workflow::<SpinsHot>()
        .workflow::<WaitsForever>()
        .activity(Greeter::greet, Greeter)
}

/// Runs one workflow in a simulation that must fail.
fn failure<W>(workflow: W, input: W::Input) -> Failure
where
    W: HasWorkflowDefinition + WorkflowDefinition + Send + 'static,
    W::Input: Send,
    W::Output: Send,
{
    failure_of(Simulation::builder(), workflow, input)
}

/// With little patience for code that holds its thread.
fn impatient() -> Builder {
    Simulation::builder().watchdog(Duration::from_millis(500))
}

/// The same with other settings.
fn failure_of<W>(builder: Builder, workflow: W, input: W::Input) -> Failure
where
    W: HasWorkflowDefinition + WorkflowDefinition + Send + 'static,
    W::Input: Send,
    W::Output: Send,
{
    builder
        .worker(worker())
        .budget(10_000)
        .try_run(async move |sim| Ok(sim.execute(workflow, input).await.map(drop)))
        .expect_err("the simulation must notice")
}

fn message(failure: &Failure) -> String {
    failure.cause().to_string()
}

#[test]
fn a_panic() {
    assert_snapshot!(message(&failure(Panics::run, vec![1, 2])), @r#"
    a workflow task of Panics "Panics-1" failed (WORKFLOW_WORKER_UNHANDLED_FAILURE): Workflow function panicked: index out of bounds: the len is 2 but the index is 2

      A cluster would retry it until the code is fixed. To let it, call `tolerate_workflow_task_failures(true)`.
    "#);
}

#[test]
fn a_blocked_thread() {
    let failure = failure_of(impatient(), BlocksThread::run, Duration::from_secs(2));
    assert!(matches!(failure.cause(), Cause::Blocked { .. }), "{failure}");
    assert_snapshot!(message(&failure), @r#"workflow BlocksThread, id "BlocksThread-1" has held its thread for 500ms of real time. Workflow code must not block or loop without an await; an activity that blocks belongs into `tokio::task::spawn_blocking`. The limit is `Builder::watchdog`"#);
}

#[test]
fn a_loop_that_never_awaits() {
    let failure = failure_of(impatient(), SpinsHot::run, 2_000_000_000);
    assert!(matches!(failure.cause(), Cause::Blocked { .. }), "{failure}");
}

#[test]
fn a_workflow_that_never_ends() {
    let failure = failure(NeverStops::run, Duration::from_secs(1));
    assert!(matches!(failure.cause(), Cause::Budget { steps: 10_000 }), "{failure}");
}

#[test]
fn a_future_that_is_not_a_workflows() {
    assert_snapshot!(message(&failure(AwaitsForeignFuture::run, Duration::from_secs(1))), @r#"
    a workflow task of AwaitsForeignFuture "AwaitsForeignFuture-1" failed (NON_DETERMINISTIC_ERROR): [TMPRL1100] Nondeterministic future detected: something other than the SDK woke the workflow. Its code probably awaits a future that is not the SDK's: a tokio timer, channel or I/O, another async library, or another thread. Use what the workflow context offers instead: ctx.timer(), ctx.wait_condition() with ctx.state_mut(), activities.

      A cluster would retry it until the code is fixed. To let it, call `tolerate_workflow_task_failures(true)`.
    "#);
}

#[test]
fn a_signal_that_nobody_sends() {
    let failure = failure(WaitsForever::run, ());
    assert_eq!(*failure.cause(), Cause::Deadlock);
    assert_snapshot!(failure, @r#"
    simulation failed: deadlock: the test body waits, and no timer, timeout, retry or running activity is left that could go on

      virtual time  2025-01-01T00:00:00Z, 0 s after the start
      seed          0
      reproduce     TEMPORAL_SIM_SEED=0 cargo test -p temporal-sim --test workflows misbehaving::a_signal_that_nobody_sends -- --exact

    WaitsForever "WaitsForever-1": open, waits for
      - somebody outside: a signal, an update or a cancellation

      1  +00:00:00.000  WorkflowExecutionStarted  WaitsForever()
    "#);
}

#[test]
fn code_that_contradicts_its_own_history() {
    let failure = Simulation::builder()
        .worker(worker().max_cached_workflows(0))
        .try_run(async |sim| Ok(sim.execute(ChangesItsMind::run, Duration::from_secs(60)).await.map(drop)))
        .expect_err("its replay does something else");
    assert!(matches!(failure.cause(), Cause::WorkflowTaskFailed { .. }), "{failure}");
}

#[test]
fn a_result_without_a_representation() {
    assert_snapshot!(message(&failure(Fails::run, Mistake::UnserializableResult)), @r#"
    a workflow task of Fails "Fails-1" failed (WORKFLOW_WORKER_UNHANDLED_FAILURE): Workflow payload conversion failed: Encoding error: this value has no representation

      A cluster would retry it until the code is fixed. To let it, call `tolerate_workflow_task_failures(true)`.
    "#);
}

#[test]
fn a_workflow_task_that_the_code_fails_itself() {
    assert_snapshot!(message(&failure(Fails::run, Mistake::ForcesTaskFailure)), @r#"
    a workflow task of Fails "Fails-1" failed (WORKFLOW_WORKER_UNHANDLED_FAILURE): this worker cannot go on

      A cluster would retry it until the code is fixed. To let it, call `tolerate_workflow_task_failures(true)`.
    "#);
}

#[test]
fn an_activity_that_no_worker_has() {
    let worker = worker().max_concurrent_activities(1);
    Simulation::builder().worker(worker).run(async |sim| {
        let error = sim.execute(CallsNobody::run, ()).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Failed(_)), "{error}");
        assert_snapshot!(sim.history("CallsNobody-1")?.timeline(), @r"
         1  +00:00:00.000  WorkflowExecutionStarted  CallsNobody()
         5  +00:00:00.000  ActivityTaskScheduled     #1 Elsewhere::unknown()
         7  +00:00:00.000  ActivityTaskFailed        #1 Elsewhere::unknown: NotFoundError: Activity Elsewhere::unknown is not registered on this worker, available activit…, maximum attempts reached
        11  +00:00:00.000  WorkflowExecutionFailed   activity #1 Elsewhere::unknown: NotFoundError: Activity Elsewhere::unknown is not registered on this worker, available activit…
        ");
        Ok(())
    });
}

#[test]
fn an_activity_that_panics() {
    Simulation::builder().worker(worker()).run(async |sim| {
        assert!(sim.execute(CallsPanickingActivity::run, ()).await.is_err());
        assert_snapshot!(sim.history("CallsPanickingActivity-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted  CallsPanickingActivity()
         5  +00:00:00.000  ActivityTaskScheduled     #1 Greeter::greet("")
         7  +00:00:00.000  ActivityTaskFailed        #1 Greeter::greet: Activity function panicked: nobody to greet, maximum attempts reached
        11  +00:00:00.000  WorkflowExecutionFailed   activity #1 Greeter::greet: Activity function panicked: nobody to greet
        "#);
        Ok(())
    });
}

#[test]
fn errors_that_fail_the_workflow_are_no_failures_of_the_simulation() {
    Simulation::builder().worker(worker()).run(async |sim| {
        for mistake in [Mistake::Retryable, Mistake::NonRetryable, Mistake::Benign] {
            let outcome = sim.execute(Fails::run, mistake.clone()).await;
            assert!(matches!(outcome, Err(ExecuteError::Failed(_))), "{mistake:?}: {outcome:?}");
        }
        let outcome = sim.execute(Fails::run, Mistake::CancelsItself).await;
        assert!(matches!(outcome, Err(ExecuteError::Cancelled)), "{outcome:?}");
        Ok(())
    });
}

#[test]
fn a_cluster_retries_a_failing_workflow_task_for_as_long_as_it_is_let() {
    Simulation::builder().worker(worker()).tolerate_workflow_task_failures(true).run(async |sim| {
        let options = temporalio_client::WorkflowStartOptions::new("mistakes", "panics").build();
        let handle = sim.client().start_workflow(Panics::run, vec![], options).await?;
        sim.sleep(Duration::from_secs(24 * 3600)).await;
        handle.terminate(Default::default()).await?;
        assert_snapshot!(sim.history("panics")?.timeline(), @r#"
        1     +00:00:00.000  WorkflowExecutionStarted     Panics([])
        4     +00:00:00.000  WorkflowTaskFailed           workflow worker unhandled failure: Workflow function panicked: index out of bounds: the len is 0 but the index is 0
        5  +1d 00:00:00.000  WorkflowExecutionTerminated  because "terminated by user via frontend"
        "#);
        Ok(())
    });
}
