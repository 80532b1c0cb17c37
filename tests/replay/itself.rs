//! Simulations that replay at their end what has closed in them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use temporal_sim::{Cause, Failure, Mock, Simulation, Worker, check_determinism, replay::Difference};
use temporal_sim_fixtures::{
    Money,
    misbehaving::Greeter,
    money_transfer::{Bank, MoneyTransfer, Transfer},
};
use temporalio_client::WorkflowStartOptions;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, WorkflowContext, WorkflowResult};

/// Tells an activity the machine's time.
#[workflow]
#[derive(Default)]
struct ReadsWallClock;

#[workflow_methods]
impl ReadsWallClock {
    #[run]
    #[expect(clippy::disallowed_methods, reason = "the mistake")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        Ok(ctx.execute_activity(Greeter::greet, format!("{} ns", now.as_nanos()), options).await?)
    }
}

/// Only its first execution waits: it counts them in a place that all of them share.
#[workflow]
struct CountsItself {
    executions: Arc<AtomicU64>,
}

#[workflow_methods(factory_only)]
impl CountsItself {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        if ctx.state(|s| s.executions.fetch_add(1, Ordering::Relaxed)) == 0 {
            ctx.timer(Duration::from_secs(60)).await;
        }
        Ok(())
    }
}

/// Only its first attempt panics.
#[workflow]
struct PanicsAtFirst {
    attempts: Arc<AtomicU64>,
}

#[workflow_methods(factory_only)]
impl PanicsAtFirst {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let attempts = ctx.state(|s| s.attempts.fetch_add(1, Ordering::Relaxed));
        assert!(attempts > 0, "not ready yet");
        Ok(())
    }
}

fn worker() -> Worker {
    let (executions, attempts) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    Worker::new("office")
        .workflow::<ReadsWallClock>()
        .workflow_with_factory(move || CountsItself { executions: executions.clone() })
        .workflow_with_factory(move || PanicsAtFirst { attempts: attempts.clone() })
        .mock(Mock::new(Greeter::greet).returns("hello".to_owned()))
}

fn differences(failure: &Failure) -> Vec<Difference> {
    let Cause::Replay { verdicts } = failure.cause() else { panic!("{failure}") };
    verdicts.iter().flat_map(|verdict| &verdict.differences).map(|it| it.difference).collect()
}

#[test]
fn code_that_reads_the_clock_of_the_machine() {
    let simulation = Simulation::builder().worker(worker()).replays_itself(true);
    let failure =
        simulation.try_run(async |sim| Ok(sim.execute(ReadsWallClock::run, ()).await?)).unwrap_err();
    assert_eq!(differences(&failure), [Difference::ActivityInput]);

    // It ends well, and nobody sees it otherwise.
    Simulation::builder().worker(worker()).run(async |sim| Ok(sim.execute(ReadsWallClock::run, ()).await?));
}

#[test]
fn code_that_depends_on_state_which_executions_share() {
    let simulation = Simulation::builder().worker(worker()).replays_itself(true);
    let failure = simulation.try_run(async |sim| Ok(sim.execute(CountsItself::run, ()).await?)).unwrap_err();
    insta::assert_snapshot!(failure.cause(), @r#"
    a workflow execution that ended well does something else when it is replayed. Its code looks at something that is not in its history: a clock or randomness of the machine, the environment, the order of a HashMap, state that executions share

      CountsItself-1: nondeterminism
      workflow CountsItself, id "CountsItself-1", run 01941f29-7c00-7239-a3dd-4a3f0d741c6a, 10 events
      a worker reports nondeterminism: event 5 (EVENT_TYPE_TIMER_STARTED): the workflow's next command is COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION
      event 5: other command (2025-01-01T00:00:00Z)
        recorded: TimerStarted #1 for 1m
        produced: WorkflowExecutionCompleted -> ()
    "#);
}

#[test]
#[should_panic(expected = "does something else when it is replayed")]
fn the_check_for_determinism_replays() {
    check_determinism(7, |simulation| {
        simulation.worker(worker()).run(async |sim| Ok(sim.execute(CountsItself::run, ()).await?));
    });
}

#[test]
fn a_workflow_task_that_failed_and_was_tolerated() {
    let simulation = Simulation::builder().worker(worker()).replays_itself(true);
    simulation.tolerate_workflow_task_failures(true).run(async |sim| {
        sim.execute(PanicsAtFirst::run, ()).await?;
        Ok(())
    });
}

#[test]
fn what_is_open_or_has_no_worker_is_left_alone() {
    let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
    let worker = Worker::new("payments")
        .workflow::<MoneyTransfer>()
        .activities(bank, (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund));
    Simulation::builder().worker(worker).replays_itself(true).run(async |sim| {
        let amount = Money::euros(40);
        let rent = Transfer { reference: "1".into(), from: "alice".into(), to: "bob".into(), amount };
        let options = WorkflowStartOptions::new("nobody", "elsewhere").build();
        let elsewhere = sim.client().start_workflow(MoneyTransfer::run, rent.clone(), options).await?;
        elsewhere.terminate(Default::default()).await?;
        let options = WorkflowStartOptions::new("payments", "open").build();
        sim.client().start_workflow(MoneyTransfer::run, rent, options).await?;
        Ok(())
    });
}
