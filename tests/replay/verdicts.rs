//! What verdicts say to people.

use crate::production;
use std::time::Duration;
use temporal_sim::replay::{Difference, Production, Replayer};
use temporal_sim_fixtures::corpus::{checkout, onboarding, order, report, scan, transfer};

#[test]
fn another_input() {
    let replayer = Replayer::new().workflow::<transfer::fee_on_withdrawal::MoneyTransfer>();
    let verdict = replayer.replay(&production("transfer_ok"));
    assert!(verdict.production.is_accepted(), "a worker does not look at inputs");
    insta::assert_snapshot!(verdict, @"");
}

#[test]
fn an_activity_more() {
    let replayer = Replayer::new().workflow::<transfer::fraud_check_added::MoneyTransfer>();
    insta::assert_snapshot!(replayer.replay(&production("transfer_ok")), @"");
}

#[test]
fn a_patch_that_was_taken_out_too_early() {
    let replayer = Replayer::new().workflow::<checkout::patch_removed::Checkout>();
    insta::assert_snapshot!(replayer.replay(&production("checkout_patched")), @"");
}

#[test]
fn a_command_that_comes_too_early() {
    let replayer = Replayer::new().workflow::<onboarding::probation_not_awaited::Onboarding>();
    let verdict = replayer.replay(&production("onboarding_open"));
    assert!(verdict.production.is_accepted(), "a worker sends the command with a later task");
    insta::assert_snapshot!(verdict, @"");
}

#[test]
fn what_is_allowed_is_not_held_against_the_code() {
    let history = production("onboarding_open");
    let replayer = Replayer::new().workflow::<onboarding::probation_halved::Onboarding>();
    assert!(!replayer.replay(&history).is_compatible());
    let verdict = replayer.allow(Difference::TimerDuration).replay(&history);
    assert!(verdict.is_compatible());
    let [allowed] = verdict.allowed.as_slice() else { panic!("{:?}", verdict.allowed) };
    assert_eq!((allowed.difference, allowed.event_id), (Difference::TimerDuration, 28));
    let [field] = allowed.fields.as_slice() else { panic!("{allowed}") };
    assert_eq!(field.field, "startToFireTimeout");
    assert_eq!(field.recorded.as_deref(), Some(r#""7776000s""#));
    assert_eq!(field.produced.as_deref(), Some(r#""3888000s""#));
}

#[test]
fn a_retry_policy_is_compared_with_the_defaults_of_the_server() {
    let replayer = Replayer::new().workflow::<scan::more_attempts::DocumentScan>();
    let verdict = replayer.replay(&production("scan_retried"));
    let [difference] = verdict.differences.as_slice() else { panic!("{verdict}") };
    assert_eq!(difference.difference, Difference::ActivityRetryPolicy);
    let fields: Vec<_> = difference.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["retryPolicy.maximumAttempts"], "the intervals are the server's");
}

#[test]
fn code_that_reads_the_clock_of_the_machine() {
    let replayer =
        Replayer::new().workflow::<scan::wall_clock_input::DocumentScan>().allow(Difference::ActivityInput);
    let verdict = replayer.replay(&production("scan_retried"));
    assert!(!verdict.is_compatible());
    assert_eq!(verdict.instability.as_ref().map(|it| it.event_id), Some(5), "{verdict}");
}

#[test]
fn code_that_goes_through_a_hash_map() {
    let replayer = Replayer::new().workflow::<order::lines_from_hashmap::OrderFulfilment>();
    let verdict = replayer.replay(&production("order_eight_lines"));
    // Eight lines have 40320 orders.
    assert!(verdict.production.is_accepted());
    assert!(verdict.instability.is_some(), "{verdict}");
}

#[test]
fn a_future_of_another_library() {
    let replayer = Replayer::new().workflow::<onboarding::tokio_sleep::Onboarding>();
    let verdict = replayer.replay(&production("onboarding_completed"));
    assert_eq!(verdict.production, Production::ForeignFuture);
    insta::assert_snapshot!(verdict, @"");
}

#[test]
fn code_that_panics() {
    let replayer = Replayer::new().workflow::<report::panics_without_rows::MonthlyReport>();
    insta::assert_snapshot!(replayer.replay(&production("report_failed_attempt")), @"");
}

#[test]
fn code_that_blocks_its_thread() {
    let replayer =
        Replayer::new().workflow::<scan::busy_wait::DocumentScan>().blocked_after(Duration::from_secs(1));
    insta::assert_snapshot!(replayer.replay(&production("scan_retried")), @"");
}
