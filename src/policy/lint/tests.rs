use insta::assert_snapshot;

use super::*;
use crate::policy::{ActivityOptions, RetryPolicy};

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// Options that nothing is wrong with.
fn sound() -> ActivityOptions {
    ActivityOptions {
        schedule_to_close_timeout: seconds(600),
        start_to_close_timeout: seconds(30),
        ..Default::default()
    }
}

/// What the linter says of sound options after this change.
fn linted(linter: &Linter, change: impl FnOnce(&mut ActivityOptions)) -> String {
    let mut options = sound();
    change(&mut options);
    let findings = linter.activity("charge", &options);
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

fn check(change: impl FnOnce(&mut ActivityOptions), expected: &[Rule]) {
    check_with(&Linter::default(), change, expected);
}

#[track_caller]
fn check_with(linter: &Linter, change: impl FnOnce(&mut ActivityOptions), expected: &[Rule]) {
    let mut options = sound();
    change(&mut options);
    let rules: Vec<_> = linter.activity("charge", &options).iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, expected, "{options:?}");
}

#[test]
fn sound_options_are_passed() {
    check(|_| {}, &[]);
    check(|options| options.retry_policy.maximum_attempts = 5, &[]);
    check(|options| options.heartbeat_timeout = seconds(10), &[]);
    check(|options| options.start_to_close_timeout = None, &[]);
}

#[test]
fn a_timeout_above_the_one_that_caps_it() {
    check(|options| options.start_to_close_timeout = seconds(601), &[Rule::StartToCloseAboveScheduleToClose]);
    check(
        |options| options.schedule_to_start_timeout = seconds(601),
        &[Rule::ScheduleToStartAboveScheduleToClose],
    );
    let linter = Linter::default()
        .workflow_timeouts(WorkflowTimeouts { run_timeout: seconds(599), ..Default::default() });
    check_with(&linter, |_| {}, &[Rule::TimeoutAboveRunTimeout]);
    check_with(&linter, |options| options.schedule_to_close_timeout = seconds(599), &[]);
    assert_snapshot!(
        linted(&Linter::default(), |options| options.start_to_close_timeout = seconds(3600)),
        @r"
    charge: start_to_close_timeout is 1h, and the server cuts it to the schedule_to_close_timeout of 10m
      fix: let start_to_close_timeout be less than 10m, or schedule_to_close_timeout longer [start-to-close-above-schedule-to-close]
    "
    );
}

#[test]
fn a_heartbeat_timeout_that_never_expires_first() {
    check(|options| options.heartbeat_timeout = seconds(30), &[Rule::HeartbeatNotBelowStartToClose]);
    check(|options| options.heartbeat_timeout = seconds(29), &[]);
}

#[test]
fn retries_without_an_end() {
    check(|options| options.schedule_to_close_timeout = None, &[Rule::UnlimitedRetries]);
    let linter = Linter::default()
        .workflow_timeouts(WorkflowTimeouts { execution_timeout: seconds(3600), ..Default::default() });
    check_with(&linter, |options| options.schedule_to_close_timeout = None, &[]);
    check(
        |options| {
            options.schedule_to_close_timeout = None;
            options.retry_policy.maximum_attempts = 3;
        },
        &[],
    );
    assert_snapshot!(linted(&Linter::default(), |options| options.schedule_to_close_timeout = None), @r"
    charge: a permanent failure is retried for ever, in the end every 1m 40s
      fix: set schedule_to_close_timeout, maximum_attempts or the workflow's run timeout [unlimited-retries]
    ");
}

#[test]
fn attempts_for_which_there_is_no_time() {
    // 1 + 2 + 4 + 8 + 16 + 32 + 64 + 100 + 100 + 100 + 100 s of backoff: the eleventh attempt begins after 427 s.
    check(|options| options.retry_policy.maximum_attempts = 12, &[]);
    check(|options| options.retry_policy.maximum_attempts = 13, &[Rule::AttemptsCutByDeadline]);
}

#[test]
fn a_timeout_after_which_there_is_no_time() {
    check(|options| options.start_to_close_timeout = seconds(599), &[]);
    check(|options| options.start_to_close_timeout = seconds(600), &[Rule::NoTimeToRetryTimeout]);
}

#[test]
fn a_maximum_interval_that_is_never_reached() {
    let policy = |attempts: u32, coefficient: f64| RetryPolicy {
        maximum_attempts: attempts,
        backoff_coefficient: coefficient,
        maximum_interval: seconds(60),
        ..Default::default()
    };
    check(|options| options.retry_policy = policy(4, 2.0), &[Rule::MaximumIntervalNeverReached]);
    check(|options| options.retry_policy = policy(0, 1.0), &[Rule::MaximumIntervalNeverReached]);
    check(|options| options.retry_policy = policy(0, 2.0), &[]);
    check(
        |options| {
            options.schedule_to_close_timeout = seconds(40);
            options.retry_policy = policy(0, 2.0);
        },
        &[Rule::MaximumIntervalNeverReached],
    );
}

#[test]
fn a_retry_policy_of_one_attempt() {
    check(|options| options.retry_policy.maximum_attempts = 1, &[]);
    check(
        |options| {
            options.retry_policy.maximum_attempts = 1;
            options.retry_policy.initial_interval = seconds(5);
        },
        &[Rule::RetryPolicyNeverUsed],
    );
}

#[test]
fn non_retryable_types() {
    let list = |types: &[&str]| {
        let types: Vec<_> = types.iter().map(|&listed| listed.to_owned()).collect();
        move |options: &mut ActivityOptions| options.retry_policy.non_retryable_error_types = types
    };
    let linter = Linter::default().throws(["CardDeclined"]);
    check_with(&linter, list(&["CardDeclined"]), &[]);
    check_with(&linter, list(&["cardDeclined"]), &[Rule::NonRetryableTypeNeverThrown]);
    check(list(&["cardDeclined"]), &[]);
    check(list(&["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"]), &[]);
    check(list(&["TemporalTimeout:ScheduleToClose"]), &[Rule::NonRetryableTimeoutNeverRetried]);
}

#[test]
fn what_is_known_of_the_code() {
    let linter = Linter::default().slowest_success(Duration::from_secs(30));
    check_with(&linter, |_| {}, &[]);
    check_with(
        &linter,
        |options| options.start_to_close_timeout = seconds(29),
        &[Rule::SlowestSuccessAboveStartToClose],
    );
    let linter = Linter::default().heartbeats_every(Duration::from_secs(10));
    check_with(&linter, |_| {}, &[Rule::HeartbeatWithoutTimeout]);
    check_with(&linter, |options| options.heartbeat_timeout = seconds(11), &[]);
    check_with(
        &linter,
        |options| options.heartbeat_timeout = seconds(10),
        &[Rule::HeartbeatIntervalNotBelowTimeout],
    );
}

#[test]
fn what_the_server_refuses() {
    check(
        |options| {
            options.schedule_to_close_timeout = None;
            options.start_to_close_timeout = None;
        },
        &[Rule::Refused],
    );
    assert_snapshot!(linted(&Linter::default(), |options| options.retry_policy.backoff_coefficient = 0.5), @r"
    charge: the server refuses this: BackoffCoefficient cannot be less than 1 on retry policy.
      fix: set what it asks for [refused]
    ");
}

#[test]
fn a_rule_can_be_allowed() {
    let linter = Linter::default().allow(Rule::UnlimitedRetries);
    check_with(&linter, |options| options.schedule_to_close_timeout = None, &[]);
}

#[test]
fn workflows() {
    let check = |timeouts: WorkflowTimeouts, policy: Option<RetryPolicy>, expected: &[Rule]| {
        let findings = Linter::default().workflow("Order", timeouts, policy.as_ref());
        let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, expected, "{timeouts:?}");
    };
    let timeouts = WorkflowTimeouts::default();
    check(timeouts, None, &[]);
    check(
        WorkflowTimeouts { run_timeout: seconds(9), execution_timeout: seconds(8), ..timeouts },
        None,
        &[Rule::RunTimeoutAboveExecutionTimeout],
    );
    check(WorkflowTimeouts { task_timeout: seconds(121), ..timeouts }, None, &[Rule::TaskTimeoutCapped]);
    check(timeouts, Some(RetryPolicy::default()), &[Rule::UnlimitedWorkflowRetries]);
    check(timeouts, Some(RetryPolicy { maximum_attempts: 3, ..Default::default() }), &[]);
}
