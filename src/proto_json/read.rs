//! JSON to message: older enum spellings are put right first, then the library reads the result.

use prost_reflect::{DeserializeOptions, DynamicMessage, EnumDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::{Error, UnknownFields, any_type, is_any, is_well_known};

/// Parses JSON text.
pub(super) fn parse(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|error| Error::Syntax {
        line: error.line(),
        column: error.column(),
        reason: if error.is_eof() {
            "the text breaks off".to_owned()
        } else {
            without_position(&error.to_string())
        },
    })
}

/// Reads a message of the given type.
pub(super) fn message(
    descriptor: &MessageDescriptor,
    mut json: Value,
    unknown: UnknownFields,
) -> Result<DynamicMessage, Error> {
    respell_message(descriptor, &mut json)?;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(json, &mut track);
    let options = DeserializeOptions::new().deny_unknown_fields(unknown == UnknownFields::Refuse);
    DynamicMessage::deserialize_with_options(descriptor.clone(), tracked, &options)
        .map_err(|error| Error::Value { path: track.path().to_string(), reason: error.to_string() })
}

/// Gives every enum value in the message the name that the `.proto` files give it. A name that the enum does
/// not have is an error, whatever is done about unknown fields: without it the message means something else.
fn respell_message(descriptor: &MessageDescriptor, json: &mut Value) -> Result<(), UnknownName> {
    let Value::Object(fields) = json else { return Ok(()) };
    if is_any(descriptor) {
        return respell_any(fields);
    }
    if is_well_known(descriptor) {
        return Ok(());
    }
    for (name, value) in fields {
        let field = descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name));
        if let Some(field) = field {
            respell_field(&field.kind(), field.is_map(), value).map_err(|error| error.within(name))?;
        }
    }
    Ok(())
}

/// The fields of the message in an `Any` stand beside its `@type`.
fn respell_any(fields: &mut Map<String, Value>) -> Result<(), UnknownName> {
    let Some(inner) = fields.get("@type").and_then(Value::as_str).and_then(any_type) else { return Ok(()) };
    let mut object = Value::Object(std::mem::take(fields));
    respell_message(&inner, &mut object)?;
    if let Value::Object(respelt) = object {
        *fields = respelt;
    }
    Ok(())
}

fn respell_field(kind: &Kind, is_map: bool, json: &mut Value) -> Result<(), UnknownName> {
    match (kind, json) {
        (Kind::Message(entry), Value::Object(entries)) if is_map => {
            let kind = entry.map_entry_value_field().kind();
            entries.iter_mut().try_for_each(|(key, value)| {
                respell_field(&kind, false, value).map_err(|error| error.within(key))
            })
        }
        (kind, Value::Array(items)) => items.iter_mut().enumerate().try_for_each(|(index, item)| {
            respell_field(kind, false, item).map_err(|error| error.within(&format!("[{index}]")))
        }),
        (Kind::Message(descriptor), json) => respell_message(descriptor, json),
        (Kind::Enum(descriptor), Value::String(name)) => {
            *name = official_name(descriptor, name).ok_or_else(|| UnknownName {
                path: String::new(),
                reason: format!("`{name}` is no value of {} in this version of the API", descriptor.name()),
            })?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// An enum has no value of that name.
struct UnknownName {
    path: String,
    reason: String,
}

impl UnknownName {
    /// The same error, seen from one level further out.
    fn within(self, outer: &str) -> Self {
        let point = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{outer}{point}{}", self.path), reason: self.reason }
    }
}

impl From<UnknownName> for Error {
    fn from(UnknownName { path, reason }: UnknownName) -> Self {
        Self::Value { path, reason }
    }
}

/// The official name behind either spelling: `EVENT_TYPE_TIMER_FIRED` for the `TimerFired` of `EventType`.
fn official_name(descriptor: &EnumDescriptor, name: &str) -> Option<String> {
    if descriptor.get_value_by_name(name).is_some() {
        return Some(name.to_owned());
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
