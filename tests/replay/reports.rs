//! Reports for people and for other programs.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use crate::{histories, production};
use temporal_sim::{
    history::History,
    replay::{Difference, Replayer, Report, ReportError, StepComparison},
};
use temporal_sim_fixtures::corpus::{approval, checkout, transfer};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

fn report() -> Report {
    let files = ["approval_open", "checkout_before_patch", "checkout_patched", "quote_local", "transfer_ok"];
    Replayer::new()
        .workflow::<approval::shorter_deadline::ExpenseApproval>()
        .workflow::<checkout::patched::Checkout>()
        .workflow::<transfer::fraud_check_added::MoneyTransfer>()
        .replay_files(files.map(|name| histories().join("production").join(format!("{name}.json"))))
}

/// The text without the path of the repository, which is another on every machine.
fn portable(text: &str) -> String {
    text.replace(&histories().display().to_string(), "histories")
}

#[test]
fn a_table() {
    insta::assert_snapshot!(portable(&report().table().to_string()), @r"
    histories/production
    history                     workflow         worker          code                  event
    approval_open.json          ExpenseApproval  accepted        other timer duration  11
    checkout_before_patch.json  Checkout         accepted        same
    checkout_patched.json       Checkout         accepted        same
    quote_local.json            PriceQuote       unregistered
    transfer_ok.json            MoneyTransfer    nondeterminism  other command         11

    5 histories, 3 not compatible
    ");
    let colored = report().table().colored().to_string();
    assert!(colored.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), report().table().to_string());
}

#[test]
fn a_table_of_many_histories_is_kept_short() {
    let path = |name: &str| histories().join("production").join(format!("{name}.json"));
    let mut files = vec![path("transfer_ok"); 45];
    files.push(path("approval_open"));
    let replayer = Replayer::new()
        .workflow::<transfer::v1::MoneyTransfer>()
        .workflow::<approval::shorter_deadline::ExpenseApproval>()
        .replays(1);
    let report = replayer.replay_files(&files);
    insta::assert_snapshot!(portable(&report.table().to_string()), @r"
    histories/production
    history             workflow         worker    code                  event
    approval_open.json  ExpenseApproval  accepted  other timer duration  11

    46 histories, 1 not compatible
    ");
    assert_eq!(report.table().all().to_string().matches("transfer_ok").count(), 45);
}

#[test]
fn history_and_code_stand_side_by_side() {
    let replayer = Replayer::new().workflow::<transfer::fraud_check_added::MoneyTransfer>();
    let verdict = replayer.replay(&production("transfer_ok"));
    let lines: Vec<_> = verdict
        .side_by_side
        .steps
        .iter()
        .map(|step| {
            let side =
                |text: &Option<String>| text.as_deref().unwrap_or("-").chars().take(44).collect::<String>();
            let (id, comparison) = (step.event_id, format!("{:?}", step.comparison));
            format!("{id:>2} {comparison:10} {:44} | {}", side(&step.recorded), side(&step.produced))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
     1 Outside    WorkflowExecutionStarted MoneyTransfer({"fro | -
     5 Same       ActivityTaskScheduled #1 Bank::validate({"ac | ActivityTaskScheduled #1 Bank::validate({"ac
     7 Outside    ActivityTaskCompleted #1 Bank::validate -> ( | -
    11 Differs    ActivityTaskScheduled #2 Bank::withdraw({"ac | ActivityTaskScheduled #2 Bank::fraud_check({
    13 NotReached ActivityTaskCompleted #2 Bank::withdraw -> " | -
    17 NotReached ActivityTaskScheduled #3 Bank::deposit({"acc | -
    19 NotReached ActivityTaskCompleted #3 Bank::deposit -> "D | -
    23 NotReached ActivityTaskScheduled #4 send_email(["ACC-1" | -
    25 NotReached ActivityTaskCompleted #4 send_email -> ()    | -
    29 NotReached WorkflowExecutionCompleted -> {"withdrawal": | -
    "#);
}

#[test]
fn what_is_allowed_stands_beside_it_too() {
    let replayer = Replayer::new()
        .workflow::<approval::shorter_deadline::ExpenseApproval>()
        .allow(Difference::TimerDuration);
    let compatible = replayer.replay(&production("approval_open"));
    assert!(compatible.is_compatible() && compatible.side_by_side.steps.is_empty());
    let overdue = replayer.replay(&production("approval_overdue"));
    assert!(overdue.side_by_side.steps.iter().all(|step| step.comparison != StepComparison::Differs));
}

#[test]
fn a_batch_tells_how_far_it_is() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let replayer = Replayer::new().workflow::<transfer::v1::MoneyTransfer>().show_progress().observe({
        let seen = seen.clone();
        move |progress| {
            let mut seen = seen.lock().expect("nobody panics");
            seen.push((progress.done, progress.total, progress.verdict.is_compatible()));
        }
    });
    let path = |name: &str| histories().join("production").join(format!("{name}.json"));
    let report = replayer.replay_files(["transfer_ok", "transfer_refunded", "no_such_file"].map(path));
    assert_eq!(report.verdicts.len(), 3);
    let mut seen = seen.lock().expect("nobody panics").clone();
    seen.sort_unstable();
    assert_eq!(
        seen.iter().map(|(done, total, _)| (*done, *total)).collect::<Vec<_>>(),
        [(1, Some(3)), (2, Some(3)), (3, Some(3))]
    );
    assert_eq!(seen.iter().filter(|(.., compatible)| *compatible).count(), 2);
}

#[test]
fn junit_for_continuous_integration() {
    insta::assert_snapshot!(portable(&report().to_junit()), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="temporal-sim replay" tests="5" skipped="0" failures="2" errors="1">
        <testsuite name="histories/production" tests="5" skipped="0" errors="1" failures="2">
            <testcase name="approval_open.json" classname="ExpenseApproval">
                <properties>
                    <property name="workflow id" value="approval_open-261006"/>
                    <property name="run id" value="01a1fde5-a179-7237-9b9d-7514743677a3"/>
                    <property name="events" value="11"/>
                </properties>
                <failure message="other timer duration at event 11" type="other timer duration">histories/production/approval_open.json: other timer duration
    workflow ExpenseApproval, id &quot;approval_open-261006&quot;, run 01a1fde5-a179-7237-9b9d-7514743677a3, 11 events
    a worker accepts it all the same
    agreed until:
      5 ActivityTaskScheduled #1 send_email([&quot;manager&quot;,&quot;please-approve&quot;])
    event 11: other timer duration (2026-11-21T11:37:27.248121915Z)
      recorded: TimerStarted #1 for 3d
      produced: TimerStarted #1 for 18h
        startToFireTimeout: &quot;259200s&quot; -&gt; &quot;64800s&quot;
    advice: A worker accepts this and goes on with what history has; only what comes after it is new. If that is meant: Replayer::new().allow(Difference::TimerDuration).</failure>
            </testcase>
            <testcase name="checkout_before_patch.json" classname="Checkout">
                <properties>
                    <property name="workflow id" value="checkout_before_patch-261006"/>
                    <property name="run id" value="01a1fde5-a87b-7781-90f3-f7a5db251d95"/>
                    <property name="events" value="23"/>
                </properties>
            </testcase>
            <testcase name="checkout_patched.json" classname="Checkout">
                <properties>
                    <property name="workflow id" value="checkout_patched-261006"/>
                    <property name="run id" value="01a1fde5-a9a0-7ddd-8592-5da0b07eb3b4"/>
                    <property name="events" value="31"/>
                </properties>
            </testcase>
            <testcase name="quote_local.json" classname="PriceQuote">
                <properties>
                    <property name="workflow id" value="quote_local-261006"/>
                    <property name="run id" value="01a1fde5-aaed-7365-b396-cb113ff26685"/>
                    <property name="events" value="13"/>
                </properties>
                <error message="unregistered" type="unregistered">histories/production/quote_local.json: unregistered
    workflow PriceQuote, id &quot;quote_local-261006&quot;, run 01a1fde5-aaed-7365-b396-cb113ff26685, 13 events
    the workflow type is not registered; registered: Checkout, ExpenseApproval, MoneyTransfer
    advice: Register the workflow: Replayer::new().workflow::&lt;…&gt;(), or replay other files.</error>
            </testcase>
            <testcase name="transfer_ok.json" classname="MoneyTransfer">
                <properties>
                    <property name="workflow id" value="transfer_ok-261006"/>
                    <property name="run id" value="01a1fde5-02dd-7b22-8f0a-db216a96a15f"/>
                    <property name="events" value="29"/>
                </properties>
                <failure message="nondeterminism at event 11" type="nondeterminism">histories/production/transfer_ok.json: nondeterminism
    workflow MoneyTransfer, id &quot;transfer_ok-261006&quot;, run 01a1fde5-02dd-7b22-8f0a-db216a96a15f, 29 events
    a worker reports nondeterminism: event 11 (EVENT_TYPE_ACTIVITY_TASK_SCHEDULED): the activity type is &quot;Bank::withdraw&quot; in history and &quot;Bank::fraud_check&quot; in the workflow&apos;s command
    agreed until:
      5 ActivityTaskScheduled #1 Bank::validate({&quot;account&quot;:&quot;ACC-2&quot;,&quot;cents&quot;:12550,&quot;reference&quot;:&quot;INV-12550&quot;})
    event 11: other command (2026-11-21T11:36:48.278307509Z)
      recorded: ActivityTaskScheduled #2 Bank::withdraw({&quot;account&quot;:&quot;ACC-1&quot;,&quot;cents&quot;:12550,&quot;reference&quot;:&quot;INV-12550&quot;})
      produced: ActivityTaskScheduled #2 Bank::fraud_check({&quot;account&quot;:&quot;ACC-1&quot;,&quot;cents&quot;:12550,&quot;reference&quot;:&quot;INV-12550&quot;})
        activityType.name: &quot;Bank::withdraw&quot; -&gt; &quot;Bank::fraud_check&quot;
    advice: If the change is meant, keep the old path for runs like this one: if ctx.patched(&quot;name-of-the-change&quot;) { new } else { old }. This run recorded no patch, so for it ctx.patched(…) is false.</failure>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn json_for_other_programs() {
    let json: serde_json::Value = serde_json::from_str(&report().to_json()).expect("JSON");
    let verdict = &json["verdicts"][0];
    assert_eq!(verdict["production"], serde_json::json!({"verdict": "compatible"}));
    assert_eq!(verdict["differences"][0]["difference"], "timer_duration");
    assert_eq!(verdict["differences"][0]["fields"][0]["field"], "startToFireTimeout");
    assert_eq!(verdict["side_by_side"]["steps"][0]["comparison"], "outside");
    assert_eq!(json["verdicts"][4]["production"]["verdict"], "nondeterminism");
}

#[test]
fn one_page_that_needs_nothing_else() {
    let html = report().to_html();
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!html.contains(outside), "the page has {outside}");
    }
    for part in ["3 of 5 histories are not compatible", "ExpenseApproval", "startToFireTimeout", "What to do"]
    {
        assert!(html.contains(part), "the page does not have {part}");
    }
}

#[test]
fn hostile_histories_do_not_get_into_the_page() {
    let hostile = "</script><script>alert('\"&')</script><img src=x onerror=alert(1)>";
    let mut events = production("approval_open").into_events();
    for event in &mut events {
        match event.attributes.as_mut() {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                started.workflow_id = hostile.to_owned();
                started.original_execution_run_id = hostile.to_owned();
            }
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                scheduled.activity_type.as_mut().expect("it has one").name = hostile.to_owned();
            }
            _ => {}
        }
    }
    let history = History::new(events).expect("still a history");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile_histories");
    fs::create_dir_all(&folder).expect("the folder can be made");
    history.save(folder.join("<b onclick=x>.json")).expect("the file can be written");
    let replayer = Replayer::new().workflow::<approval::v1::ExpenseApproval>();
    let report = replayer.replay_folder(&folder);
    let html = report.to_html();
    assert!(html.contains("&lt;script&gt;alert("));
    for tag in ["<script", "<img", "<b "] {
        assert!(!html.contains(tag), "the page has {tag}");
    }
    let junit = report.to_junit();
    assert!(!junit.contains("<script") && junit.contains("&lt;script&gt;"));
    fs::remove_dir_all(folder).expect("the folder can be removed");
}

#[test]
fn the_form_of_a_saved_report_follows_from_its_name() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("saved_reports");
    let report = Replayer::new().replay_files([histories().join("production/quote_local.json")]);
    for (name, beginning) in
        [("r.html", "<!DOCTYPE html>"), ("r.xml", "<?xml"), ("nested/r.json", "{"), ("r.txt", "/")]
    {
        report.save(folder.join(name)).expect("it can be written");
        let text = fs::read_to_string(folder.join(name)).expect("it was written");
        assert!(text.starts_with(beginning), "{name}: {text}");
    }
    let unknown = report.save(folder.join("r.pdf")).expect_err("nobody can write that");
    assert!(matches!(unknown, ReportError::UnknownExtension { .. }));
    fs::remove_dir_all(folder).expect("the folder can be removed");
}
