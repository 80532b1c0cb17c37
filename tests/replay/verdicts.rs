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
    insta::assert_snapshot!(verdict, @r##"
    transfer_ok-261006: other activity input
    workflow MoneyTransfer, id "transfer_ok-261006", run 01a1fde5-02dd-7b22-8f0a-db216a96a15f, 29 events
    a worker accepts it all the same
    agreed until:
      5 ActivityTaskScheduled #1 Bank::validate({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
    event 11: other activity input (2026-11-21T11:36:48.278307509Z)
      recorded: ActivityTaskScheduled #2 Bank::withdraw({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
      produced: ActivityTaskScheduled #2 Bank::withdraw({"account":"ACC-1","cents":12675,"reference":"INV-12550"})
        input[0].cents: 12550 -> 12675
    advice: A worker accepts this and goes on with what history has; only what comes after it is new. If that is meant: Replayer::new().allow(Difference::ActivityInput).
    "##);
}

#[test]
fn an_activity_more() {
    let replayer = Replayer::new().workflow::<transfer::fraud_check_added::MoneyTransfer>();
    insta::assert_snapshot!(replayer.replay(&production("transfer_ok")), @r##"
    transfer_ok-261006: nondeterminism
    workflow MoneyTransfer, id "transfer_ok-261006", run 01a1fde5-02dd-7b22-8f0a-db216a96a15f, 29 events
    a worker reports nondeterminism: event 11 (EVENT_TYPE_ACTIVITY_TASK_SCHEDULED): the activity type is "Bank::withdraw" in history and "Bank::fraud_check" in the workflow's command
    agreed until:
      5 ActivityTaskScheduled #1 Bank::validate({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
    event 11: other command (2026-11-21T11:36:48.278307509Z)
      recorded: ActivityTaskScheduled #2 Bank::withdraw({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
      produced: ActivityTaskScheduled #2 Bank::fraud_check({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
        activityType.name: "Bank::withdraw" -> "Bank::fraud_check"
    advice: If the change is meant, keep the old path for runs like this one: if ctx.patched("name-of-the-change") { new } else { old }. This run recorded no patch, so for it ctx.patched(…) is false.
    "##);
}

#[test]
fn a_patch_that_was_taken_out_too_early() {
    let replayer = Replayer::new().workflow::<checkout::patch_removed::Checkout>();
    insta::assert_snapshot!(replayer.replay(&production("checkout_patched")), @r##"
    checkout_patched-261006: nondeterminism
    workflow Checkout, id "checkout_patched-261006", run 01a1fde5-a9a0-7ddd-8592-5da0b07eb3b4, 31 events
    a worker reports nondeterminism: event 11 (EVENT_TYPE_MARKER_RECORDED): the workflow does not ask for patch "fraud-screen"
    agreed until:
      5 ActivityTaskScheduled #1 Shop::reserve_basket("basket-22")
    event 11: other command (2026-11-21T11:37:29.280684304Z)
      recorded: MarkerRecorded patch fraud-screen
      produced: ActivityTaskScheduled #2 Shop::screen_fraud("basket-22")
    advice: This run recorded the patch "fraud-screen", and the code does not ask for it here. Keep ctx.patched("fraud-screen"); once all runs from before the patch are over, ctx.deprecate_patch("fraud-screen"), and remove that only when the runs with this marker are over too.
    "##);
}

#[test]
fn a_command_that_comes_too_early() {
    let replayer = Replayer::new().workflow::<onboarding::probation_not_awaited::Onboarding>();
    let verdict = replayer.replay(&production("onboarding_open"));
    assert!(verdict.production.is_accepted(), "a worker sends the command with a later task");
    insta::assert_snapshot!(verdict, @r##"
    onboarding_open-261006: extra command
    workflow Onboarding, id "onboarding_open-261006", run 01a1fde5-4e17-7cc8-b0ad-d575de8974ed, 28 events
    a worker accepts it all the same
    agreed until:
      17 TimerStarted #1 for 600ms
      22 ActivityTaskScheduled #3 send_email(["alan.turing@example.com","how-is-it-going"])
      28 TimerStarted #2 for 90d
    event 29: extra command (2026-11-21T11:37:07.089510177Z)
      recorded: nothing
      produced: ActivityTaskScheduled #4 Directory::make_permanent("alan.turing@example.com")
    advice: A worker does not notice a command that comes too early: it keeps the command, and sends it with a later workflow task if no event of that kind comes first.
    advice: If the change is meant, keep the old path for runs like this one: if ctx.patched("name-of-the-change") { new } else { old }. This run recorded no patch, so for it ctx.patched(…) is false.
    "##);
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
    insta::assert_snapshot!(verdict, @r##"
    onboarding_completed-261006: foreign future
    workflow Onboarding, id "onboarding_completed-261006", run 01a1fde5-381e-7b70-9146-ace1d3c67ec2, 39 events
    the workflow awaits a future that is not the SDK's, and nothing will wake it
    agreed until:
      5 ActivityTaskScheduled #1 Directory::create_account("Alan Turing")
      11 ActivityTaskScheduled #2 send_email(["alan.turing@example.com","welcome"])
    event 17: missing command (2026-11-21T11:37:00.292815855Z)
      recorded: TimerStarted #1 for 700ms
      produced: nothing
    advice: The workflow awaits a future that is not the SDK's, such as a tokio timer; nothing in history can wake it. Use ctx.timer(), ctx.wait_condition() or an activity.
    "##);
}

#[test]
fn code_that_panics() {
    let replayer = Replayer::new().workflow::<report::panics_without_rows::MonthlyReport>();
    insta::assert_snapshot!(replayer.replay(&production("report_failed_attempt")), @r##"
    report-261006: task failure
    workflow MonthlyReport, id "report-261006", run 01a1fde5-b40f-7903-90fd-ecc1fbf73377, 11 events
    the workflow task fails: Workflow function panicked: no rows for 2026-10
      at fixtures/src/corpus/report/panics_without_rows.rs:19:13
    agreed until:
      5 ActivityTaskScheduled #1 Reports::collect(["2026-10",1])
    event 11: missing command (2026-11-21T11:37:31.990161Z)
      recorded: WorkflowExecutionFailed NoData: no rows for 2026-10 yet, goes on in another run
      produced: a failed workflow task: Workflow function panicked: no rows for 2026-10
    advice: The workflow task fails, and a worker would retry it for as long as this code is deployed. Repair the code; the run goes on from where it was.
    "##);
}

#[test]
fn code_that_blocks_its_thread() {
    let replayer =
        Replayer::new().workflow::<scan::busy_wait::DocumentScan>().blocked_after(Duration::from_secs(1));
    insta::assert_snapshot!(replayer.replay(&production("scan_retried")), @r##"
    scan_retried-261006: blocked
    workflow DocumentScan, id "scan_retried-261006", run 01a1fde5-5d4e-79cf-b550-8dbea9f692b6, 50 events
    the code held the thread for 1s in the workflow task of event 17
    agreed until:
      5 ActivityTaskScheduled #1 Scanner::submit("contract.pdf")
      11 ActivityTaskScheduled #2 Scanner::wait_for_pages("job-contract.pdf")
    event 17: missing command (2026-11-21T11:37:12.742343068Z)
      recorded: TimerStarted #1 for 400ms
      produced: nothing: the code does not give the thread back
    advice: The workflow blocks its thread or loops for ever. Wait with ctx.timer() or ctx.wait_condition(), and move blocking work into an activity.
    "##);
}
