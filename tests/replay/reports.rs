//! Reports for people and for other programs.

use std::fs;

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
    insta::assert_snapshot!(portable(&report().table().to_string()), @"");
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
    insta::assert_snapshot!(portable(&report.table().to_string()), @"");
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
    insta::assert_snapshot!(lines.join("\n"), @"");
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
fn junit_for_continuous_integration() {
    insta::assert_snapshot!(portable(&report().to_junit()), @"");
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
    for part in ["4 of 5 histories are not compatible", "ExpenseApproval", "startToFireTimeout", "What to do"]
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
