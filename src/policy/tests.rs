//! Examples that a person can check by hand. That the cluster agrees is tested where the cluster is.

use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;
use temporalio_common::protos::temporal::api::enums::v1::{RetryState, TimeoutType};

use super::*;
use crate::strategies;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn options(start_to_close: u64) -> ActivityOptions {
    ActivityOptions { start_to_close_timeout: Some(seconds(start_to_close)), ..Default::default() }
}

fn predict(options: ActivityOptions, script: &[AttemptOutcome]) -> Prediction {
    Model::new(options).predict(script).expect("options that the server accepts")
}

#[test]
fn the_default_policy_doubles_its_backoff() {
    let failing = || AttemptOutcome::fail("Unavailable");
    let script = [failing(), failing(), failing(), AttemptOutcome::succeed()];
    assert_snapshot!(predict(options(10), &script), @"
    attempt  scheduled  started  ended  how                  backoff
    1        0s         0s       0s     failed: Unavailable  1s
    2        1s         1s       1s     failed: Unavailable  2s
    3        3s         3s       3s     failed: Unavailable  4s
    4        7s         7s       7s     succeeded            -
    completed after 7s
    ");
}

#[test]
fn a_deadline_cuts_the_retries_short() {
    let options = ActivityOptions { schedule_to_close_timeout: Some(seconds(30)), ..options(10) };
    let script = [
        AttemptOutcome::fail("Unavailable").after(seconds(2)),
        AttemptOutcome::hang(),
        AttemptOutcome::hang().starts_after(seconds(3)),
    ];
    let prediction = predict(options, &script);
    assert_snapshot!(prediction, @"
    attempt  scheduled  started  ended  how                      backoff
    1        0s         0s       2s     failed: Unavailable      1s
    2        3s         3s       13s    timed out: StartToClose  2s
    3        15s        18s      28s    timed out: StartToClose  -
    timed out: ScheduleToClose (TIMEOUT) after 28s
    ");
    assert_eq!(prediction.timeout_type(), Some(TimeoutType::ScheduleToClose));
    assert_eq!(prediction.retry_state(), Some(RetryState::Timeout));
}

#[test]
fn the_cause_of_a_timeout_is_the_failure_before_it() {
    let mut options = options(10);
    options.retry_policy.maximum_attempts = 2;
    let prediction = predict(options, &[AttemptOutcome::fail("Unavailable"), AttemptOutcome::hang()]);
    let FinalOutcome::TimedOut { failure, retry_state } = prediction.outcome else {
        panic!("the last attempt hangs");
    };
    assert_eq!(retry_state, RetryState::MaximumAttemptsReached);
    assert_eq!(failure.message, "activity StartToClose timeout");
    let cause = failure.cause.expect("the failure of the first attempt");
    assert_eq!(
        *cause,
        AttemptFailure { error_type: "Unavailable".to_owned(), ..Default::default() }.to_proto()
    );
}

#[test]
fn heartbeats_keep_an_attempt_alive_until_they_stop() {
    let mut options = ActivityOptions { heartbeat_timeout: Some(seconds(5)), ..options(3600) };
    options.retry_policy.maximum_attempts = 1;
    for (script, expected) in [
        (AttemptOutcome::hang(), 5),
        (AttemptOutcome::hang().heartbeat_every(seconds(6)), 5),
        (AttemptOutcome::hang().heartbeat_until(seconds(3), seconds(10)), 14),
        (AttemptOutcome::hang().heartbeat_until(seconds(5), seconds(10)), 15),
        (AttemptOutcome::hang().heartbeat_every(seconds(5)), 3600),
        (AttemptOutcome::worker_lost().after(seconds(60)).heartbeat_every(seconds(4)), 65),
        (AttemptOutcome::succeed().after(seconds(60)).heartbeat_every(seconds(4)), 60),
    ] {
        let closed = predict(options.clone(), std::slice::from_ref(&script)).closed_after;
        assert_eq!(closed, Some(seconds(expected)), "{script:?}");
    }
}

#[test]
fn a_failure_may_say_when_to_try_again() {
    let script = [AttemptOutcome::fail("Busy").next_retry_delay(seconds(1000)), AttemptOutcome::succeed()];
    assert_eq!(predict(options(10), &script).closed_after, Some(seconds(1000)));
}

#[test]
fn nobody_takes_an_attempt() {
    let never = [AttemptOutcome::never_started()];
    assert_eq!(predict(options(10), &never).outcome, FinalOutcome::Open);
    let bounded = ActivityOptions { schedule_to_start_timeout: Some(seconds(7)), ..options(10) };
    let prediction = predict(bounded, &never);
    assert_eq!(prediction.closed_after, Some(seconds(7)));
    assert_eq!(prediction.timeout_type(), Some(TimeoutType::ScheduleToStart));
}

#[test]
fn the_workflow_ends_first() {
    let model = Model::new(options(100))
        .workflow_timeouts(WorkflowTimeouts { run_timeout: Some(seconds(60)), ..Default::default() })
        .scheduled_after(seconds(20));
    let prediction = model.predict(&[AttemptOutcome::hang()]).expect("valid options");
    assert_eq!(prediction.outcome, FinalOutcome::WorkflowTimedOut);
    assert_eq!(prediction.closed_after, Some(seconds(40)));
}

#[test]
fn retries_without_an_end_stay_open() {
    let model = Model::new(options(10)).most_attempts(5);
    let prediction = model.predict(&[AttemptOutcome::fail("Unavailable")]).expect("valid options");
    assert_eq!((prediction.attempts.len(), prediction.outcome), (5, FinalOutcome::Open));
}

#[test]
fn what_the_server_refuses_is_refused_in_its_words() {
    let refused = Model::new(ActivityOptions::default()).predict(&[]).expect_err("there is no timeout");
    assert_snapshot!(refused, @"a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId=1 ActivityType=Activity");
    let mut options = options(10);
    options.retry_policy.non_retryable_error_types = vec!["TemporalTimeout:Never".to_owned()];
    assert_snapshot!(Model::new(options).predict(&[]).expect_err("there is no such timeout"), @"Invalid timeout type value: Never.");
}

#[test]
fn the_longest_silence_is_between_attempts() {
    let script = [
        AttemptOutcome::fail("Unavailable").after(seconds(3)),
        AttemptOutcome::fail("Unavailable"),
        AttemptOutcome::succeed().starts_after(seconds(4)),
    ];
    assert_eq!(predict(options(10), &script).longest_silence(), seconds(6));
}

#[test]
fn options_and_scripts_are_small_in_json() {
    let options = ActivityOptions {
        retry_policy: RetryPolicy { maximum_attempts: 3, ..Default::default() },
        ..options(90)
    };
    assert_snapshot!(serde_json::to_string(&options).expect("plain data"), @r#"{"start_to_close_timeout":"1m 30s","retry_policy":{"maximum_attempts":3}}"#);
    let script = [
        AttemptOutcome::fail("Unavailable").after(seconds(2)).starts_after(Duration::from_millis(200)),
        AttemptOutcome::hang().heartbeat_until(seconds(1), seconds(5)),
        AttemptOutcome::never_started(),
    ];
    assert_snapshot!(serde_json::to_string(&script).expect("plain data"), @r#"[{"starts_after":"200ms","ending":{"fail":{"after":"2s","failure":{"type":"Unavailable"}}}},{"heartbeats":{"every":"1s","stop_after":"5s"},"ending":"hang"},{"starts_after":null,"ending":"hang"}]"#);
}

#[test]
fn what_is_misspelt_in_json_is_refused() {
    for wrong in [
        r#"{"start_to_close":"1s"}"#,
        r#"{"start_to_close_timeout":"-1s"}"#,
        r#"{"start_to_close_timeout":1}"#,
        r#"{"retry_policy":{"maximum_attempts":-1}}"#,
    ] {
        assert!(serde_json::from_str::<ActivityOptions>(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_options_make_it_panic(
        options in strategies::hostile_activity_options(),
        workflow in strategies::workflow_timeouts(),
        scheduled_after in strategies::delays(),
        script in strategies::scripts(4),
    ) {
        let model =
            Model::new(options.clone()).workflow_timeouts(workflow).scheduled_after(scheduled_after).most_attempts(50);
        if let Ok(prediction) = model.predict(&script) {
            prop_assert!(!prediction.attempts.is_empty());
            prop_assert!(prediction.attempts.is_sorted_by_key(|attempt| attempt.scheduled));
            let _ = (prediction.to_string(), prediction.longest_silence());
        }
        let _ = lint::Linter::default().workflow_timeouts(workflow).activity("it", &options);
    }

    #[test]
    fn json_is_read_as_it_was_written(
        options in strategies::activity_options(),
        workflow in strategies::workflow_timeouts(),
        script in strategies::scripts(4),
    ) {
        let written = serde_json::to_string(&(&options, &workflow, &script)).expect("plain data");
        let read: (ActivityOptions, WorkflowTimeouts, Vec<AttemptOutcome>) =
            serde_json::from_str(&written).expect("what was written");
        prop_assert_eq!(read, (options, workflow, script));
    }

    /// What an operator promises: no attempt begins after the deadline, and none lasts longer than it may.
    #[test]
    fn timeouts_are_kept(options in strategies::activity_options(), script in strategies::scripts(5)) {
        let model = Model::new(options.clone()).most_attempts(50);
        let prediction = model.predict(&script)?;
        let effective = options.effective(WorkflowTimeouts::default())?;
        for attempt in &prediction.attempts {
            if let Some(whole) = effective.schedule_to_close_timeout {
                prop_assert!(attempt.scheduled <= whole && attempt.ended.is_none_or(|ended| ended <= whole));
            }
            if let (Some(longest), Some(started), Some(ended)) =
                (effective.start_to_close_timeout, attempt.started, attempt.ended)
            {
                prop_assert!(ended - started <= longest);
            }
        }
    }
}
