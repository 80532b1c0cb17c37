use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, RetryPolicy},
    enums::v1::RetryState,
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
};

use super::*;

fn load(name: &str) -> History {
    History::load(format!("{}/histories/production/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn a_plain_history() {
    insta::assert_snapshot!(load("transfer_ok"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    MoneyTransfer({"from":"ACC-1","to":"ACC-2","cents":12550,"reference":"INV-12550"})
     5  +00:00:01.334  ActivityTaskScheduled       #1 Bank::validate({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
     7  +00:00:01.474  ActivityTaskCompleted       #1 Bank::validate -> ()
    11  +00:00:01.720  ActivityTaskScheduled       #2 Bank::withdraw({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
    13  +00:00:01.769  ActivityTaskCompleted       #2 Bank::withdraw -> "W-INV-12550"
    17  +00:00:01.881  ActivityTaskScheduled       #3 Bank::deposit({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
    19  +00:00:01.893  ActivityTaskCompleted       #3 Bank::deposit -> "D-INV-12550"
    23  +00:00:01.981  ActivityTaskScheduled       #4 send_email(["ACC-1","transfer-done"])
    25  +00:00:02.033  ActivityTaskCompleted       #4 send_email -> ()
    29  +00:00:02.166  WorkflowExecutionCompleted  -> {"withdrawal":"W-INV-12550","deposit":"D-INV-12550"}
    "#);
}

#[test]
fn a_history_that_fails() {
    insta::assert_snapshot!(load("transfer_refunded"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted  MoneyTransfer({"from":"ACC-1","to":"CLOSED-9","cents":99900,"reference":"INV-99900"})
     5  +00:00:00.041  ActivityTaskScheduled     #1 Bank::validate({"account":"CLOSED-9","cents":99900,"reference":"INV-99900"})
     7  +00:00:00.079  ActivityTaskCompleted     #1 Bank::validate -> ()
    11  +00:00:00.134  ActivityTaskScheduled     #2 Bank::withdraw({"account":"ACC-1","cents":99900,"reference":"INV-99900"})
    13  +00:00:00.174  ActivityTaskCompleted     #2 Bank::withdraw -> "W-INV-99900"
    17  +00:00:00.200  ActivityTaskScheduled     #3 Bank::deposit({"account":"CLOSED-9","cents":99900,"reference":"INV-99900"})
    19  +00:00:00.231  ActivityTaskFailed        #3 Bank::deposit: AccountClosed: account CLOSED-9 is closed (non-retryable)
    23  +00:00:00.242  ActivityTaskScheduled     #4 Bank::refund({"account":"ACC-1","cents":99900,"reference":"INV-99900"})
    25  +00:00:00.246  ActivityTaskCompleted     #4 Bank::refund -> "R-INV-99900"
    29  +00:00:00.259  ActivityTaskScheduled     #5 send_email(["ACC-1","transfer-refunded"])
    31  +00:00:00.278  ActivityTaskCompleted     #5 send_email -> ()
    35  +00:00:00.332  WorkflowExecutionFailed   TransferRefunded: deposit failed, refunded as R-INV-99900: Activity failed: Activity task failed (non-retryable)
    "#);
}

#[test]
fn attempts_of_an_activity_and_its_last_failure() {
    insta::assert_snapshot!(load("scan_heartbeat_timeout"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    DocumentScan({"document":"stuck-contract.pdf","poll_ms":400})
     5  +00:00:00.123  ActivityTaskScheduled       #1 Scanner::submit("stuck-contract.pdf")
     7  +00:00:00.139  ActivityTaskCompleted       #1 Scanner::submit -> "job-stuck-contract.pdf"
    11  +00:00:00.168  ActivityTaskScheduled       #2 Scanner::wait_for_pages("job-stuck-contract.pdf")
    12  +00:00:03.981  ActivityTaskStarted         #2 Scanner::wait_for_pages, attempt 3, after heartbeat timeout
    13  +00:00:04.995  ActivityTaskTimedOut        #2 Scanner::wait_for_pages: heartbeat timeout, maximum attempts reached
    17  +00:00:05.042  ActivityTaskScheduled       #3 Scanner::queue_for_typist("stuck-contract.pdf")
    19  +00:00:05.046  ActivityTaskCompleted       #3 Scanner::queue_for_typist -> "typist-stuck-contract.pdf"
    23  +00:00:05.069  WorkflowExecutionCompleted  -> {"Typist":"typist-stuck-contract.pdf"}
    "#);
}

#[test]
fn signals_updates_and_canceled_timers() {
    insta::assert_snapshot!(load("subscription_last_run"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Subscription({"customer":"Grace","plan":"pro","discount_percent":20,"period_ms":1500,"cycle"…), continued as new
     5  +00:00:00.030  ActivityTaskScheduled             #1 Billing::charge({"customer":"Grace","cents":3920,"cycle":3})
     7  +00:00:00.048  ActivityTaskCompleted             #1 Billing::charge -> "inv-Grace-3"
    11  +00:00:00.111  TimerStarted                      #1 for 1.5s
    15  +00:00:00.602  WorkflowExecutionUpdateAccepted   set_discount(25) as <id 1>
    16  +00:00:00.602  WorkflowExecutionUpdateCompleted  set_discount as <id 1> -> 20
    17  +00:00:00.608  WorkflowExecutionSignaled         change_plan("basic")
    21  +00:00:01.614  TimerFired                        #1
    25  +00:00:01.659  ActivityTaskScheduled             #2 Billing::charge({"customer":"Grace","cents":1425,"cycle":4})
    27  +00:00:01.663  ActivityTaskCompleted             #2 Billing::charge -> "inv-Grace-4"
    31  +00:00:01.703  TimerStarted                      #2 for 1.5s
    32  +00:00:02.124  WorkflowExecutionSignaled         cancel_subscription()
    36  +00:00:02.140  TimerCanceled                     #2
    37  +00:00:02.140  ActivityTaskScheduled             #3 send_email(["Grace","goodbye"])
    39  +00:00:02.158  ActivityTaskCompleted             #3 send_email -> ()
    43  +00:00:02.171  WorkflowExecutionCompleted        -> {"customer":"Grace","plan":"basic","discount_percent":25,"period_ms":1500,"cycl…
    "#);
}

#[test]
fn child_workflows_and_search_attributes() {
    insta::assert_snapshot!(load("order_shipment_failed"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted              OrderFulfilment({"id":"order_shipment_failed-261006","customer":"Ada","lines":[{"sku":"LAMP","q…)
     5  +00:00:00.019  UpsertWorkflowSearchAttributes        CustomIntField=2, CustomKeywordField="reserving"
     6  +00:00:00.019  WorkflowPropertiesModified            customer="Ada"
     7  +00:00:00.019  ActivityTaskScheduled                 #1 Warehouse::reserve({"sku":"LAMP","quantity":1})
     8  +00:00:00.019  ActivityTaskScheduled                 #2 Warehouse::reserve({"sku":"DESK","quantity":2})
    10  +00:00:00.026  ActivityTaskCompleted                 #1 Warehouse::reserve -> "res-LAMP-1"
    15  +00:00:00.049  ActivityTaskCompleted                 #2 Warehouse::reserve -> "res-DESK-2"
    19  +00:00:00.055  ActivityTaskScheduled                 #3 Payments::charge(["Ada",45000])
    21  +00:00:00.059  ActivityTaskCompleted                 #3 Payments::charge -> "ch-Ada-45000"
    25  +00:00:00.068  UpsertWorkflowSearchAttributes        CustomKeywordField="shipping"
    26  +00:00:00.068  StartChildWorkflowExecutionInitiated  Shipment({"order":"order_shipment_failed-261006","address":"Antarctica","express":false}) as shipment-order_shipment_failed-261006
    27  +00:00:00.073  ChildWorkflowExecutionStarted         Shipment shipment-order_shipment_failed-261006
    31  +00:00:00.104  ChildWorkflowExecutionFailed          Shipment shipment-order_shipment_failed-261006: activity #1 Carrier::book: NoService: we do not deliver there (non-retryable)
    35  +00:00:00.150  ActivityTaskScheduled                 #4 Payments::refund("ch-Ada-45000")
    37  +00:00:00.153  ActivityTaskCompleted                 #4 Payments::refund -> "re-ch-Ada-45000"
    41  +00:00:00.211  UpsertWorkflowSearchAttributes        CustomKeywordField="refunded"
    42  +00:00:00.211  WorkflowExecutionCompleted            -> {"Refunded":{"refund":"re-ch-Ada-45000"}}
    "#);
}

#[test]
fn a_child_names_its_parent() {
    let history = load("order_shipment_child");
    insta::assert_snapshot!(history.to_string().lines().next().unwrap(), @r#" 1  +00:00:00.000  WorkflowExecutionStarted    Shipment({"order":"order_eight_lines-261006","address":"Oslo","express":false}), child of order_eight_lines-261006 (its event 47)"#);
}

#[test]
fn local_activities_and_patches() {
    insta::assert_snapshot!(load("quote_flaky_rates"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    PriceQuote({"market":"FLAKY-SE","customer":"Hedy","units":12})
     5  +00:00:00.024  MarkerRecorded              local activity #1 Rates::lookup: RateFeedDown: no quote from the rate feed
     6  +00:00:00.024  TimerStarted                #1 for 300ms
     7  +00:00:01.004  TimerFired                  #1
    11  +00:00:01.015  MarkerRecorded              local activity #2 Rates::lookup, attempt 2: RateFeedDown: no quote from the rate feed
    12  +00:00:01.015  TimerStarted                #2 for 600ms
    13  +00:00:02.009  TimerFired                  #2
    17  +00:00:02.028  MarkerRecorded              local activity #3 Rates::lookup, attempt 3 -> 10250
    18  +00:00:02.028  MarkerRecorded              local activity #4 Rates::discount -> 6150
    19  +00:00:02.028  ActivityTaskScheduled       #5 Rates::publish(["<id 1>",116850,1795264651,"modern"])
    21  +00:00:02.036  ActivityTaskCompleted       #5 Rates::publish -> ()
    25  +00:00:02.060  WorkflowExecutionCompleted  -> {"id":"<id 1>","cents":116850,"valid_until":17952…
    "#);
    insta::assert_snapshot!(load("checkout_patch_deprecated").timeline().payload_limit(40), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted        Checkout("basket-333")
     5  +00:00:00.016  ActivityTaskScheduled           #1 Shop::reserve_basket("basket-333")
     7  +00:00:00.023  ActivityTaskCompleted           #1 Shop::reserve_basket -> "hold-basket-333"
    11  +00:00:00.030  MarkerRecorded                  patch fraud-screen (deprecated)
    12  +00:00:00.031  UpsertWorkflowSearchAttributes  TemporalChangeVersion=["fraud-screen"]
    13  +00:00:00.031  ActivityTaskScheduled           #2 Shop::screen_fraud("basket-333")
    15  +00:00:00.038  ActivityTaskCompleted           #2 Shop::screen_fraud -> 10
    19  +00:00:00.049  ActivityTaskScheduled           #3 Shop::take_payment("basket-333")
    21  +00:00:00.052  ActivityTaskCompleted           #3 Shop::take_payment -> "paid-basket-333"
    25  +00:00:00.061  ActivityTaskScheduled           #4 send_email(["basket-333","order-confirmed"])
    27  +00:00:00.065  ActivityTaskCompleted           #4 send_email -> ()
    31  +00:00:00.075  WorkflowExecutionCompleted      -> "paid-basket-333"
    "#);
}

#[test]
fn workflow_tasks_are_shown_when_they_failed() {
    insta::assert_snapshot!(load("report_after_task_failure"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted  MonthlyReport("2026-09")
     4  +00:00:00.143  WorkflowTaskFailed        workflow worker unhandled failure: Workflow function panicked: config key REPORT_BUCKET is missing
     8  +00:00:00.229  ActivityTaskScheduled     #1 Reports::collect(["2026-09",1])
    10  +00:00:00.234  ActivityTaskCompleted     #1 Reports::collect -> 0
    14  +00:00:00.278  WorkflowExecutionFailed   NoData: no rows for 2026-09 yet
    "#);
    insta::assert_snapshot!(load("approval_reset"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    ExpenseApproval({"id":"EXP-approval_rejected","employee":"Barbara","cents":31400,"deadline_ms":…)
     4  +00:00:01.893  WorkflowTaskFailed          reset workflow: root: decided by mistake
     5  +00:00:01.894  WorkflowExecutionSignaled   decide({"approved":false,"by":"Edsger"})
     9  +00:00:01.951  ActivityTaskScheduled       #1 send_email(["manager","please-approve"])
    11  +00:00:01.975  ActivityTaskCompleted       #1 send_email -> ()
    15  +00:00:01.992  ActivityTaskScheduled       #2 send_email(["Barbara","rejected"])
    17  +00:00:02.000  ActivityTaskCompleted       #2 send_email -> ()
    21  +00:00:02.018  WorkflowExecutionCompleted  -> "rejected by Edsger"
    "#);
}

#[test]
fn a_retried_run_says_what_it_follows() {
    insta::assert_snapshot!(load("report_failed_attempt"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted  MonthlyReport("2026-10")
     5  +00:00:00.035  ActivityTaskScheduled     #1 Reports::collect(["2026-10",1])
     7  +00:00:00.053  ActivityTaskCompleted     #1 Reports::collect -> 0
    11  +00:00:00.070  WorkflowExecutionFailed   NoData: no rows for 2026-10 yet, goes on in another run
    "#);
    insta::assert_snapshot!(load("report_final_attempt"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    MonthlyReport("2026-10"), retried, attempt 2, after NoData: no rows for 2026-10 yet, first workflow task after 929ms
     5  +00:00:01.006  ActivityTaskScheduled       #1 Reports::collect(["2026-10",2])
     7  +00:00:01.046  ActivityTaskCompleted       #1 Reports::collect -> 420
    11  +00:00:01.068  ActivityTaskScheduled       #2 Reports::publish(["2026-10",420])
    13  +00:00:01.072  ActivityTaskCompleted       #2 Reports::publish -> "report-2026-10-420"
    17  +00:00:01.079  WorkflowExecutionCompleted  -> "report-2026-10-420"
    "#);
}

#[test]
fn cancellation_with_its_reason() {
    insta::assert_snapshot!(load("onboarding_cancelled"), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Onboarding({"name":"Alan Turing","first_check_in_ms":600,"probation_ms":7776000000})
     5  +00:00:00.039  ActivityTaskScheduled             #1 Directory::create_account("Alan Turing")
     7  +00:00:00.051  ActivityTaskCompleted             #1 Directory::create_account -> "alan.turing@example.com"
    11  +00:00:00.111  ActivityTaskScheduled             #2 send_email(["alan.turing@example.com","welcome"])
    13  +00:00:00.123  ActivityTaskCompleted             #2 send_email -> ()
    17  +00:00:00.194  TimerStarted                      #1 for 600ms
    18  +00:00:01.167  TimerFired                        #1
    22  +00:00:01.191  ActivityTaskScheduled             #3 send_email(["alan.turing@example.com","how-is-it-going"])
    24  +00:00:01.195  ActivityTaskCompleted             #3 send_email -> ()
    28  +00:00:01.242  TimerStarted                      #2 for 90d
    29  +00:00:01.309  WorkflowExecutionCancelRequested  because "signed elsewhere"
    33  +00:00:01.348  TimerCanceled                     #2
    34  +00:00:01.348  ActivityTaskScheduled             #4 Directory::disable_account("alan.turing@example.com")
    36  +00:00:01.362  ActivityTaskCompleted             #4 Directory::disable_account -> ()
    40  +00:00:01.389  ActivityTaskScheduled             #5 Directory::collect_hardware("Alan Turing")
    42  +00:00:01.396  ActivityTaskCompleted             #5 Directory::collect_hardware -> "laptop of Alan Turing"
    46  +00:00:01.507  WorkflowExecutionCanceled
    "#);
}

#[test]
fn the_full_timeline_has_every_event_and_the_settings() {
    insta::assert_snapshot!(load("transfer_flaky_deposit").timeline().full(), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    MoneyTransfer({"from":"ACC-1","to":"FLAKY-7","cents":80000,"reference":"INV-80000"}), task queue corpus
     2  +00:00:00.000  WorkflowTaskScheduled
     3  +00:00:00.078  WorkflowTaskStarted
     4  +00:00:00.231  WorkflowTaskCompleted
     5  +00:00:00.231  ActivityTaskScheduled       #1 Bank::validate({"account":"FLAKY-7","cents":80000,"reference":"INV-80000"}), start-to-close 10s, retry after 200ms, x2, up to 20s, at most 5 attempts
     6  +00:00:00.231  ActivityTaskStarted         #1 Bank::validate
     7  +00:00:00.286  ActivityTaskCompleted       #1 Bank::validate -> ()
     8  +00:00:00.286  WorkflowTaskScheduled       sticky
     9  +00:00:00.320  WorkflowTaskStarted
    10  +00:00:00.355  WorkflowTaskCompleted
    11  +00:00:00.355  ActivityTaskScheduled       #2 Bank::withdraw({"account":"ACC-1","cents":80000,"reference":"INV-80000"}), start-to-close 10s, retry after 200ms, x2, up to 20s, at most 5 attempts
    12  +00:00:00.355  ActivityTaskStarted         #2 Bank::withdraw
    13  +00:00:00.387  ActivityTaskCompleted       #2 Bank::withdraw -> "W-INV-80000"
    14  +00:00:00.387  WorkflowTaskScheduled       sticky
    15  +00:00:00.417  WorkflowTaskStarted
    16  +00:00:00.437  WorkflowTaskCompleted
    17  +00:00:00.437  ActivityTaskScheduled       #3 Bank::deposit({"account":"FLAKY-7","cents":80000,"reference":"INV-80000"}), start-to-close 10s, retry after 200ms, x2, up to 20s, at most 5 attempts
    18  +00:00:02.518  ActivityTaskStarted         #3 Bank::deposit, attempt 3, after CoreBankingUnavailable: 503 from core banking
    19  +00:00:02.540  ActivityTaskCompleted       #3 Bank::deposit -> "D-INV-80000"
    20  +00:00:02.540  WorkflowTaskScheduled       sticky
    21  +00:00:02.553  WorkflowTaskStarted
    22  +00:00:02.570  WorkflowTaskCompleted
    23  +00:00:02.570  ActivityTaskScheduled       #4 send_email(["ACC-1","transfer-done"]), schedule-to-close 1m, schedule-to-start 1m, start-to-close 1m, retry after 1s, x2, up to 1m 40s
    24  +00:00:02.570  ActivityTaskStarted         #4 send_email
    25  +00:00:02.590  ActivityTaskCompleted       #4 send_email -> ()
    26  +00:00:02.590  WorkflowTaskScheduled       sticky
    27  +00:00:02.602  WorkflowTaskStarted
    28  +00:00:02.619  WorkflowTaskCompleted
    29  +00:00:02.619  WorkflowExecutionCompleted  -> {"withdrawal":"W-INV-80000","deposit":"D-INV-80000"}
    "#);
}

#[test]
fn every_event_has_a_line_in_the_full_timeline() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production")).unwrap();
    let is_history =
        |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "json" || it == "pb");
    for file in folder.map(|entry| entry.unwrap().path()).filter(is_history) {
        let history = History::load(file).unwrap();
        let timeline = history.timeline().full().to_string();
        assert_eq!(timeline.lines().count(), history.events().len());
        assert!(timeline.lines().all(|line| !line.ends_with(' ')), "a line ends with spaces:\n{timeline}");
    }
}

#[test]
fn colours_are_only_added_to_the_text() {
    let history = load("transfer_refunded");
    let colored = history.timeline().colored().to_string();
    assert!(colored.contains("\u{1b}[31mActivityTaskFailed"), "{colored}");
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), history.to_string());
}

fn options(payload_limit: usize) -> Options {
    Options { full: false, dates: false, payload_limit }
}

fn payload(encoding: &str, data: &[u8]) -> Payload {
    let metadata = [("encoding".to_owned(), encoding.as_bytes().to_vec())];
    Payload { metadata: metadata.into(), data: data.to_vec(), ..Default::default() }
}

#[test]
fn payloads_are_values_where_they_can_be_read() {
    let check = |encoding: &str, data: &[u8], expected: &str| {
        assert_eq!(super::payload::payload(&payload(encoding, data), options(12)), expected);
    };
    check("json/plain", br#"{"a":1}"#, r#"{"a":1}"#);
    check("json/plain", b"{\n  \"a\": 1\n}", r#"{"a":1}"#);
    check("json/plain", b"not\njson", r"not\njson");
    check("json/plain", "\"ÄÖÜäöüßéàôñ\"".as_bytes(), "\"ÄÖÜäöüßéàô…");
    check("json/protobuf", b"{}", "{}");
    check("json/plain", b"\xff\xfe", "<2 bytes of json/plain>");
    check("binary/null", b"", "()");
    check("binary/encrypted", b"12345", "<5 bytes of binary/encrypted>");
    check("", b"", "<0 bytes>");
}

#[test]
fn durations_are_in_the_units_of_people() {
    let check = |seconds: i64, nanos: i32, expected: &str| {
        assert_eq!(duration::human(&prost_types::Duration { seconds, nanos }), expected);
    };
    check(0, 0, "0s");
    check(0, 500, "500ns");
    check(0, 200_000_000, "200ms");
    check(1, 500_000_000, "1.5s");
    check(60, 0, "1m");
    check(7_200, 1_000_000, "2h 0.001s");
    check(129_600, 0, "1d 12h");
    check(-90, 0, "-1m 30s");
    check(i64::MAX, i32::MAX, "106751991167300d 15h 30m 9.147s");
}

#[test]
fn times_count_from_the_first_event() {
    let check = |nanos: i128, expected: &str| {
        assert_eq!(duration::offset(Time::from_nanos(7), Time::from_nanos(7 + nanos)), expected);
    };
    check(0, "+00:00:00.000");
    check(500_999_999, "+00:00:00.500");
    check(93_600_500_000_000, "+1d 02:00:00.500");
    check(-5_000_000, "-00:00:00.005");
}

#[test]
fn failures_are_told_from_the_outside_in() {
    let failure = Failure {
        message: "no\nsofa left".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            r#type: "OutOfStock".to_owned(),
            next_retry_delay: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
            ..Default::default()
        })),
        cause: Some(Box::new(Failure { message: "supplier is closed".to_owned(), ..Default::default() })),
        ..Default::default()
    };
    insta::assert_snapshot!(super::failure::failure(&failure, options(80)), @r"OutOfStock: no\nsofa left (next retry after 1m 30s): supplier is closed");
    let maximum = RetryState::MaximumAttemptsReached as i32;
    assert_eq!(super::failure::retry_state(maximum, None), "maximum attempts reached");
    assert_eq!(super::failure::retry_state(RetryState::RetryPolicyNotSet as i32, None), "");
}

#[test]
fn retry_policies_read_as_sentences() {
    let policy = RetryPolicy {
        initial_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        backoff_coefficient: 1.5,
        maximum_interval: Some(prost_types::Duration { seconds: 100, nanos: 0 }),
        maximum_attempts: 3,
        non_retryable_error_types: vec!["Fatal".to_owned(), "Denied".to_owned()],
    };
    insta::assert_snapshot!(super::failure::retry_policy(&policy), @"retry after 1s, x1.5, up to 1m 40s, at most 3 attempts, not Fatal or Denied");
}

#[test]
fn random_ids_are_numbered_by_their_first_appearance() {
    let mut ids = RandomIds::default();
    let (one, two) = ("01a1fde5-1707-75c1-b7a8-181977d6881a", "c8aa5b61-c91e-4427-a4a6-df62beedfe81");
    assert_eq!(ids.number(&format!("é{one} and {two}")), "é<id 1> and <id 2>");
    assert_eq!(ids.number(&format!("{two}{one}-x")), "<id 2><id 1>-x");
    assert_eq!(ids.number("no-id"), "no-id");
}

#[test]
fn dates_instead_of_the_time_since_the_start() {
    let history = load("approval_open");
    let timeline = history.timeline().dates().to_string();
    assert!(timeline.lines().all(|line| line.contains("  2026-11-21 11:37:")), "{timeline}");
}
