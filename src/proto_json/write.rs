//! Message to JSON, in the order and the formatting of the Temporal CLI.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::{Error, any_type, is_any, is_well_known};

/// A message as a JSON value.
pub(super) fn value(message: &DynamicMessage) -> Result<serde_json::Value, Error> {
    serde_json::to_value(AsJson(message)).map_err(unwritable)
}

/// A message as JSON text with an indentation of two spaces.
pub(super) fn pretty(message: &DynamicMessage) -> Result<String, Error> {
    serde_json::to_string_pretty(&AsJson(message)).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::Unwritable { reason: error.to_string() }
}

struct AsJson<'a>(&'a DynamicMessage);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.0.descriptor();
        if is_any(&descriptor) {
            return serialize_any(self.0, serializer);
        }
        if is_well_known(&descriptor) {
            return self.0.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        serialize_fields(self.0, &mut map)?;
        map.end()
    }
}

/// The fields in the order of their declaration, which need not be that of their numbers.
fn serialize_fields<M: SerializeMap>(message: &DynamicMessage, map: &mut M) -> Result<(), M::Error> {
    let descriptor = message.descriptor();
    let declared = descriptor.descriptor_proto().field.iter();
    let numbers = declared.filter_map(|field| u32::try_from(field.number()).ok());
    for field in numbers.filter_map(|number| descriptor.get_field(number)) {
        if message.has_field(&field) {
            map.serialize_entry(
                field.json_name(),
                &Field { value: &message.get_field(&field), field: &field },
            )?;
        }
    }
    Ok(())
}

fn serialize_any<S: Serializer>(any: &DynamicMessage, serializer: S) -> Result<S::Ok, S::Error> {
    let (url, bytes) = (any.get_field_by_name("type_url"), any.get_field_by_name("value"));
    let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
    let bytes = bytes.as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
    if url.is_empty() && bytes.is_empty() {
        return serializer.serialize_map(Some(0))?.end();
    }
    let descriptor =
        any_type(url).ok_or_else(|| S::Error::custom(format!("unknown type `{url}` in an Any")))?;
    let inner = DynamicMessage::decode(descriptor.clone(), bytes).map_err(S::Error::custom)?;
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("@type", url)?;
    if is_well_known(&descriptor) {
        map.serialize_entry("value", &AsJson(&inner))?;
    } else {
        serialize_fields(&inner, &mut map)?;
    }
    map.end()
}

struct Field<'a> {
    value: &'a Value,
    field: &'a FieldDescriptor,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.field.kind();
        match (self.value, &kind) {
            (Value::List(items), kind) => {
                serializer.collect_seq(items.iter().map(|value| Item { value, kind }))
            }
            (Value::Map(entries), Kind::Message(entry)) => {
                let kind = &entry.map_entry_value_field().kind();
                let mut entries: Vec<_> =
                    entries.iter().map(|(key, value)| (key_text(key), Item { value, kind })).collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                serializer.collect_map(entries)
            }
            (value, kind) => Item { value, kind }.serialize(serializer),
        }
    }
}

struct Item<'a> {
    value: &'a Value,
    kind: &'a Kind,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::I64(value) => serializer.collect_str(value),
            Value::U64(value) => serializer.collect_str(value),
            Value::F32(value) => serialize_float(f64::from(*value), serializer),
            Value::F64(value) => serialize_float(*value, serializer),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_str(&BASE64_STANDARD.encode(value)),
            Value::Message(message) => AsJson(message).serialize(serializer),
            Value::EnumNumber(number) => match self.kind {
                Kind::Enum(descriptor) => match descriptor.get_value(*number) {
                    Some(value) => serializer.serialize_str(value.name()),
                    None => serializer.serialize_i32(*number),
                },
                _ => serializer.serialize_i32(*number),
            },
            Value::List(_) | Value::Map(_) => {
                Err(S::Error::custom("a list or a map inside of a list or a map"))
            }
        }
    }
}

/// Whole numbers have no decimal point.
fn serialize_float<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        value if value.is_nan() => serializer.serialize_str("NaN"),
        f64::INFINITY => serializer.serialize_str("Infinity"),
        f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
        value if value.fract() == 0.0 && value.abs() <= EXACT => serializer.serialize_i64(value as i64),
        value => serializer.serialize_f64(value),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
