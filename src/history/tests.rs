use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use super::*;

/// The histories in `histories/production` with this ending, by name.
fn production(ending: &str) -> BTreeMap<String, PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
        (!name.contains('.')).then_some((name, path))
    });
    named.collect()
}

fn load(name: &str) -> History {
    History::load(format!("{}/histories/production/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn histories_are_written_as_the_cli_wrote_them() {
    let files = production(".json");
    assert_eq!(files.len(), 33);
    for (name, path) in files {
        let text = fs::read_to_string(&path).unwrap();
        let written = History::from_json(&text).unwrap().to_json().unwrap();
        assert!(written == text, "{name} is not written as it was read");
    }
}

#[test]
fn histories_survive_protobuf() {
    for path in production(".json").values() {
        let history = History::load(path).unwrap();
        assert_eq!(History::from_bytes(&history.to_protobuf()).unwrap(), history);
    }
}

#[test]
fn the_older_enum_spelling_and_protobuf_are_the_same_history() {
    let (older, protobuf) = (production(".old-enums.json"), production(".pb"));
    assert_eq!((older.len(), protobuf.len()), (2, 33));
    for (name, path) in older.into_iter().chain(protobuf) {
        assert_eq!(History::load(path).unwrap(), load(&format!("{name}.json")));
    }
}

#[test]
fn a_history_says_whose_it_is() {
    let history = load("order_shipment_child.json");
    assert_eq!(history.workflow_id(), "shipment-order_eight_lines-261006");
    assert_eq!(history.run_id(), "01a1fde5-1abc-7b54-8625-91b39f3721b1");
    assert_eq!(history.workflow_type(), "Shipment");
    assert_eq!(history.task_queue(), "corpus");
    assert_eq!(history.event(16).unwrap().event_type(), EventType::WorkflowExecutionCompleted);
    assert_eq!(history.event(17), None);
    assert_eq!(history.event(0), None);
}

#[test]
fn the_last_event_says_how_a_run_ended() {
    let ended = |name: &str| load(&format!("{name}.json")).status();
    assert_eq!(ended("transfer_ok"), WorkflowExecutionStatus::Completed);
    assert_eq!(ended("transfer_refunded"), WorkflowExecutionStatus::Failed);
    assert_eq!(ended("onboarding_timed_out"), WorkflowExecutionStatus::TimedOut);
    assert_eq!(ended("onboarding_cancelled"), WorkflowExecutionStatus::Canceled);
    assert_eq!(ended("approval_terminated"), WorkflowExecutionStatus::Terminated);
    assert_eq!(ended("subscription_first_run"), WorkflowExecutionStatus::ContinuedAsNew);
    assert_eq!(ended("approval_open"), WorkflowExecutionStatus::Running);
}

#[test]
fn a_history_may_be_a_bare_list_or_the_response_of_the_rpc() {
    let history = load("approval_open.json");
    let json: serde_json::Value = serde_json::from_str(&history.to_json().unwrap()).unwrap();
    let list = json["events"].to_string();
    assert_eq!(History::from_json(&list).unwrap(), history);
    assert_eq!(History::from_json(&format!(r#"{{"history": {json}, "archived": false}}"#)).unwrap(), history);
    assert_eq!(History::from_bytes(format!("\u{feff}\n{json}").as_bytes()).unwrap(), history);
}

#[test]
fn a_history_may_be_compressed() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    let history = load("approval_open.json");
    for bytes in [history.to_json().unwrap().into_bytes(), history.to_protobuf()] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(History::from_bytes(&packed).unwrap(), history);
        let cut = History::from_bytes(&packed[..packed.len() / 2]).unwrap_err();
        assert!(matches!(cut, LoadError::Gzip { .. }), "{cut}");
    }
}

/// Protobuf whose second byte, the length of the first event, looks like the beginning of JSON.
#[test]
fn protobuf_is_not_taken_for_json() {
    let mut history = load("approval_open.json");
    let first = Arc::make_mut(&mut history.events[0]);
    if let Some(Started(started)) = &mut first.attributes {
        *started = WorkflowExecutionStartedEventAttributes {
            identity: String::new(),
            ..WorkflowExecutionStartedEventAttributes::default()
        };
        while prost::Message::encoded_len(&*history.events[0]) < usize::from(b'{') {
            if let Some(Started(started)) = &mut Arc::make_mut(&mut history.events[0]).attributes {
                started.identity.push('x');
            }
        }
    }
    let bytes = history.to_protobuf();
    assert_eq!(&bytes[..2], b"\n{");
    assert_eq!(History::from_bytes(&bytes).unwrap(), history);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = |bytes: &[u8]| History::from_bytes(bytes).unwrap_err().to_string();
    insta::assert_snapshot!(error(b""), @"the history is empty (0 bytes): was the export interrupted?");
    insta::assert_snapshot!(error(b"{\n  \"events\": [\n    {\"eventId\": \"1\""), @"not valid JSON at line 3, column 19: the text breaks off; export the history anew");
    insta::assert_snapshot!(error(b"{\"events\": \"none\"}"), @r#"`events`: invalid type: string "none", expected a list; expected the JSON of `temporal workflow show --output json`"#);
    insta::assert_snapshot!(error(b"{\"events\": []}"), @"the history has no events: export it with `temporal workflow show --output json`");
    insta::assert_snapshot!(error(b"{\"events\": [{\"eventId\": \"1\"}, {\"eventId\": \"two\"}]}"), @"`events[1].eventId`: invalid digit found in string; expected the JSON of `temporal workflow show --output json`");
    insta::assert_snapshot!(error(b"[{\"eventId\": \"1\", \"eventType\": \"EVENT_TYPE_COFFEE_BREWED\"}]"), @"`events[0].eventType`: `EVENT_TYPE_COFFEE_BREWED` is no value of EventType in this version of the API; expected the JSON of `temporal workflow show --output json`");
    insta::assert_snapshot!(error(b"[{\"eventId\": \"7\", \"eventType\": \"TimerFired\"}]"), @"the history begins with event 7 of type EVENT_TYPE_TIMER_FIRED, not with EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: export it from its first event on");
    insta::assert_snapshot!(error(b"{\"events\": [\"\xff\"]}"), @"not valid JSON at line 1, column 14: the text is not UTF-8; export the history anew");
    insta::assert_snapshot!(error(b"GIF89a"), @"cannot decode event 1 at byte 0: found byte 0x47 instead of an event; expected JSON or a binary `temporal.api.history.v1.History`");

    let mut events = load("approval_open.json").into_events();
    events.remove(4);
    insta::assert_snapshot!(History::new(events).unwrap_err(), @"event 5 is missing: event 6 stands in its place; export the history anew");

    let protobuf = load("approval_open.json").to_protobuf();
    insta::assert_snapshot!(error(&protobuf[..protobuf.len() - 1]), @"cannot decode event 11 at byte 1110: it has 35 bytes, but only 34 follow; expected JSON or a binary `temporal.api.history.v1.History`");
    let mut damaged = protobuf.clone();
    damaged[2..40].fill(0xff);
    insta::assert_snapshot!(error(&damaged), @"cannot decode event 1 at byte 0: failed to decode Protobuf message: invalid varint; expected JSON or a binary `temporal.api.history.v1.History`");

    insta::assert_snapshot!(History::load("no/such/file.json").unwrap_err(), @"cannot read no/such/file.json: No such file or directory (os error 2)");
}

#[test]
fn the_form_of_a_saved_history_follows_from_its_name() {
    let folder = std::env::temp_dir().join(format!("temporal-sim-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let history = load("approval_open.json");
    for name in ["history.json", "history.pb", "history.json.gz", "history.pb.gz"] {
        history.save(folder.join(name)).unwrap();
        assert_eq!(History::load(folder.join(name)).unwrap(), history);
    }
    let unknown = history.save(folder.join("history.xml")).unwrap_err();
    assert!(matches!(unknown, SaveError::UnknownExtension { .. }));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_time_that_json_cannot_express_is_an_error() {
    let mut events = load("approval_open.json").into_events();
    events[0].event_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -5 });
    let history = History::new(events).unwrap();
    insta::assert_snapshot!(history.to_json().unwrap_err(), @"no JSON form: timestamp out of range; write the history as protobuf instead");
    assert_eq!(History::from_protobuf(&history.to_protobuf()).unwrap(), history);
    let _ = history.timeline().full().to_string();
}

/// Bytes that somebody might take for a history: noise, and real histories with damage.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let whole = |name: &str| {
        let history = load(name);
        [history.to_json().unwrap().into_bytes(), history.to_protobuf()]
    };
    let real = [whole("subscription_last_run.json"), whole("order_shipment_failed.json")].concat();
    let damaged = (prop::sample::select(real), any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        damaged.prop_map(|(mut bytes, at, byte, cut)| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(if cut { at + 1 } else { usize::MAX });
            bytes
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn nothing_that_is_read_panics(bytes in bytes()) {
        if let Ok(history) = History::from_bytes(&bytes) {
            let _ = history.timeline().to_string();
            let _ = history.timeline().full().colored().payload_limit(0).to_string();
            if let Ok(json) = history.to_json() {
                // Not the history itself: a back-off coefficient that damage has made NaN, or of hundreds of
                // decimal places, equals nothing that can be read.
                prop_assert_eq!(History::from_json(&json).unwrap().to_string(), history.to_string());
            }
        }
    }
}
