//! A whole simulation does what the model predicts.

use std::time::Duration;

use proptest::{collection, option, prelude::*};
use temporal_sim::{
    Mock, Outcome, Simulation, Worker,
    history::History,
    policy::{ActivityOptions, AttemptOutcome, Ending, Model, RetryPolicy},
};
use temporalio_common::{
    error::ApplicationFailure,
    protos::temporal::api::{
        enums::v1::{RetryState, TimeoutType},
        failure::v1::failure::FailureInfo,
        history::v1::history_event::Attributes,
    },
};

use crate::shop::{Checkout, Outside};

/// A few whole seconds: what tokio's clock shows exactly.
fn seconds() -> impl Strategy<Value = Duration> {
    (1..=8_u64).prop_map(Duration::from_secs)
}

fn options() -> impl Strategy<Value = ActivityOptions> {
    (seconds(), option::of(seconds()), option::of(seconds()), 0..=5_u32, option::of(seconds())).prop_map(
        |(start_to_close, schedule_to_close, initial_interval, maximum_attempts, heartbeat)| {
            ActivityOptions {
                start_to_close_timeout: Some(start_to_close),
                schedule_to_close_timeout: schedule_to_close.map(|timeout| 3 * timeout),
                heartbeat_timeout: heartbeat,
                retry_policy: RetryPolicy { initial_interval, maximum_attempts, ..Default::default() },
                ..Default::default()
            }
        },
    )
}

fn outcome() -> impl Strategy<Value = AttemptOutcome> {
    prop_oneof![
        seconds().prop_map(|after| AttemptOutcome::succeed().after(after)),
        seconds().prop_map(|after| AttemptOutcome::fail("Unavailable").after(after)),
        seconds().prop_map(|after| AttemptOutcome::fail_for_good("CardDeclined").after(after)),
        seconds().prop_map(|delay| AttemptOutcome::fail("Busy").next_retry_delay(delay)),
        Just(AttemptOutcome::hang()),
    ]
}

/// The same as a mock has it.
fn mocked(outcome: &AttemptOutcome) -> Outcome<String> {
    match &outcome.ending {
        Ending::Succeed { after } => Outcome::succeed("ok".to_owned()).after(*after),
        Ending::Fail { after, failure } => Outcome::error(
            ApplicationFailure::builder(anyhow::anyhow!("no"))
                .type_name(failure.error_type.clone())
                .non_retryable(failure.non_retryable)
                .maybe_next_retry_delay(failure.next_retry_delay)
                .build(),
        )
        .after(*after),
        _ => Outcome::never(),
    }
}

/// How the activity closed, and how long after the start.
fn closed(history: &History) -> (Option<RetryState>, Option<TimeoutType>, Option<Duration>) {
    let start = history.events()[0].event_time.unwrap_or_default();
    for event in history.events() {
        let (retry_state, failure) = match &event.attributes {
            Some(Attributes::ActivityTaskCompletedEventAttributes(_)) => (None, None),
            Some(Attributes::ActivityTaskFailedEventAttributes(failed)) => (Some(failed.retry_state()), None),
            Some(Attributes::ActivityTaskTimedOutEventAttributes(timed_out)) => {
                (Some(timed_out.retry_state()), timed_out.failure.as_ref())
            }
            _ => continue,
        };
        let timeout_type = failure.and_then(|failure| match &failure.failure_info {
            Some(FailureInfo::TimeoutFailureInfo(info)) => Some(info.timeout_type()),
            _ => None,
        });
        let time = event.event_time.unwrap_or_default();
        let seconds = u64::try_from(time.seconds - start.seconds).unwrap_or_default();
        return (retry_state, timeout_type, Some(Duration::from_secs(seconds)));
    }
    (None, None, None)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_simulation_agrees_with_the_model(
        options in options(),
        script in collection::vec(outcome(), 0..5),
    ) {
        // What comes after the script succeeds, in the mock as in the model.
        let mut full = script.clone();
        full.push(AttemptOutcome::succeed());
        let prediction = Model::new(options.clone()).predict(&full)?;

        let charge = Mock::new(Outside::charge).script(script.iter().map(mocked)).returns("ok".to_owned());
        let worker = Worker::new("shop").workflow::<Checkout>().mock(charge.clone());
        let history = Simulation::builder().worker(worker).run(async move |sim| {
            sim.override_activity_options(Outside::charge, move |asked| *asked = options.clone());
            let _ = sim.execute(Checkout::run, 100).await;
            sim.history("Checkout-1")
        });

        let started = prediction.attempts.iter().filter(|attempt| attempt.started.is_some()).count();
        prop_assert_eq!(charge.calls(), started);
        prop_assert_eq!(
            closed(&history),
            (prediction.retry_state(), prediction.timeout_type(), prediction.closed_after)
        );
    }
}
