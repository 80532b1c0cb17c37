use proptest::prelude::*;
use temporalio_common::protos::temporal::api::failure::v1::{
    ActivityFailureInfo, ApplicationFailureInfo, CanceledFailureInfo, Failure, ServerFailureInfo,
    TerminatedFailureInfo, TimeoutFailureInfo, failure::FailureInfo,
};

use super::*;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn at(seconds: i128) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

/// The default policy, changed by `change`, with its defaults filled in.
fn policy(change: impl FnOnce(&mut RetryPolicy)) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    change(&mut policy);
    fill_defaults(&mut policy);
    policy
}

fn failure(info: FailureInfo) -> Failure {
    Failure { failure_info: Some(info), ..Default::default() }
}

fn application(info: ApplicationFailureInfo) -> Failure {
    failure(FailureInfo::ApplicationFailureInfo(info))
}

fn timeout(timeout_type: TimeoutType) -> Failure {
    failure(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
        timeout_type: timeout_type.into(),
        ..Default::default()
    }))
}

fn delayed(nanos: i64) -> Failure {
    application(ApplicationFailureInfo {
        next_retry_delay: Some(durations::from_nanos(nanos)),
        ..Default::default()
    })
}

fn attempt(number: i32) -> FailedAttempt<'static> {
    FailedAttempt { number, failure: FailureKind::Other, at: at(0), expiration: None }
}

mod defaults {
    use super::*;

    #[test]
    fn an_empty_policy_backs_off_from_1_s_doubling_to_100_s_for_ever() {
        let policy = policy(|_| {});
        assert_eq!(policy.initial_interval, seconds(1));
        assert_eq!(policy.backoff_coefficient, 2.0);
        assert_eq!(policy.maximum_interval, seconds(100));
        assert_eq!(policy.maximum_attempts, 0);
    }

    #[test]
    fn the_maximum_interval_follows_the_initial_one() {
        assert_eq!(policy(|policy| policy.initial_interval = seconds(20)).maximum_interval, seconds(2000));
    }

    #[test]
    fn an_initial_interval_of_three_years_overflows_into_a_refused_policy() {
        let mut policy = policy(|policy| policy.initial_interval = seconds(3 * 365 * 24 * 60 * 60));
        assert_eq!(
            validate(&mut policy).unwrap_err().to_string(),
            "invalid MaximumInterval set on retry policy: negative duration"
        );
    }
}

mod validation {
    use super::*;

    fn check(change: impl FnOnce(&mut RetryPolicy), message: &str) {
        assert_eq!(validate(&mut policy(change)).unwrap_err().to_string(), message);
    }

    #[test]
    fn each_rule_has_its_message() {
        check(
            |policy| policy.initial_interval = seconds(-1),
            "invalid InitialInterval set on retry policy: negative duration",
        );
        check(
            |policy| policy.backoff_coefficient = 0.5,
            "BackoffCoefficient cannot be less than 1 on retry policy.",
        );
        check(
            |policy| policy.maximum_interval = seconds(-1),
            "invalid MaximumInterval set on retry policy: negative duration",
        );
        check(
            |policy| {
                policy.initial_interval = seconds(10);
                policy.maximum_interval = seconds(5);
            },
            "MaximumInterval cannot be less than InitialInterval on retry policy.",
        );
        check(|policy| policy.maximum_attempts = -1, "MaximumAttempts cannot be negative on retry policy.");
        for bad in ["Bogus", "", "Unspecified", "startToClose"] {
            check(
                |policy| policy.non_retryable_error_types.push(format!("TemporalTimeout:{bad}")),
                &format!("Invalid timeout type value: {bad}."),
            );
        }
    }

    #[test]
    fn both_spellings_of_a_timeout_type_are_valid() {
        for good in ["StartToClose", "Heartbeat", "ScheduleToStart", "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"] {
            let mut policy =
                policy(|policy| policy.non_retryable_error_types.push(format!("TemporalTimeout:{good}")));
            assert_eq!(validate(&mut policy), Ok(()));
        }
    }

    #[test]
    fn a_policy_of_one_attempt_is_not_looked_at() {
        let mut policy = policy(|policy| {
            policy.maximum_attempts = 1;
            policy.backoff_coefficient = 0.5;
            policy.initial_interval = seconds(-1);
        });
        assert_eq!(validate(&mut policy), Ok(()));
    }
}

mod retryability {
    use super::*;

    fn check(failure: Failure, listed: &str, expected: bool) {
        assert_eq!(
            is_retryable(FailureKind::of(Some(&failure)), &[listed.to_owned()]),
            expected,
            "{failure:?} with {listed:?}"
        );
    }

    #[test]
    fn without_failure_information_yes() {
        assert!(is_retryable(FailureKind::of(None), &[]));
        check(Failure::default(), "E", true);
        check(failure(FailureInfo::ActivityFailureInfo(ActivityFailureInfo::default())), "E", true);
    }

    #[test]
    fn canceled_and_terminated_no() {
        check(failure(FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default())), "", false);
        check(failure(FailureInfo::TerminatedFailureInfo(TerminatedFailureInfo::default())), "", false);
    }

    #[test]
    fn timeouts_of_an_attempt_unless_listed_timeouts_of_the_whole_never() {
        check(timeout(TimeoutType::StartToClose), "", true);
        check(timeout(TimeoutType::StartToClose), "TemporalTimeout:StartToClose", false);
        check(timeout(TimeoutType::StartToClose), "TemporalTimeout:TIMEOUT_TYPE_START_TO_CLOSE", true);
        check(timeout(TimeoutType::Heartbeat), "TemporalTimeout:StartToClose", true);
        check(timeout(TimeoutType::Heartbeat), "TemporalTimeout:Heartbeat", false);
        check(timeout(TimeoutType::ScheduleToStart), "", false);
        check(timeout(TimeoutType::ScheduleToClose), "", false);
        check(timeout(TimeoutType::Unspecified), "", false);
    }

    #[test]
    fn server_and_application_failures_unless_marked() {
        let server =
            |non_retryable| failure(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable }));
        check(server(false), "", true);
        check(server(true), "", false);
        let of_type = |non_retryable| {
            application(ApplicationFailureInfo { r#type: "E".into(), non_retryable, ..Default::default() })
        };
        check(of_type(false), "e", true);
        check(of_type(false), "E", false);
        check(of_type(true), "", false);
    }

    #[test]
    fn the_cause_does_not_count() {
        let cause = application(ApplicationFailureInfo { r#type: "E".into(), ..Default::default() });
        check(Failure { cause: Some(Box::new(cause)), ..Default::default() }, "E", true);
    }
}

mod backoff {
    use super::*;

    fn interval(policy: &RetryPolicy, number: i32) -> Result<Duration, RetryState> {
        activity_backoff(policy, attempt(number))
    }

    #[test]
    fn it_doubles_up_to_the_maximum_interval() {
        let policy = policy(|policy| policy.maximum_interval = seconds(5));
        let intervals: Vec<_> = (1..=5).map(|number| interval(&policy, number)).collect();
        assert_eq!(intervals, [1, 2, 4, 5, 5].map(|seconds| Ok(Duration::from_secs(seconds))));
    }

    #[test]
    fn fractions_of_a_nanosecond_are_cut_off() {
        let policy = policy(|policy| {
            policy.initial_interval = Some(durations::from_nanos(3));
            policy.backoff_coefficient = 1.5;
            policy.maximum_interval = seconds(1);
        });
        let nanos: Vec<_> = (1..=5).map(|number| interval(&policy, number).unwrap().as_nanos()).collect();
        assert_eq!(nanos, [3, 4, 6, 10, 15]);
    }

    #[test]
    fn the_last_attempt_is_not_retried() {
        let policy = policy(|policy| policy.maximum_attempts = 3);
        assert_eq!(interval(&policy, 2), Ok(Duration::from_secs(2)));
        assert_eq!(interval(&policy, 3), Err(RetryState::MaximumAttemptsReached));
        assert_eq!(interval(&policy, i32::MAX), Err(RetryState::MaximumAttemptsReached));
    }

    #[test]
    fn the_next_attempt_may_begin_at_the_expiration_but_not_after_it() {
        let expiring = |expiration| FailedAttempt { at: at(10), expiration: Some(expiration), ..attempt(1) };
        let policy = policy(|_| {});
        assert_eq!(activity_backoff(&policy, expiring(at(11))), Ok(Duration::from_secs(1)));
        let just_before = Time::from_nanos(at(11).as_nanos() - 1);
        assert_eq!(activity_backoff(&policy, expiring(just_before)), Err(RetryState::Timeout));
    }

    #[test]
    fn an_interval_too_large_for_64_bits_is_the_maximum_interval() {
        let policy = policy(|policy| policy.backoff_coefficient = 1e300);
        assert_eq!(interval(&policy, 3), Ok(Duration::from_secs(100)));
        assert_eq!(interval(&policy, i32::MAX), Ok(Duration::from_secs(100)));
    }

    #[test]
    fn a_delay_in_the_failure_lifts_the_maximum_for_activities_only() {
        let policy = policy(|policy| policy.maximum_interval = seconds(2));
        let long = delayed(60_000_000_000);
        let failed = FailedAttempt { failure: FailureKind::of(Some(&long)), ..attempt(1) };
        assert_eq!(activity_backoff(&policy, failed), Ok(Duration::from_secs(60)));
        assert_eq!(workflow_backoff(&policy, failed), Ok(Duration::from_secs(2)));
    }

    #[test]
    fn a_delay_of_zero_ends_an_activity_and_gives_a_workflow_its_maximum_interval() {
        let policy = policy(|policy| policy.maximum_interval = seconds(7));
        let none = delayed(0);
        let failed = FailedAttempt { failure: FailureKind::of(Some(&none)), ..attempt(1) };
        assert_eq!(activity_backoff(&policy, failed), Err(RetryState::Timeout));
        assert_eq!(workflow_backoff(&policy, failed), Ok(Duration::from_secs(7)));
    }

    #[test]
    fn a_workflow_is_not_retried_after_a_non_retryable_failure() {
        let terminated = failure(FailureInfo::TerminatedFailureInfo(TerminatedFailureInfo::default()));
        let failed = FailedAttempt { failure: FailureKind::of(Some(&terminated)), ..attempt(1) };
        assert_eq!(workflow_backoff(&policy(|_| {}), failed), Err(RetryState::NonRetryableFailure));
    }
}

fn any_duration() -> impl Strategy<Value = Option<prost_types::Duration>> {
    proptest::option::of(
        (any::<i64>(), any::<i32>()).prop_map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }),
    )
}

prop_compose! {
    fn any_policy()(
        initial_interval in any_duration(),
        maximum_interval in any_duration(),
        backoff_coefficient in any::<f64>(),
        maximum_attempts in any::<i32>(),
        non_retryable_error_types in proptest::collection::vec("(TemporalTimeout:)?[A-Za-z]{0,8}", 0..3),
    ) -> RetryPolicy {
        RetryPolicy {
            initial_interval, maximum_interval, backoff_coefficient, maximum_attempts, non_retryable_error_types,
        }
    }
}

proptest! {
    #[test]
    fn no_policy_and_no_attempt_make_it_panic(
        mut policy in any_policy(),
        number in any::<i32>(),
        delay in proptest::option::of(any::<i64>()),
        failed_at in any::<i64>(),
        expiration in proptest::option::of(any::<i64>()),
    ) {
        let failure = delay.map(delayed);
        let failed = FailedAttempt {
            number,
            failure: FailureKind::of(failure.as_ref()),
            at: Time::from_nanos(failed_at.into()),
            expiration: expiration.map(|nanos| Time::from_nanos(nanos.into())),
        };
        for _ in 0..2 {
            let _ = (activity_backoff(&policy, failed), workflow_backoff(&policy, failed), interval_after(&policy, number));
            fill_defaults(&mut policy);
            let _ = validate(&mut policy);
        }
    }

    #[test]
    fn intervals_of_a_valid_policy_never_shrink_and_stay_between_initial_and_maximum(
        initial in 1..1_000_000_000_000_i64,
        coefficient in 1.0..10.0_f64,
        factor in 1..1_000_i64,
    ) {
        let mut policy = RetryPolicy {
            initial_interval: Some(durations::from_nanos(initial)),
            backoff_coefficient: coefficient,
            maximum_interval: Some(durations::from_nanos(initial * factor)),
            ..Default::default()
        };
        prop_assert_eq!(validate(&mut policy), Ok(()));
        let intervals: Vec<_> =
            (1..60).map(|number| activity_backoff(&policy, attempt(number)).unwrap().as_nanos() as i64).collect();
        prop_assert!(intervals.is_sorted());
        prop_assert_eq!(intervals[0], initial);
        prop_assert!(intervals.iter().all(|&interval| interval <= initial * factor));
    }
}
