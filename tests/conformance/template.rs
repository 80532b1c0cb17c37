//! Placeholders in requests: saved answers, payloads, repetitions, and names that no other case uses.

use std::{collections::BTreeMap, io};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize as _;
use serde_json::{Map, Value, json};

/// Answers by the name under which they were saved.
pub(crate) type Saved = BTreeMap<String, Value>;

/// Fills in the placeholders of a request:
///
/// * `${task.history.events[-1].eventId}` is a part of a saved answer ([`look_up`]);
/// * `~` becomes `nonce`, so that names are unique;
/// * `{"$payload": 1}` and `{"$payloads": [1, "x"]}` are JSON payloads;
/// * `{"$repeat": [3, "x"]}` is a long string, `{"$repeat": [3, {…}]}` a list whose items have their index in
///   place of `#`.
///
/// # Errors
///
/// If a path leads nowhere or a placeholder is malformed.
pub(crate) fn fill_in(template: &Value, saved: &Saved, nonce: &str) -> Result<Value, String> {
    match template {
        Value::Object(fields) => match only_entry(fields) {
            Some(("$payload", value)) => Ok(payload(&fill_in(value, saved, nonce)?)),
            Some(("$payloads", Value::Array(values))) => {
                let payloads = values.iter().map(|value| Ok(payload(&fill_in(value, saved, nonce)?)));
                Ok(json!({"payloads": payloads.collect::<Result<Vec<_>, String>>()?}))
            }
            Some(("$repeat", what)) => repeat(what, saved, nonce),
            _ => fields
                .iter()
                .map(|(key, value)| Ok((text(key, saved, nonce)?, fill_in(value, saved, nonce)?)))
                .collect::<Result<Map<_, _>, String>>()
                .map(Value::Object),
        },
        Value::Array(items) => {
            items.iter().map(|item| fill_in(item, saved, nonce)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::String(template) => {
            match template.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(path) if !path.contains('}') => look_up_saved(saved, path),
                _ => text(template, saved, nonce).map(Value::String),
            }
        }
        other => Ok(other.clone()),
    }
}

/// Follows a path such as `history.events[-1].eventId` into a value; `@key` is the first key of an object.
pub(crate) fn look_up(value: &Value, path: &str) -> Option<Value> {
    let mut value = value.clone();
    for part in path.split(['.', '[']) {
        value = match part.strip_suffix(']') {
            Some(index) => {
                let items = value.as_array()?;
                let index: i64 = index.parse().ok()?;
                let index = if index < 0 { index + items.len() as i64 } else { index };
                items.get(usize::try_from(index).ok()?)?.clone()
            }
            None if part == "@key" => Value::String(value.as_object()?.keys().min()?.clone()),
            None => value.get(part)?.clone(),
        };
    }
    Some(value)
}

fn look_up_saved(saved: &Saved, path: &str) -> Result<Value, String> {
    let name = path.split(['.', '[']).next().unwrap_or(path);
    let answer = saved.get(name).ok_or_else(|| format!("`${{{path}}}`: no answer was saved as `{name}`"))?;
    let rest = path[name.len()..].trim_start_matches('.');
    match rest {
        "" => Some(answer.clone()),
        rest => look_up(answer, rest.trim_start_matches('[')),
    }
    .ok_or_else(|| format!("`${{{path}}}` leads nowhere in the answer saved as `{name}`: {answer}"))
}

/// A string in which every `${path}` is replaced by its text and every `~` by the nonce.
fn text(template: &str, saved: &Saved, nonce: &str) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let (path, after) =
            after.split_once('}').ok_or_else(|| format!("`{template}`: a `${{` without `}}`"))?;
        filled.push_str(before);
        match look_up_saved(saved, path)? {
            Value::String(value) => filled.push_str(&value),
            value => filled.push_str(&value.to_string()),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled.replace('~', nonce))
}

fn repeat(what: &Value, saved: &Saved, nonce: &str) -> Result<Value, String> {
    let malformed = || format!("`$repeat` takes a number and a string or an object, not {what}");
    let times = what.get(0).and_then(Value::as_u64).and_then(|times| usize::try_from(times).ok());
    match (times.ok_or_else(malformed)?, what.get(1).ok_or_else(malformed)?) {
        (times, Value::String(text)) => Ok(Value::String(text.repeat(times))),
        (times, item) => (0..times)
            .map(|index| {
                let numbered = item.to_string().replace('#', &index.to_string());
                let numbered = serde_json::from_str(&numbered).map_err(|error| error.to_string())?;
                fill_in(&numbered, saved, nonce)
            })
            .collect::<Result<_, _>>()
            .map(Value::Array),
    }
}

fn payload(value: &Value) -> Value {
    let encoding = BASE64_STANDARD.encode("json/plain");
    json!({"metadata": {"encoding": encoding}, "data": BASE64_STANDARD.encode(spaced_json(value))})
}

/// JSON with a space after every comma and colon, and nothing but ASCII: the bytes of the recorded payloads.
fn spaced_json(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    match value.serialize(&mut serializer) {
        Ok(()) => bytes,
        Err(error) => unreachable!("a JSON value can always be written to memory: {error}"),
    }
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        for letter in text.chars() {
            if letter.is_ascii() {
                write!(writer, "{letter}")?;
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

fn only_entry(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = fields.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Some((key, value)),
        _ => None,
    }
}
