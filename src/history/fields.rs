//! What an event says, as named fields that can be compared one by one.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use super::redact::REDACTED;
use crate::proto_json;

/// The attributes of an event in JSON, and its user metadata. What has no JSON form is there as a whole.
pub(crate) fn attributes(event: &HistoryEvent) -> Value {
    read(event, |name| name == "userMetadata")
}

/// An event in JSON, its attributes beside the fields that events of all types have.
pub(crate) fn whole(event: &HistoryEvent) -> Value {
    read(event, |name| !matches!(name, "eventId" | "eventType"))
}

fn read(event: &HistoryEvent, is_wanted: impl Fn(&str) -> bool) -> Value {
    let Ok(Value::Object(fields)) = proto_json::to_value(event) else {
        return json!({ "attributes": format!("{:?}", event.attributes) });
    };
    let mut wanted = Map::new();
    for (name, value) in fields {
        match value {
            Value::Object(attributes) if name.ends_with("EventAttributes") => wanted.extend(attributes),
            value if is_wanted(&name) => {
                wanted.insert(name, value);
            }
            _ => {}
        }
    }
    Value::Object(wanted)
}

/// Puts payloads into a readable form, and leaves out what is empty or zero, because that is the same as not set,
/// and the fields that `leave_out` names, wherever they are. The names inside of payloads are not looked at.
pub(crate) fn readable(value: Value, leave_out: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::Object(fields) if is_payload(&fields) => payload(fields),
        Value::Object(fields) => {
            let fields: Map<_, _> = fields
                .into_iter()
                .filter(|(name, value)| value.as_object().is_some_and(is_payload) || !leave_out(name))
                .map(|(name, value)| {
                    let value =
                        if name == "taskQueue" { queue_name(value) } else { readable(value, leave_out) };
                    (name, value)
                })
                .filter(|(_, value)| !is_unset(value))
                .collect();
            unwrapped(fields)
        }
        Value::Array(items) => items.into_iter().map(|item| readable(item, leave_out)).collect(),
        other => other,
    }
}

/// The leaves of a value by their paths: `startToFireTimeout`, `input[0].cents`.
pub(crate) fn flatten(value: Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    flatten_into(&mut leaves, String::new(), value);
    leaves
}

fn flatten_into(leaves: &mut BTreeMap<String, Value>, path: String, value: Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten_into(leaves, format!("{path}{dot}{name}"), value);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.into_iter().enumerate() {
                flatten_into(leaves, format!("{path}[{index}]"), value);
            }
        }
        // An event without any field.
        _ if path.is_empty() => {}
        leaf => {
            leaves.insert(path, leaf);
        }
    }
}

/// Whether an object is the JSON of a `Payload`.
pub(crate) fn is_payload(fields: &Map<String, Value>) -> bool {
    fields.contains_key("metadata")
        && fields.keys().all(|name| matches!(name.as_str(), "metadata" | "data" | "externalPayloads"))
}

/// The messages that only hold a list or a map of payloads are not worth a name.
fn unwrapped(mut fields: Map<String, Value>) -> Value {
    if fields.len() == 1 {
        for wrapper in ["payloads", "fields", "indexedFields"] {
            if let Some(value) = fields.remove(wrapper) {
                return value;
            }
        }
    }
    Value::Object(fields)
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text == "0s",
        _ => false,
    }
}

/// A task queue of this kind is always an ordinary one.
fn queue_name(value: Value) -> Value {
    value.get("name").cloned().unwrap_or(value)
}

/// The value of a JSON payload; others by their encoding.
fn payload(mut fields: Map<String, Value>) -> Value {
    let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
    let encoding = metadata.and_then(|metadata| {
        // The server writes down the type of a search attribute, a redaction that it took place.
        metadata.remove("type");
        metadata.remove(REDACTED);
        (metadata.len() == 1).then(|| decoded(metadata.get("encoding")?)).flatten()
    });
    let encoding = encoding.and_then(|bytes| String::from_utf8(bytes).ok());
    match encoding.as_deref() {
        Some("binary/null") => Value::Null,
        Some("json/plain") => {
            let data = fields.get("data").and_then(decoded).unwrap_or_default();
            serde_json::from_slice(&data).unwrap_or(Value::Object(fields))
        }
        _ => Value::Object(fields),
    }
}

fn decoded(base64: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(base64.as_str()?).ok()
}
