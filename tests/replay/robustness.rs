//! Whatever is in a file, it gets one verdict, and the others theirs.

use crate::{histories, production};
use std::{fs, io::Write as _, path::Path};
use temporal_sim::{
    history::History,
    replay::{Difference, Production, Replayer, Report},
};
use temporal_sim_fixtures::corpus::{approval, transfer};

/// A folder that is gone after the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("nested/.hidden")).expect("the folder can be made");
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).expect("the file can be written");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn replayer() -> Replayer {
    Replayer::new().workflow::<transfer::v1::MoneyTransfer>().workflow::<approval::v1::ExpenseApproval>()
}

/// The report without the path of the folder, which is another on every machine.
fn check(folder: &Folder, report: &Report) -> String {
    report.to_string().replace(&folder.0.display().to_string(), "/histories")
}

#[test]
fn one_bad_file_is_one_bad_verdict() {
    let folder = Folder::new("one_bad_file_is_one_bad_verdict");
    let good = fs::read(histories().join("production/transfer_ok.json")).expect("recorded");
    let history = production("transfer_ok");
    folder.write("a_good.json", &good);
    folder.write("b_good.pb", history.to_protobuf());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&good).expect("in memory");
    folder.write("c_good.json.gz", gzip.finish().expect("in memory"));
    folder.write("d_empty.json", "");
    folder.write("e_truncated.json", &good[..good.len() / 2]);
    folder.write("f_truncated.pb", &history.to_protobuf()[..700]);
    folder.write("g_gap.json", without_event(&good, 5));
    folder.write("h_foreign.json", r#"{"name": "something else"}"#);
    folder.write(
        "i_unregistered.json",
        String::from_utf8_lossy(&good).replace("MoneyTransfer", "MoneyLaundry"),
    );
    folder.write(
        "nested/j_good.json",
        fs::read(histories().join("production/approval_open.json")).expect("recorded"),
    );
    folder.write("nested/.hidden/k.json", "not looked at");
    folder.write("notes.txt", "not looked at");
    let report = replayer().replay_folder(&folder.0);
    insta::assert_snapshot!(check(&folder, &report), @r##"
    /histories
    history              workflow         worker        code  event
    a_good.json          MoneyTransfer    accepted      same
    b_good.pb            MoneyTransfer    accepted      same
    c_good.json.gz       MoneyTransfer    accepted      same
    d_empty.json                          unreadable
    e_truncated.json                      unreadable
    f_truncated.pb                        unreadable
    g_gap.json                            unreadable
    h_foreign.json                        unreadable
    i_unregistered.json  MoneyLaundry     unregistered
    nested/j_good.json   ExpenseApproval  accepted      same

    10 histories, 6 not compatible

    /histories/d_empty.json: unreadable
    the history is empty (0 bytes): was the export interrupted?

    /histories/e_truncated.json: unreadable
    not valid JSON at line 293, column 19: the text breaks off; export the history anew

    /histories/f_truncated.pb: unreadable
    cannot decode event 5 at byte 516: it has 185 bytes, but only 181 follow; expected JSON or a binary `temporal.api.history.v1.History`

    /histories/g_gap.json: unreadable
    event 5 is missing: event 6 stands in its place; export the history anew

    /histories/h_foreign.json: unreadable
    the history has no events: export it with `temporal workflow show --output json`

    /histories/i_unregistered.json: unregistered
    workflow MoneyLaundry, id "transfer_ok-261006", run 01a1fde5-02dd-7b22-8f0a-db216a96a15f, 29 events
    the workflow type is not registered; registered: ExpenseApproval, MoneyTransfer
    advice: Register the workflow: Replayer::new().workflow::<…>(), or replay other files.
    "##);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
    assert_eq!(json["verdicts"].as_array().map(Vec::len), Some(10));
    assert_eq!(json["verdicts"][0]["production"]["verdict"], "compatible");
    assert_eq!(json["verdicts"][3]["production"]["verdict"], "unreadable");
}

fn without_event(json: &[u8], event_id: usize) -> String {
    let mut history: serde_json::Value = serde_json::from_slice(json).expect("JSON");
    history["events"].as_array_mut().expect("a list").remove(event_id - 1);
    history.to_string()
}

#[test]
fn a_folder_that_is_missing_or_empty_does_not_pass() {
    let folder = Folder::new("a_folder_that_is_missing_or_empty_does_not_pass");
    assert!(!replayer().replay_folder(folder.0.join("nowhere")).is_compatible());
    let empty = replayer().replay_folder(&folder.0);
    assert!(!empty.is_compatible());
    assert_eq!(empty.to_string(), "no histories were found, so nothing was replayed");
}

#[test]
#[should_panic(expected = "1 history, 1 not compatible")]
fn assert_compatible_shows_the_report() {
    replayer().replay_files([histories().join("production/quote_local.json")]).assert_compatible();
}

/// A history may end anywhere. What was recorded up to there is what the code does.
#[test]
fn every_beginning_of_a_history_is_compatible() -> anyhow::Result<()> {
    for name in ["transfer_refunded", "approval_overdue", "approval_reset"] {
        let events = production(name).into_events();
        for length in 1..=events.len() {
            let beginning = History::new(events[..length].to_vec())?;
            // The server writes the events of a task's commands all at once.
            if events.get(length).is_some_and(|next| next.is_command_event()) {
                continue;
            }
            let verdict = replayer().replay(&beginning);
            assert!(verdict.is_compatible(), "{name} up to event {length}\n{verdict}");
        }
    }
    Ok(())
}

/// No server writes a task's completion without the events of its commands, but an export may break off there.
#[test]
fn a_history_that_ends_in_the_middle_of_a_task() -> anyhow::Result<()> {
    let mut events = production("approval_open").into_events();
    assert_eq!(events.pop().map(|timer| timer.event_id), Some(11));
    let verdict = replayer().replay(&History::new(events)?);
    let [extra] = verdict.differences.as_slice() else { panic!("{verdict}") };
    assert_eq!((extra.difference, extra.event_id), (Difference::ExtraCommand, 11));
    assert_eq!(extra.produced.as_deref(), Some("TimerStarted #1 for 3d"));
    Ok(())
}

/// Whatever is done to a history, it gets a verdict.
#[test]
fn damaged_histories_get_verdicts() -> anyhow::Result<()> {
    let events = production("approval_overdue").into_events();
    for (index, event) in events.iter().enumerate() {
        let mut damaged = events.clone();
        damaged[index].attributes = None;
        let Ok(history) = History::new(damaged) else { continue };
        let verdict = replayer().replay(&history);
        assert!(!verdict.is_compatible(), "without the attributes of event {}", event.event_id);
        assert!(!matches!(verdict.production, Production::Failed { .. }), "{verdict}");
    }
    Ok(())
}
