//! The values of search attributes, out of payloads and back.

use serde_json::Value as Json;
use temporalio_common::protos::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType as Type};

use super::type_name;
use crate::cluster::go_text::{self, Timestamp};

/// The value of a search attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Double(f64),
    Datetime(Timestamp),
    /// Of a Keyword or a Text.
    String(String),
    KeywordList(Vec<String>),
}

/// The payload is no value of the type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotOfType;

impl Value {
    /// The value in a payload, `None` if the payload stands for no value.
    ///
    /// A list of one stands for its element, and an empty list for no value; except that a KeywordList
    /// takes any list of strings as it is.
    pub(crate) fn decode(payload: &Payload, value_type: Type) -> Result<Option<Self>, NotOfType> {
        let json = match encoding(payload) {
            b"binary/null" => return Ok(None),
            b"json/plain" => serde_json::from_slice::<Json>(&payload.data).map_err(|_| NotOfType)?,
            _ => return Err(NotOfType),
        };
        if json.is_null() {
            return Ok(None);
        }
        if let Some(value) = Self::from_json(&json, value_type) {
            return Ok(Some(value));
        }
        match json {
            Json::Array(items) => match items.as_slice() {
                [] => Ok(None),
                [only] => Self::from_json(only, value_type)
                    .or_else(|| only.is_null().then(|| Self::zero(value_type)))
                    .map(Some)
                    .ok_or(NotOfType),
                _ => Err(NotOfType),
            },
            _ => Err(NotOfType),
        }
    }

    fn from_json(json: &Json, value_type: Type) -> Option<Self> {
        match value_type {
            Type::Bool => json.as_bool().map(Self::Bool),
            Type::Int => json.as_i64().map(Self::Int),
            Type::Double => json.as_f64().map(Self::Double),
            Type::Datetime => json.as_str().and_then(Timestamp::parse_strict).map(Self::Datetime),
            Type::Keyword | Type::Text => json.as_str().map(|text| Self::String(text.to_owned())),
            Type::KeywordList => json
                .as_array()?
                .iter()
                .map(
                    |item| {
                        if item.is_null() { Some(String::new()) } else { item.as_str().map(str::to_owned) }
                    },
                )
                .collect::<Option<_>>()
                .map(Self::KeywordList),
            Type::Unspecified => None,
        }
    }

    /// What `null` stands for inside a list.
    fn zero(value_type: Type) -> Self {
        match value_type {
            Type::Bool => Self::Bool(false),
            Type::Int => Self::Int(0),
            Type::Double => Self::Double(0.0),
            Type::Datetime => Self::Datetime(Timestamp::default()),
            Type::Keyword | Type::Text | Type::Unspecified => Self::String(String::new()),
            Type::KeywordList => Self::KeywordList(Vec::new()),
        }
    }

    /// The payload that a listed execution shows the value with.
    pub(crate) fn encode(&self, value_type: Type) -> Payload {
        let json = match self {
            Self::Bool(value) => value.to_string(),
            // The visibility store reads every number back as a floating-point one.
            #[expect(clippy::cast_precision_loss, reason = "so does the server")]
            Self::Int(value) => go_text::json_number(*value as f64),
            Self::Double(value) => go_text::json_number(*value),
            Self::Datetime(time) => go_text::json_string(&time.to_string()),
            Self::String(text) => go_text::json_string(text),
            Self::KeywordList(items) => {
                let items: Vec<_> = items.iter().map(|item| go_text::json_string(item)).collect();
                format!("[{}]", items.join(","))
            }
        };
        encode_json(json, value_type)
    }
}

/// A payload of JSON that is marked with a type of search attributes.
pub(crate) fn encode_json(json: String, value_type: Type) -> Payload {
    Payload {
        metadata: [("encoding", "json/plain"), ("type", type_name(value_type))]
            .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
            .into(),
        data: json.into_bytes(),
        ..Default::default()
    }
}

/// How an error message shows a payload that is no value of its attribute.
pub(super) fn describe(payload: &Payload) -> String {
    let opaque = || format!("value from <{}>", go_text::payload(payload));
    match encoding(payload) {
        b"json/plain" => {
            serde_json::from_slice(&payload.data).map_or_else(|_| opaque(), |json| go_text::json_value(&json))
        }
        b"binary/plain" => {
            let bytes: Vec<_> = payload.data.iter().map(u8::to_string).collect();
            format!("[{}]", bytes.join(" "))
        }
        _ => opaque(),
    }
}

fn encoding(payload: &Payload) -> &[u8] {
    payload.metadata.get("encoding").map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Payload {
        encode_json(text.to_owned(), Type::Unspecified)
    }

    #[test]
    fn values_have_the_type_of_their_attribute() {
        let check = |text: &str, value_type, expected: Option<Value>| {
            assert_eq!(Value::decode(&json(text), value_type), Ok(expected), "{text}");
        };
        check("7", Type::Int, Some(Value::Int(7)));
        check("7", Type::Double, Some(Value::Double(7.0)));
        check("[7]", Type::Int, Some(Value::Int(7)));
        check("[null]", Type::Int, Some(Value::Int(0)));
        check("[]", Type::Int, None);
        check("null", Type::Keyword, None);
        check("\"a\"", Type::Text, Some(Value::String("a".to_owned())));
        check("[]", Type::KeywordList, Some(Value::KeywordList(vec![])));
        check("[[\"a\"]]", Type::KeywordList, Some(Value::KeywordList(vec!["a".to_owned()])));
    }

    #[test]
    fn other_values_are_refused() {
        for (text, value_type) in [
            ("7.0", Type::Int),
            ("\"7\"", Type::Int),
            ("[1,2]", Type::Int),
            ("1", Type::Bool),
            ("5", Type::Keyword),
            ("\"a\"", Type::KeywordList),
            ("\"2024-05-06\"", Type::Datetime),
            ("nonsense", Type::Text),
        ] {
            assert_eq!(Value::decode(&json(text), value_type), Err(NotOfType), "{text}");
        }
        assert_eq!(Value::decode(&Payload::default(), Type::Int), Err(NotOfType), "no encoding");
    }

    #[test]
    fn a_listed_value_is_encoded_anew() {
        let check = |text: &str, value_type, expected: &str| {
            let value = Value::decode(&json(text), value_type).unwrap().unwrap();
            let payload = value.encode(value_type);
            assert_eq!(String::from_utf8(payload.data).unwrap(), expected);
            assert_eq!(payload.metadata["type"], type_name(value_type).as_bytes());
        };
        check("9007199254740993", Type::Int, "9007199254740992");
        check("2.50", Type::Double, "2.5");
        check("\"2024-05-06T07:08:09.500+02:00\"", Type::Datetime, "\"2024-05-06T07:08:09.5+02:00\"");
        check("\"<a>\"", Type::Keyword, r#""\u003ca\u003e""#);
        check("[\"a\", \"b\"]", Type::KeywordList, "[\"a\",\"b\"]");
    }
}
