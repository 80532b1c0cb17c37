//! 33 histories of a real cluster, replayed against the code that recorded them and against 84 changed versions of it: 320
//! verdicts, each of which `histories/verdicts.json` knows.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use serde::Deserialize;
use temporal_sim::{
    history::{History, Redaction},
    replay::{Production, Replayer, Verdict},
};
use temporal_sim_fixtures::corpus;

#[derive(Deserialize)]
struct Corpus {
    verdicts: Vec<Expected>,
}

/// What a good replayer says about a version and a history. The `format` object of the file explains the fields.
#[derive(Deserialize)]
struct Expected {
    history: String,
    version: String,
    production: String,
    first_divergent_event: Option<i64>,
    strict_event: Option<i64>,
    kind: String,
    stable: bool,
    why: String,
}

/// Two replays of this code are never the same.
const ALWAYS_UNSTABLE: &[&str] = &["scan::wall_clock_input", "quote::random_from_std"];

/// Two replays of this code may be the same: in the same second, or in the same order by chance.
const SOMETIMES_UNSTABLE: &[&str] =
    &["quote::wall_clock_validity", "order::lines_from_hashmap", "order::after_sales_from_hashmap"];

type Register = fn(Replayer) -> Replayer;

macro_rules! versions {
    ($($family:ident::$workflow:ident: $($version:ident)+;)+) => {
        BTreeMap::from([$($(
            (
                concat!(stringify!($family), "::", stringify!($version)),
                (|replayer| replayer.workflow::<corpus::$family::$version::$workflow>()) as Register,
            ),
        )+)+])
    };
}

fn versions() -> BTreeMap<&'static str, Register> {
    versions! {
        approval::ExpenseApproval: v1 shorter_deadline no_deadline signal_handler_removed signal_renamed
            select_branches_swapped reminder_timer timer_before_mail escalates_to_cfo escalation_pages_somebody
            panics_on_rejection audit_at_the_end;
        checkout::Checkout: v1 patched deprecated patch_removed wrong_patch_id patch_inverted patch_asked_too_late
            second_patch patch_rolled_back;
        onboarding::Onboarding: v1 cleanup_not_detached probation_halved no_first_check_in account_only tokio_sleep
            cancel_counts_as_success survey_at_the_end probation_not_awaited cleanup_in_parallel;
        order::OrderFulfilment: v1 child_id_changed express_shipping lines_from_hashmap after_sales_from_hashmap
            sequential_reservations no_status_at_start status_renamed memo_before_status local_helper;
        order::Shipment: shipment shipment_books_late shipment_skips_handover;
        quote::PriceQuote: v1 lookup_is_remote discount_renamed discount_on_net third_local_activity
            wall_clock_validity one_more_draw named_stream_draw random_from_std mail_added;
        report::MonthlyReport: v1 swallows_the_error other_message other_error_type panics_without_rows
            attempt_ignored validates_with_activity spins;
        scan::DocumentScan: v1 patient_heartbeat more_attempts wall_clock_deadline wall_clock_input
            no_pause_between_polls slower_polls busy_wait pause_before_typist;
        subscription::Subscription: v1 period_doubled change_plan_removed query_added update_removed
            update_answers_new_value stricter_validator loyalty_bonus_on_renewal completes_instead three_cycles
            timer_left_running;
        transfer::MoneyTransfer: v1 reordered_activities renamed_withdraw fraud_check_added fraud_check_patched
            fee_on_withdrawal deposit_tries_twice no_notification no_refund log_only receipt_without_deposit;
    }
}

/// What went wrong in the row; empty if nothing did.
fn disagreements(expected: &Expected, verdict: &Verdict) -> Vec<String> {
    let production = match &verdict.production {
        Production::Compatible => "accepts",
        Production::Blocked { .. } => "stuck",
        Production::Nondeterminism { .. } | Production::TaskFailure { .. } | Production::ForeignFuture => {
            "rejects"
        }
        _ => "is confused",
    };
    let structural = verdict.first_structural_difference().map(|it| it.event_id);
    let strict = verdict.differences.first().map(|it| it.event_id);
    // Code that is random differs in most replays, somewhere.
    let tolerated = !expected.stable;
    let mut found = Vec::new();
    let mut check = |what: &str, expected: &dyn std::fmt::Debug, actual: &dyn std::fmt::Debug| {
        let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
        if expected != actual && !tolerated {
            found.push(format!("{what}: expected {expected}, found {actual}"));
        }
    };
    check("production", &expected.production.as_str(), &production);
    check("first structural difference", &expected.first_divergent_event, &structural);
    check("first difference", &expected.strict_event, &strict);
    check("compatible", &expected.strict_event.is_none(), &verdict.is_compatible());
    let differs = expected.strict_event.is_some();
    if ALWAYS_UNSTABLE.contains(&expected.version.as_str()) {
        check("unstable", &differs, &verdict.instability.is_some());
    } else if !SOMETIMES_UNSTABLE.contains(&expected.version.as_str()) {
        check("unstable", &false, &verdict.instability.is_some());
    }
    found
}

#[test]
fn every_verdict_is_the_right_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories");
    let json = fs::read_to_string(root.join("verdicts.json")).expect("part of the repository");
    let mut rows = serde_json::from_str::<Corpus>(&json).expect("the verdicts are JSON").verdicts;
    assert_eq!(rows.len(), 320);
    // Code that is stuck keeps a core busy until the process ends.
    rows.sort_by_key(|row| row.kind == "stuck");
    let versions = versions();
    assert_eq!(versions.len(), 93);
    let mut histories = BTreeMap::new();
    let mut report = String::new();
    for row in &rows {
        let history = histories.entry(row.history.clone()).or_insert_with_key(|name| {
            History::load(root.join("production").join(format!("{name}.json"))).expect("a history")
        });
        let register = versions.get(row.version.as_str()).expect("a version of the corpus");
        let replayer = register(Replayer::new()).blocked_after(Duration::from_secs(3));
        let verdict = replayer.replay(history);
        let found = disagreements(row, &verdict);
        if !found.is_empty() {
            let _ = writeln!(
                report,
                "{} x {} ({}: {})\n  {}\n{verdict}\n",
                row.history,
                row.version,
                row.kind,
                row.why,
                found.join("\n  ")
            );
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// What a worker makes of a history does not depend on what is confidential in it, unless the code does: here, a
/// scan waits until its status is "indexed".
#[test]
fn redacted_histories_get_the_same_production_verdict() {
    let redaction = Redaction::with_key("a key of this test");
    let has_changed = |plain: &Verdict, blind: &Verdict| {
        std::mem::discriminant(&plain.production) != std::mem::discriminant(&blind.production)
    };
    let unlike = unlike_when_redacted(&redaction.clone().keep_value("indexed"), has_changed);
    assert!(unlike.is_empty(), "{unlike:#?}");
    let unlike = unlike_when_redacted(&redaction, has_changed);
    assert!(
        !unlike.is_empty() && unlike.iter().all(|row| row.starts_with("scan_retried x scan::")),
        "{unlike:#?}"
    );
}

/// What is replaced is not compared, so that what was compatible stays so; numbers are kept because the code makes
/// timers of them.
#[test]
fn redacted_histories_stay_compatible() {
    let redaction = Redaction::with_key("a key of this test").keep_numbers().keep_value("indexed");
    let has_changed = |plain: &Verdict, blind: &Verdict| plain.is_compatible() && !blind.is_compatible();
    let unlike = unlike_when_redacted(&redaction, has_changed);
    assert!(unlike.is_empty(), "{}", unlike.join("\n\n"));
}

/// The pairs of history and version on which the verdict changes if the history is redacted.
fn unlike_when_redacted(
    redaction: &Redaction,
    has_changed: impl Fn(&Verdict, &Verdict) -> bool,
) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories");
    let json = fs::read_to_string(root.join("verdicts.json")).expect("part of the repository");
    let rows = serde_json::from_str::<Corpus>(&json).expect("the verdicts are JSON").verdicts;
    let versions = versions();
    let mut histories = BTreeMap::new();
    let mut unlike = Vec::new();
    // Code that is stuck takes seconds to notice, and is stuck whatever it sees.
    for row in rows.iter().filter(|row| row.kind != "stuck" && row.stable) {
        let (history, redacted) = histories.entry(row.history.clone()).or_insert_with_key(|name| {
            let path = root.join("production").join(format!("{name}.json"));
            let history = History::load(path).expect("a history");
            let redacted = redaction.redact(&history);
            (history, redacted)
        });
        let register = versions.get(row.version.as_str()).expect("a version of the corpus");
        let replayer = register(Replayer::new()).replays(1);
        let (plain, blind) = (replayer.replay(history), replayer.replay(redacted));
        if has_changed(&plain, &blind) {
            unlike.push(format!("{} x {}:\n{plain}\n{blind}", row.history, row.version));
        }
    }
    unlike
}
