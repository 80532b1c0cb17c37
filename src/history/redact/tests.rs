use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads},
    failure::v1::Failure,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::*;
use crate::history::fields::{self, Reader};

fn load(name: &str) -> History {
    History::load(format!("{}/histories/production/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn corpus() -> Vec<(String, History)> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production")).unwrap();
    let files = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "pb"));
    files.map(|path| (path.display().to_string(), History::load(path).unwrap())).collect()
}

fn redaction() -> Redaction {
    Redaction::with_key("a secret")
}

/// A history whose workflow was started with this argument.
fn started_with(data: &str) -> History {
    with_payload(Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: data.as_bytes().to_vec(),
        ..Default::default()
    })
}

fn with_payload(payload: Payload) -> History {
    let mut events = load("approval_open").into_events();
    started(&mut events[0]).input = Some(Payloads { payloads: vec![payload] });
    History::new(events).unwrap()
}

fn started(
    event: &mut HistoryEvent,
) -> &mut temporalio_common::protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes {
    match event.attributes.as_mut() {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
        _ => panic!("not the first event"),
    }
}

fn argument(history: &History) -> Payload {
    started(&mut HistoryEvent::clone(&history.events()[0])).input.take().unwrap().payloads.remove(0)
}

fn argument_json(history: &History) -> Value {
    serde_json::from_slice(&argument(history).data).unwrap()
}

#[test]
fn a_redacted_history_still_tells_its_story() {
    insta::assert_snapshot!(redaction().redact(&load("transfer_refunded")), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted  MoneyTransfer({"cents":16668,"from":"redacted-83346c0ef9cc1ed33460","reference":"redacted-a70…)
     5  +00:00:00.041  ActivityTaskScheduled     #1 Bank::validate({"account":"redacted-130d45421e7890d87e05","cents":16668,"reference":"redacted-…)
     7  +00:00:00.079  ActivityTaskCompleted     #1 Bank::validate -> ()
    11  +00:00:00.134  ActivityTaskScheduled     #2 Bank::withdraw({"account":"redacted-83346c0ef9cc1ed33460","cents":16668,"reference":"redacted-…)
    13  +00:00:00.174  ActivityTaskCompleted     #2 Bank::withdraw -> "redacted-a8e8b2a14af2ccebb5b3"
    17  +00:00:00.200  ActivityTaskScheduled     #3 Bank::deposit({"account":"redacted-130d45421e7890d87e05","cents":16668,"reference":"redacted-…)
    19  +00:00:00.231  ActivityTaskFailed        #3 Bank::deposit: AccountClosed: redacted-a7f7d5c015ace231c5cf (non-retryable)
    23  +00:00:00.242  ActivityTaskScheduled     #4 Bank::refund({"account":"redacted-83346c0ef9cc1ed33460","cents":16668,"reference":"redacted-…)
    25  +00:00:00.246  ActivityTaskCompleted     #4 Bank::refund -> "redacted-46caff25072ebd54fa08"
    29  +00:00:00.259  ActivityTaskScheduled     #5 send_email(["redacted-83346c0ef9cc1ed33460","redacted-a2cd4b72d57536e84c6a"])
    31  +00:00:00.278  ActivityTaskCompleted     #5 send_email -> ()
    35  +00:00:00.332  WorkflowExecutionFailed   TransferRefunded: redacted-14fbbcff38e0e5e24378 (non-retryable)
    "#);
}

#[test]
fn ids_that_hold_a_value_follow_it() {
    insta::assert_snapshot!(redaction().redact(&load("order_shipment_child")), @r#"
     1  +00:00:00.000  WorkflowExecutionStarted    Shipment({"address":"redacted-3020e1ebf9ae70b06574","express":false,"order":"redacted-31…), child of redacted-31069b04260109ffd594 (its event 47)
     5  +00:00:00.028  ActivityTaskScheduled       #1 Carrier::book({"address":"redacted-3020e1ebf9ae70b06574","express":false,"order":"redacted-31…)
     7  +00:00:00.040  ActivityTaskCompleted       #1 Carrier::book -> "redacted-dad973850fc5102b6f30"
    11  +00:00:00.071  TimerStarted                #1 for 300ms
    12  +00:00:01.043  TimerFired                  #1
    16  +00:00:01.050  WorkflowExecutionCompleted  -> "redacted-dad973850fc5102b6f30"
    "#);
}

#[test]
fn json_keeps_its_shape() {
    let history = started_with(
        r#"{"name":"Ada Lovelace","born":"1815-12-10","tags":["vip","vip"],"paid":true,"note":null,
            "balance":{"EUR":1234.50,"ada@example.org":17},"level":3,"kind":"Gold","iban":"DE02120300000000202051"}"#,
    );
    let redaction = redaction().keep_value("Gold").keep_field("balance.EUR");
    let redacted = argument_json(&redaction.redact(&history));
    assert_eq!(redacted["tags"][0], redacted["tags"][1]);
    assert_eq!(redacted["balance"]["EUR"], 1234.5);
    assert!(redacted["born"].as_str().unwrap().parse::<jiff::civil::Date>().is_ok());
    insta::assert_snapshot!(serde_json::to_string_pretty(&redacted).unwrap(), @r#"
    {
      "balance": {
        "EUR": 1234.5,
        "redacted-9bc2af8d0002887301e3@example.com": 18
      },
      "born": "2034-12-17",
      "iban": "148169B14CDC51C44674CF",
      "kind": "Gold",
      "level": 3,
      "name": "redacted-12f58eaf03e4b11cf85a",
      "note": null,
      "paid": true,
      "tags": [
        "redacted-0a706f40db378f287326",
        "redacted-0a706f40db378f287326"
      ]
    }
    "#);
}

#[test]
fn keys_are_data_where_that_is_said() {
    let history = started_with(r#"{"balances":{"alice":17,"bob":3},"alice":17}"#);
    let kept = argument_json(&redaction().redact(&history));
    assert_eq!(kept["balances"].as_object().unwrap().keys().collect::<Vec<_>>(), ["alice", "bob"]);
    let replaced = argument_json(&redaction().keys_of("balances").keep_numbers().redact(&history));
    let text = replaced["balances"].to_string();
    assert!(!text.contains("alice") && !text.contains("bob"), "{text}");
    assert_eq!(replaced["alice"], 17);
}

#[test]
fn other_encodings_are_kept_too() {
    let check = |encoding: &str, data: &[u8]| {
        let metadata = [("encoding".to_owned(), encoding.as_bytes().to_vec())];
        let payload = Payload { metadata: metadata.into(), data: data.to_vec(), ..Default::default() };
        let redacted = argument(&redaction().redact(&with_payload(payload)));
        assert_eq!(redacted.metadata["encoding"], encoding.as_bytes());
        redacted.data
    };
    assert_eq!(check("binary/protobuf", b"\x0a\x03Ada"), b"", "a message with nothing set");
    let encrypted = check("binary/encrypted", b"cipher text");
    assert!(encrypted.len() == 11 && encrypted != b"cipher text");
    let broken = check("json/plain", b"{not json");
    assert!(broken.len() == 9 && broken != b"{not json");
    assert_eq!(check("binary/null", b""), b"");
}

#[test]
fn search_attributes_and_workflow_ids_are_kept_or_replaced_as_asked() {
    let history = load("transfer_ok");
    let json = |redaction: Redaction| redaction.redact(&history).to_json().unwrap();
    assert!(json(redaction()).contains(history.workflow_id()));
    assert!(!json(redaction().workflow_ids()).contains(history.workflow_id()));
}

#[test]
fn another_key_gives_other_replacements() {
    let history = load("transfer_ok");
    assert_eq!(redaction().redact(&history), redaction().redact(&history));
    assert_ne!(redaction().redact(&history), Redaction::with_key("another").redact(&history));
    assert!(!format!("{:?}", redaction()).contains("secret"));
}

#[test]
fn failures_keep_their_types_and_lose_their_texts() {
    let mut events = load("transfer_refunded").into_events();
    let Some(Attributes::ActivityTaskFailedEventAttributes(failed)) = &mut events[18].attributes else {
        panic!("event 19 is the failure")
    };
    let failure: &mut Failure = failed.failure.as_mut().unwrap();
    failure.stack_trace = "at /home/ada/bank.rs:17".to_owned();
    let redacted = redaction().redact(&History::new(events).unwrap());
    let json = redacted.to_json().unwrap();
    assert!(json.contains("AccountClosed"));
    assert!(!json.contains("is closed") && !json.contains("/home/ada"), "{json}");
}

#[test]
fn failures_that_are_too_deep_for_any_file_are_left_out() {
    let mut failure = Failure { message: "the reason".to_owned(), ..Default::default() };
    for _ in 0..200 {
        failure = Failure { cause: Some(Box::new(failure)), ..Default::default() };
    }
    let mut events = load("transfer_refunded").into_events();
    let Some(Attributes::ActivityTaskFailedEventAttributes(failed)) = &mut events[18].attributes else {
        panic!("event 19 is the failure")
    };
    failed.failure = Some(failure);
    let redacted = redaction().redact(&History::new(events).unwrap());
    assert!(!redacted.to_json().unwrap().contains("the reason"));
}

/// All strings in payloads, and in the fields that are no structure.
fn confidential(history: &History) -> BTreeSet<String> {
    fn strings(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(found.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
            Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for event in history.events() {
        let leaves = fields::flatten(in_the_clear(fields::whole(event)));
        let is_payload = |path: &str| {
            // What the SDK keeps in markers is structure.
            path.contains("[0]")
                && !path.starts_with("details.data[0]")
                && !path.starts_with("details.patch-data[0]")
                && !path.contains("Flags[")
                && !path.contains("ErrorTypes[")
        };
        let is_text =
            |path: &str| ["message", "identity", "reason", "stackTrace"].iter().any(|it| path.ends_with(it));
        for (path, value) in leaves {
            if is_payload(&path) || is_text(&path) {
                strings(&value, &mut found);
            }
        }
    }
    found.retain(|text| text.len() > 3);
    found
}

fn in_the_clear(event: Value) -> Value {
    Reader { leave_out: &|_| false, blind: false }.read(event)
}

/// The history with its payloads in clear text.
fn clear_text(history: &History) -> String {
    let mut text = String::new();
    for event in history.events() {
        text += &in_the_clear(fields::whole(event)).to_string();
    }
    text
}

#[test]
fn nothing_confidential_is_left_of_production_histories() {
    for (name, history) in corpus() {
        let redacted = redaction().workflow_ids().redact(&history);
        let text = clear_text(&redacted);
        let structure = structure(&history);
        for value in confidential(&history) {
            assert!(!text.contains(&value) || structure.contains(&value), "{name}: {value:?} is left");
        }
        assert_eq!(
            redaction().workflow_ids().redact(&redacted),
            redacted,
            "{name}: once more changes nothing"
        );
        assert_eq!(redaction().redact(&redaction().redact(&history)), redaction().redact(&history), "{name}");
        let types =
            |history: &History| history.events().iter().map(|event| event.event_type()).collect::<Vec<_>>();
        assert_eq!(types(&redacted), types(&history));
    }
}

/// Names that are kept, and may be values too: those of activities and the like, and of fields in payloads.
fn structure(history: &History) -> String {
    fn names(value: &Value, found: &mut String) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                *found += &format!("\"{name}\"");
                names(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            _ => {}
        }
    }
    let mut found = clear_text(&redaction().redact(&without_payloads(history)));
    for event in history.events() {
        let event = fields::whole(event);
        names(&in_the_clear(event), &mut found);
    }
    found
}

fn without_payloads(history: &History) -> History {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) if fields::is_payload(fields) => *value = json!({}),
            Value::Object(fields) => {
                let data = fields.iter_mut().filter(|(name, _)| !is_read_by_the_sdk(name));
                data.for_each(|(_, value)| strip(value));
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    fn is_read_by_the_sdk(field: &str) -> bool {
        matches!(field, "patch-data" | "data" | "TemporalChangeVersion")
    }
    let mut json: Value = serde_json::from_str(&history.to_json().unwrap()).unwrap();
    strip(&mut json);
    History::from_json(&json.to_string()).unwrap()
}

/// Values that somebody might put in a payload.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{4,20}".prop_map(Value::from),
        "[0-9]{2,20}".prop_map(Value::from),
        "20[0-9]{2}-1[0-2]-2[0-8]T1[0-9]:30:00Z".prop_map(Value::from),
        "[a-z]{5,9}@[a-z]{5,9}\\.org".prop_map(Value::from),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Whether two values have the same types in the same places.
fn have_one_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|it| have_one_shape(value, it)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| have_one_shape(one, other))
        }
        (Value::String(_), Value::String(_)) => true,
        (Value::Number(one), Value::Number(other)) => {
            one.is_f64() == other.is_f64() && one.is_u64() == other.is_u64()
        }
        (one, other) => one == other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_in_a_payload_is_replaced_in_its_shape(value in value()) {
        let history = started_with(&value.to_string());
        let redacted = redaction().redact(&history);
        let replaced = argument_json(&redacted);
        prop_assert!(have_one_shape(&value, &replaced), "{value} became {replaced}");
        prop_assert_eq!(redaction().redact(&redacted), redacted.clone(), "once more changes nothing");
        let text = clear_text(&redacted);
        let structure = structure(&history);
        for secret in confidential(&history) {
            let in_json = Value::from(secret.clone()).to_string();
            prop_assert!(!text.contains(&in_json) || structure.contains(&in_json), "{secret:?} is left in {replaced}");
        }
    }
}
