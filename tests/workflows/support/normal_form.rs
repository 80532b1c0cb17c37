//! The normal form of a history: what is left when ids, times and everything a server may choose freely is gone.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use temporalio_common::protos::temporal::api::history::v1::{
    History, HistoryEvent, MarkerRecordedEventAttributes, history_event::Attributes,
};

/// Fields whose values say nothing about what a program did: when, by whom, in which order of the server's own books.
const FREE: &[&str] = &[
    "eventTime",
    "historySizeBytes",
    "identity",
    "metadata",
    "namespaceId",
    "parentWorkflowNamespaceId",
    "prevAutoResetPoints",
    "requestId",
    "sdkMetadata",
    "stackTrace",
    "taskId",
    "version",
    "workerVersion",
    "workflowExecutionExpirationTime",
];

/// One line for each event: its type and what is left of its attributes. Two histories of the same program, from whatever
/// server and worker, have equal normal forms.
pub(crate) fn lines(history: &History) -> Vec<String> {
    let mut names = Names::default();
    history.events.iter().map(|event| line(event, &mut names)).collect()
}

fn line(event: &HistoryEvent, names: &mut Names) -> String {
    let name = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_");
    let mut attributes = event.attributes.clone();
    if let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &mut attributes {
        forget_times(marker);
    }
    let attributes = serde_json::to_value(&attributes).expect("events have a JSON form");
    let mut line = format!("{} {name} {}", event.event_id, normal(attributes, names));
    if let Some(metadata) = &event.user_metadata {
        let metadata = serde_json::to_value(metadata).expect("events have a JSON form");
        line += &format!(" for people: {}", normal(metadata, names));
    }
    line
}

fn normal(value: Value, names: &mut Names) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter_map(|(key, it)| field(key, it, names)).collect())
        }
        Value::Array(items) => items.into_iter().map(|item| normal(item, names)).collect(),
        Value::String(text) => Value::String(names.replace(&text)),
        other => other,
    }
}

fn field(key: String, value: Value, names: &mut Names) -> Option<(String, Value)> {
    let free = FREE.iter().any(|free| *free == key || snake_case(free) == key);
    let value = if is_sticky(&value) { sticky() } else { normal(value, names) };
    (!free && !is_default(&value)).then_some((key, value))
}

/// The marker of a local activity says when it was scheduled and when it ended.
fn forget_times(marker: &mut MarkerRecordedEventAttributes) {
    for payload in marker.details.values_mut().flat_map(|payloads| &mut payloads.payloads) {
        if let Ok(Value::Object(mut fields)) = serde_json::from_slice(&payload.data) {
            fields.retain(|key, _| key != "complete_time" && key != "original_schedule_time");
            payload.data = Value::Object(fields).to_string().into_bytes();
        }
    }
}

/// A sticky queue has a name that its worker made up.
fn is_sticky(value: &Value) -> bool {
    value
        .get("normalName")
        .or_else(|| value.get("normal_name"))
        .and_then(Value::as_str)
        .is_some_and(|it| !it.is_empty())
}

fn sticky() -> Value {
    Value::String("sticky".to_owned())
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(it) => !it,
        Value::Number(it) => it.as_f64() == Some(0.0),
        Value::String(it) => it.is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => Map::is_empty(it),
    }
}

fn snake_case(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Names for random ids, in the order in which they turn up: equal ids stay equal.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    fn replace(&mut self, text: &str) -> String {
        let mut rest = text;
        let mut replaced = String::new();
        while let Some(at) = (0..rest.len()).find(|at| rest.get(*at..*at + 36).is_some_and(is_uuid)) {
            let next = self.0.len() + 1;
            let number = *self.0.entry(rest[at..at + 36].to_owned()).or_insert(next);
            replaced.push_str(&rest[..at]);
            replaced.push_str(&format!("<id {number}>"));
            rest = &rest[at + 36..];
        }
        replaced + rest
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
