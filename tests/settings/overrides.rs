//! Workflow code asks for one thing, the test wants another.

use std::time::Duration;

use temporal_sim::{ExecuteError, Mock, Outcome, Simulation, Worker, invariants::Invariant};
use temporalio_common::{
    ActivityDefinition,
    protos::temporal::api::{enums::v1::WorkflowExecutionStatus, history::v1::history_event::Attributes},
};

use crate::shop::{Checkout, Delegation, LocalCheckout, Outside};

const SECOND: Duration = Duration::from_secs(1);

fn worker<A>(charge: &Mock<A>) -> Worker
where
    A: ActivityDefinition<Output = String> + 'static,
    A::Input: Send,
{
    Worker::new("shop")
        .workflow::<Checkout>()
        .workflow::<LocalCheckout>()
        .workflow::<Delegation>()
        .mock(charge.clone())
}

#[test]
fn an_activity_gets_more_attempts_and_longer_pauses() {
    let charge =
        Mock::new(Outside::charge).script([(); 4].map(|()| Outcome::fail("503"))).returns("ok".into());
    Simulation::builder().worker(worker(&charge)).run(async move |sim| {
        sim.override_activity_options(Outside::charge, |options| {
            assert_eq!(options.start_to_close_timeout, Some(SECOND));
            options.retry_policy.maximum_attempts = 5;
            options.retry_policy.initial_interval = Some(10 * SECOND);
        });
        assert_eq!(sim.execute(Checkout::run, 100).await?, "ok");
        assert_eq!(sim.elapsed(), (10 + 20 + 40 + 80) * SECOND);
        Ok(())
    });
}

#[test]
fn what_is_overridden_is_no_difference_of_the_code() {
    let charge = Mock::new(Outside::charge).returns("ok".into());
    let simulation = Simulation::builder().worker(worker(&charge)).replays_itself(true);
    simulation.invariants([Invariant::replays()]).run(async move |sim| {
        sim.execute(Delegation::run, 100).await?;
        sim.override_activity_options(Outside::charge, |options| {
            options.start_to_close_timeout = Some(7 * SECOND);
            options.retry_policy.maximum_attempts = 9;
        });
        sim.override_child_workflow_options(Checkout::run, |options| {
            options.timeouts.run_timeout = Some(60 * SECOND);
            options.retry_policy.get_or_insert_default().initial_interval = Some(5 * SECOND);
        });
        sim.execute(Delegation::run, 100).await?;
        Ok(())
    });
}

#[test]
fn overrides_apply_one_after_the_other_and_from_the_call_on() {
    let charge = Mock::new(Outside::charge).never_returns();
    Simulation::builder().worker(worker(&charge)).run(async move |sim| {
        assert!(sim.execute(Checkout::run, 100).await.is_err());
        assert_eq!(sim.elapsed(), 3 * SECOND, "two attempts of a second, one second apart");
        sim.override_activity_options(Outside::charge, |options| options.retry_policy.maximum_attempts = 1);
        sim.override_activity_options(Outside::charge, |options| {
            options.start_to_close_timeout = options.start_to_close_timeout.map(|timeout| 7 * timeout);
        });
        assert!(sim.execute(Checkout::run, 100).await.is_err());
        assert_eq!(sim.elapsed(), (3 + 7) * SECOND);
        Ok(())
    });
}

#[test]
fn what_the_server_refuses_it_refuses_after_an_override_too() {
    let charge = Mock::new(Outside::charge).returns("ok".into());
    let failure = Simulation::builder()
        .worker(worker(&charge))
        .try_run(async move |sim| {
            sim.override_activity_options(Outside::charge, |options| options.start_to_close_timeout = None);
            Ok(sim.execute(Checkout::run, 100).await?)
        })
        .expect_err("the activity has no timeout any more");
    let message = "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity";
    assert!(failure.to_string().contains(message), "{failure}");
}

#[test]
fn a_local_activity_gets_fewer_attempts() {
    let charge = Mock::new(Outside::charge).never_returns();
    let calls = charge.clone();
    Simulation::builder().worker(worker(&charge)).run(async move |sim| {
        sim.override_local_activity_options(Outside::charge, |options| {
            options.start_to_close_timeout = Some(3 * SECOND);
            options.retry_policy.maximum_attempts = 2;
        });
        assert!(sim.execute(LocalCheckout::run, 100).await.is_err());
        assert_eq!(sim.elapsed(), (3 + 1 + 3) * SECOND);
        Ok(())
    });
    assert_eq!(calls.calls(), 2);
}

#[test]
fn a_workflow_gets_a_timeout() {
    let charge = Mock::new(Outside::charge).never_returns();
    Simulation::builder().worker(worker(&charge)).run(async move |sim| {
        sim.override_workflow_options(Checkout::run, |options| {
            options.timeouts.run_timeout = Some(Duration::from_millis(500));
        });
        let outcome = sim.execute(Checkout::run, 100).await;
        assert!(matches!(outcome, Err(ExecuteError::TimedOut)), "{outcome:?}");
        assert_eq!(sim.elapsed(), Duration::from_millis(500));
        Ok(())
    });
}

#[test]
fn a_child_workflow_gets_a_retry_policy_and_others_do_not() {
    let charge = Mock::new(Outside::charge).script([Outcome::fail_for_good("no")]).returns("ok".into());
    Simulation::builder().worker(worker(&charge)).run(async move |sim| {
        sim.override_child_workflow_options(Checkout::run, |options| {
            options.retry_policy.get_or_insert_default().initial_interval = Some(5 * SECOND);
        });
        assert_eq!(sim.execute(Delegation::run, 100).await?, "ok");
        assert_eq!(sim.elapsed(), 5 * SECOND);
        let children: Vec<_> =
            sim.histories().into_iter().filter(|history| history.workflow_type() == "Checkout").collect();
        let statuses: Vec<_> = children.iter().map(|history| history.status()).collect();
        assert_eq!(statuses, [WorkflowExecutionStatus::Failed, WorkflowExecutionStatus::Completed]);
        sim.execute(Checkout::run, 100).await?;
        let started = sim.history("Checkout-2")?.into_events().into_iter().next();
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            started.and_then(|event| event.attributes)
        else {
            panic!("a history begins with the start");
        };
        assert_eq!(started.retry_policy, None);
        Ok(())
    });
}
