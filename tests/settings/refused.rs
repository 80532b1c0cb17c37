//! What the server refuses is refused here, with its words: whatever asks for it.

use std::time::Duration;

use temporal_sim::{
    ExecuteError, Failure, Mock, Simulation, Worker,
    policy::{ActivityOptions, Model, RetryPolicy, WorkflowOptions},
};
use temporalio_client::tonic::Code;

use crate::shop::{Checkout, Delegation, Outside};

const SECOND: Duration = Duration::from_secs(1);

/// Policies that the server refuses, and why.
fn policies() -> Vec<(RetryPolicy, &'static str)> {
    let policy = RetryPolicy::default;
    vec![
        (
            RetryPolicy { backoff_coefficient: 0.5, ..policy() },
            "BackoffCoefficient cannot be less than 1 on retry policy.",
        ),
        (
            RetryPolicy { backoff_coefficient: f64::NEG_INFINITY, ..policy() },
            "BackoffCoefficient cannot be less than 1 on retry policy.",
        ),
        (
            RetryPolicy { initial_interval: Some(10 * SECOND), maximum_interval: Some(SECOND), ..policy() },
            "MaximumInterval cannot be less than InitialInterval on retry policy.",
        ),
        (
            RetryPolicy { non_retryable_error_types: vec!["TemporalTimeout:Lunch".into()], ..policy() },
            "Invalid timeout type value: Lunch.",
        ),
    ]
}

fn simulate(
    body: impl AsyncFnOnce(Simulation) -> anyhow::Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let charge = Mock::new(Outside::charge).returns("ok".into());
    let worker = Worker::new("shop").workflow::<Checkout>().workflow::<Delegation>().mock(charge);
    Simulation::builder().worker(worker).try_run(body)
}

/// Checks that a workflow task fails with these words.
fn fails_the_workflow_task(outcome: Result<(), Failure>, words: &str) {
    let failure = outcome.expect_err(words).to_string();
    assert!(failure.contains("a workflow task of") && failure.contains(words), "{words}: {failure}");
}

#[test]
fn an_activity_that_an_override_makes_invalid() {
    let words = "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity";
    let mut refused = vec![(ActivityOptions::default(), words)];
    for (retry_policy, words) in policies() {
        let start_to_close_timeout = Some(SECOND);
        refused.push((ActivityOptions { start_to_close_timeout, retry_policy, ..Default::default() }, words));
    }
    for (options, words) in refused {
        let predicted = Model::new(options.clone()).predict(&[]).expect_err(words);
        assert!(predicted.to_string().contains(words), "the model: {predicted}");
        let outcome = simulate(async move |sim| {
            sim.override_activity_options(Outside::charge, move |overridden| overridden.clone_from(&options));
            sim.execute(Checkout::run, 100).await?;
            Ok(())
        });
        fails_the_workflow_task(outcome, words);
    }
}

#[test]
fn a_child_that_an_override_makes_invalid() {
    for (policy, words) in policies() {
        let outcome = simulate(async move |sim| {
            sim.override_child_workflow_options(Checkout::run, move |options| {
                options.retry_policy = Some(policy.clone());
            });
            sim.execute(Delegation::run, 100).await?;
            Ok(())
        });
        fails_the_workflow_task(outcome, words);
    }
}

#[test]
fn a_start_that_an_override_makes_invalid() {
    for (policy, words) in policies() {
        simulate(async move |sim| {
            sim.override_workflow_options(Checkout::run, move |options| {
                *options = WorkflowOptions { retry_policy: Some(policy.clone()), ..Default::default() };
            });
            match sim.execute(Checkout::run, 100).await {
                Err(ExecuteError::Refused { code: Code::InvalidArgument, message }) => {
                    assert!(message.contains(words), "{message}");
                }
                other => panic!("{words}: {other:?}"),
            }
            assert!(sim.histories().is_empty(), "nothing has begun");
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn durations_of_any_size_are_cut_as_the_server_cuts_them() {
    for timeout in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_secs(u64::MAX)] {
        let options = ActivityOptions { start_to_close_timeout: Some(timeout), ..Default::default() };
        simulate(async move |sim| {
            sim.override_activity_options(Outside::charge, move |overridden| overridden.clone_from(&options));
            sim.execute(Checkout::run, 100).await?;
            let scheduled = sim.history("Checkout-1")?.timeline().to_string();
            assert!(scheduled.contains("ActivityTaskCompleted"), "{scheduled}");
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{timeout:?}: {failure}"));
    }
}
