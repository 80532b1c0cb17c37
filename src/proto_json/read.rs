//! JSON to message: older enum spellings are put right first, then the library reads the result.

use prost_reflect::{DeserializeOptions, DynamicMessage, EnumDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::{Error, UnknownFields, any_type, is_any, is_well_known};

/// Parses JSON text.
pub(super) fn parse(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|error| Error::Syntax {
        line: error.line(),
        column: error.column(),
        reason: without_position(&error.to_string()),
    })
}

/// Reads a message of the given type.
pub(super) fn message(
    descriptor: &MessageDescriptor,
    mut json: Value,
    unknown: UnknownFields,
) -> Result<DynamicMessage, Error> {
    respell_message(descriptor, &mut json);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(json, &mut track);
    let options = DeserializeOptions::new().deny_unknown_fields(unknown == UnknownFields::Refuse);
    DynamicMessage::deserialize_with_options(descriptor.clone(), tracked, &options)
        .map_err(|error| Error::Value { path: track.path().to_string(), reason: error.to_string() })
}

/// Gives every enum value in the message the name that the `.proto` files give it.
fn respell_message(descriptor: &MessageDescriptor, json: &mut Value) {
    let Value::Object(fields) = json else { return };
    if is_any(descriptor) {
        respell_any(fields);
    } else if !is_well_known(descriptor) {
        for (name, value) in fields {
            let field =
                descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name));
            if let Some(field) = field {
                respell_field(&field.kind(), field.is_map(), value);
            }
        }
    }
}

/// The fields of the message in an `Any` stand beside its `@type`.
fn respell_any(fields: &mut Map<String, Value>) {
    let Some(inner) = fields.get("@type").and_then(Value::as_str).and_then(any_type) else { return };
    let mut object = Value::Object(std::mem::take(fields));
    respell_message(&inner, &mut object);
    if let Value::Object(respelt) = object {
        *fields = respelt;
    }
}

fn respell_field(kind: &Kind, is_map: bool, json: &mut Value) {
    match (kind, json) {
        (Kind::Message(entry), Value::Object(entries)) if is_map => {
            let kind = entry.map_entry_value_field().kind();
            entries.values_mut().for_each(|value| respell_field(&kind, false, value));
        }
        (kind, Value::Array(items)) => items.iter_mut().for_each(|item| respell_field(kind, false, item)),
        (Kind::Message(descriptor), json) => respell_message(descriptor, json),
        (Kind::Enum(descriptor), Value::String(name)) => {
            if let Some(official) = official_name(descriptor, name) {
                *name = official;
            }
        }
        _ => {}
    }
}

/// The official name behind an older spelling: `EVENT_TYPE_TIMER_FIRED` for the `TimerFired` of `EventType`.
fn official_name(descriptor: &EnumDescriptor, name: &str) -> Option<String> {
    if name.contains('_') || descriptor.get_value_by_name(name).is_some() {
        return None;
    }
    let wanted = format!("{}{name}", descriptor.name());
    let same = |official: &str| {
        let letters = official.bytes().filter(|byte| *byte != b'_');
        letters.map(|byte| byte.to_ascii_lowercase()).eq(wanted.bytes().map(|byte| byte.to_ascii_lowercase()))
    };
    descriptor.values().find(|value| same(value.name())).map(|value| value.name().to_owned())
}

/// The parser's message says the position a second time.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(reason, _)| reason).to_owned()
}
