//! What an event says, as named fields that can be compared one by one.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use super::redact::{REDACTED, is_token};
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

/// How fields are read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// The fields to leave out, by their names, wherever they are. The names inside of payloads are not looked at.
    pub(crate) leave_out: &'a dyn Fn(&str) -> bool,
    /// Whether the values that a redaction may have replaced are all alike: [`REDACTED_TEXT`], [`REDACTED_NUMBER`],
    /// [`REDACTED_PAYLOAD`].
    pub(crate) blind: bool,
}

/// Stands for any text.
pub(crate) const REDACTED_TEXT: &str = "(redacted text)";
/// Stands for any number.
pub(crate) const REDACTED_NUMBER: &str = "(redacted number)";
/// Stands for any payload.
pub(crate) const REDACTED_PAYLOAD: &str = "(redacted)";

impl Reader<'_> {
    /// Puts payloads into a readable form, and leaves out what is empty or zero, because that is the same as not
    /// set.
    pub(crate) fn read(self, value: Value) -> Value {
        match value {
            Value::Object(fields) if is_payload(&fields) => self.payload(fields),
            Value::Object(fields) => {
                let fields: Map<_, _> = fields
                    .into_iter()
                    .filter(|(name, value)| {
                        value.as_object().is_some_and(is_payload) || !(self.leave_out)(name)
                    })
                    .map(|(name, value)| {
                        let value = if name == "taskQueue" { queue_name(value) } else { self.read(value) };
                        (name, value)
                    })
                    .filter(|(_, value)| !is_unset(value))
                    .collect();
                unwrapped(fields)
            }
            Value::Array(items) => items.into_iter().map(|item| self.read(item)).collect(),
            Value::String(text) if self.blind && is_token(&text) => Value::from(REDACTED_TEXT),
            other => other,
        }
    }

    /// The value of a JSON payload; others by their encoding.
    fn payload(self, mut fields: Map<String, Value>) -> Value {
        let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
        let (encoding, is_redacted) = metadata.map_or((None, false), |metadata| {
            // The server writes down the type of a search attribute, a redaction that it took place.
            metadata.remove("type");
            let is_redacted = metadata.remove(REDACTED).is_some();
            ((metadata.len() == 1).then(|| decoded(metadata.get("encoding")?)).flatten(), is_redacted)
        });
        let encoding = encoding.and_then(|bytes| String::from_utf8(bytes).ok());
        let is_unknown = self.blind && is_redacted;
        match encoding.as_deref() {
            Some("binary/null") => Value::Null,
            Some("json/plain") => {
                let data = fields.get("data").and_then(decoded).unwrap_or_default();
                let value = serde_json::from_slice(&data).unwrap_or(Value::Object(fields));
                if is_unknown { blind(value) } else { value }
            }
            _ if is_unknown => Value::from(REDACTED_PAYLOAD),
            _ => Value::Object(fields),
        }
    }
}

/// The value with all texts alike, and all numbers.
fn blind(value: Value) -> Value {
    match value {
        Value::String(_) => Value::from(REDACTED_TEXT),
        Value::Number(_) => Value::from(REDACTED_NUMBER),
        Value::Array(items) => items.into_iter().map(blind).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, blind(value))).collect(),
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

fn decoded(base64: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(base64.as_str()?).ok()
}
