//! What a simulation does with time, and how it ends when it does not end well.

use std::time::{Duration, SystemTime};

use temporal_sim::{Cause, Failure, Mock, Outcome, Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    approval::{Approval, Claim, Decision, Letter, Mailer, Outcome as Approved},
    misbehaving::{BlocksThread, NeverStops, Panics},
};
use temporalio_client::{
    UntypedWorkflow, WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PauseWorkflowExecutionRequest, UnpauseWorkflowExecutionRequest,
};
use tonic::IntoRequest as _;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn claim() -> Claim {
    Claim {
        id: "C-1".into(),
        employee: "Ada".into(),
        amount: Money::euros(120),
        approvers: vec!["Grace".into(), "Edsger".into()],
        patience: 30 * DAY,
    }
}

fn office(mailer: Mailer) -> Worker {
    Worker::new("office").workflow::<Approval>().activities(mailer, (Mailer::send, Mailer::pay))
}

#[test]
fn a_month_passes_at_once() {
    Simulation::builder().worker(office(Mailer::default())).run(async |sim| {
        assert_eq!(sim.execute(Approval::run, claim()).await?, Approved::Expired);
        assert_eq!(sim.elapsed(), 60 * DAY);
        Ok(())
    });
}

#[test]
fn a_simulation_starts_when_it_is_told_to() {
    let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    Simulation::builder().start_time(start).run(async move |sim| {
        assert_eq!(sim.now(), start);
        sim.advance_to(start + DAY).await;
        assert_eq!(sim.now(), start + DAY);
        sim.advance_to(start).await;
        assert_eq!(sim.elapsed(), DAY);
        Ok(())
    });
}

#[test]
fn a_paused_workflow_does_nothing_until_it_goes_on() {
    let mailer = Mailer::default();
    let builder = Simulation::builder().worker(office(mailer.clone()));
    builder.limits(|limits| limits.workflow_pause = true).run(async move |sim| {
        let options = WorkflowStartOptions::new("office", "claim-1").build();
        let handle = sim.client().start_workflow(Approval::run, claim(), options).await?;
        sim.sleep(DAY).await;
        let mut service = sim.connection().workflow_service();
        let (namespace, workflow_id) = ("default".to_owned(), "claim-1".to_owned());
        let pause = PauseWorkflowExecutionRequest {
            namespace: namespace.clone(),
            workflow_id: workflow_id.clone(),
            ..Default::default()
        };
        service.pause_workflow_execution(pause.into_request()).await?;
        sim.sleep(40 * DAY).await;
        assert_eq!(mailer.sent().len(), 1, "Grace has had her time, but nobody has asked Edsger");

        let unpause = UnpauseWorkflowExecutionRequest { namespace, workflow_id, ..Default::default() };
        service.unpause_workflow_execution(unpause.into_request()).await?;
        assert_eq!(handle.get_result(WorkflowGetResultOptions::default()).await?, Approved::Expired);
        assert_eq!(sim.elapsed(), 71 * DAY);
        Ok(())
    });
}

#[test]
fn what_the_test_does_between_two_timers_is_seen_between_them() {
    let mailer = Mailer::default();
    Simulation::builder().worker(office(mailer.clone())).run(async move |sim| {
        let options = WorkflowStartOptions::new("office", "claim-1").build();
        let handle = sim.client().start_workflow(Approval::run, claim(), options).await?;
        sim.sleep(DAY).await;
        assert_eq!(mailer.sent().len(), 1, "Grace has been asked, Edsger not yet");

        let decision = Decision { by: "Grace".into(), approved: true };
        handle.signal(Approval::decide, decision, WorkflowSignalOptions::default()).await?;
        let outcome = handle.get_result(WorkflowGetResultOptions::default()).await?;

        assert_eq!(outcome, Approved::Paid { by: "Grace".into() });
        assert_eq!(sim.elapsed(), DAY);
        Ok(())
    });
}

#[test]
fn running_until_idle_leaves_what_waits_for_somebody() {
    Simulation::builder().worker(office(Mailer::default())).run(async |sim| {
        let options = WorkflowStartOptions::new("office", "claim-1").build();
        let handle = sim.client().start_workflow(Approval::run, claim(), options).await?;
        sim.run_until_idle().await;
        assert_eq!(handle.get_result(WorkflowGetResultOptions::default()).await?, Approved::Expired);
        Ok(())
    });
}

#[test]
fn simulations_run_beside_one_another_and_share_nothing() {
    std::thread::scope(|scope| {
        for days in 1..8 {
            scope.spawn(move || {
                Simulation::builder().worker(office(Mailer::default())).run(async move |sim| {
                    let claim = Claim { patience: days * DAY, ..claim() };
                    sim.execute(Approval::run, claim).await?;
                    assert_eq!(sim.elapsed(), 2 * days * DAY);
                    Ok(())
                });
            });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_simulation_runs_on_the_runtime_of_a_tokio_test() -> Result<(), Failure> {
    Simulation::builder()
        .worker(office(Mailer::default()))
        .run_here(async |sim| {
            sim.execute(Approval::run, claim()).await?;
            Ok(())
        })
        .await
}

/// The report of a simulation that is expected to fail, without the command that reproduces it.
fn report(failure: &Failure) -> String {
    let report = failure.to_string();
    report.lines().filter(|line| !line.starts_with("  reproduce")).collect::<Vec<_>>().join("\n")
}

#[test]
fn nobody_polls_the_task_queue() {
    let failure = Simulation::builder()
        .try_run(async |sim| {
            let options = WorkflowStartOptions::new("nobody-polls-this", "claim-1").build();
            let workflow = UntypedWorkflow::new("Approval");
            let input = temporalio_common::data_converters::RawValue::empty();
            let handle = sim.client().start_workflow(workflow, input, options).await?;
            handle.get_result(WorkflowGetResultOptions::default()).await?;
            Ok(())
        })
        .unwrap_err();
    insta::assert_snapshot!(report(&failure));
}

#[test]
fn a_panic_in_workflow_code_fails_the_test_at_once() {
    let failure = Simulation::builder()
        .worker(Worker::new("office").workflow::<Panics>())
        .try_run(async |sim| {
            sim.execute(Panics::run, vec![1, 2]).await?;
            Ok(())
        })
        .unwrap_err();
    insta::assert_snapshot!(report(&failure));
}

#[test]
fn a_loop_that_never_ends_uses_its_budget_up() {
    let failure = Simulation::builder()
        .budget(500)
        .worker(Worker::new("office").workflow::<NeverStops>())
        .try_run(async |sim| {
            sim.execute(NeverStops::run, DAY).await?;
            Ok(())
        })
        .unwrap_err();
    assert_eq!(failure.cause(), &Cause::Budget { steps: 500 });
    assert!(failure.to_string().contains("NeverStops \"NeverStops-1\": open"), "{failure}");
}

#[test]
fn code_that_holds_the_thread_is_named() {
    let failure = Simulation::builder()
        .watchdog(Duration::from_millis(50))
        .worker(Worker::new("office").workflow::<BlocksThread>())
        .try_run(async |sim| {
            sim.execute(BlocksThread::run, Duration::from_secs(3600)).await?;
            Ok(())
        })
        .unwrap_err();
    let Cause::Blocked { what, .. } = failure.cause() else { panic!("{failure}") };
    assert_eq!(what, "workflow BlocksThread, id \"BlocksThread-1\"");
}

#[test]
fn a_mock_that_was_expected_and_not_called_is_named() {
    let pay = Mock::new(Mailer::pay).returns("payment".to_owned()).expect_called();
    let send = Mock::new(Mailer::send).script([Outcome::fail("no mail today")]).returns(());
    let failure = Simulation::builder()
        .worker(Worker::new("office").workflow::<Approval>().mock(pay).mock(send.clone()))
        .try_run(async |sim| {
            sim.execute(Approval::run, claim()).await?;
            Ok(())
        })
        .unwrap_err();
    let unmet = vec!["Mailer::pay: expected at least 1 calls, got 0".to_owned()];
    assert_eq!(failure.cause(), &Cause::Mocks { unmet });
    assert_eq!(send.inputs().first().map(|letter: &Letter| letter.to.clone()), Some("Grace".to_owned()));
}

#[test]
#[should_panic(expected = "the claim was not paid")]
fn a_failed_assertion_fails_the_test_with_its_own_message() {
    Simulation::builder().run(async |_| -> anyhow::Result<()> { panic!("the claim was not paid") });
}
