//! Makes the transcripts of two correct servers equal: ids by order of appearance, times by their distance
//! from the start.

use std::{collections::BTreeSet, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

/// What a server may freely choose: never compared.
const DROPPED: [&str; 10] = [
    "taskId",
    "historySizeBytes",
    "stateTransitionCount",
    "pollerScalingDecision",
    "workerInstanceKey",
    "workerControlTaskQueue",
    "backlogCountHint",
    "principal",
    "serverVersion",
    "executionDuration",
];
const TOKENS: [&str; 4] = ["taskToken", "nextPageToken", "conflictToken", "updateToken"];

/// Times further from the start than this are fixed dates.
const YEAR: f64 = 366.0 * 86_400.0;

static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"));
static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static SPACES: LazyLock<Regex> = LazyLock::new(|| pattern(" {2,}"));

/// Normalises a transcript. Keys in `ignored` are left out; `nonce` becomes `~`; times become `t+SECONDS`
/// after `started`, which is in seconds since the Unix epoch.
pub(crate) fn normalise(transcript: &Value, ignored: &BTreeSet<String>, nonce: &str, started: f64) -> Value {
    Normaliser { ignored, nonce, started, ids: Vec::new() }.value(transcript, "")
}

struct Normaliser<'a> {
    ignored: &'a BTreeSet<String>,
    nonce: &'a str,
    started: f64,
    /// In order of appearance.
    ids: Vec<String>,
}

impl Normaliser<'_> {
    fn value(&mut self, value: &Value, key: &str) -> Value {
        match value {
            Value::Object(fields) => Value::Object(self.fields(fields)),
            Value::Array(items) => items.iter().map(|item| self.value(item, key)).collect(),
            Value::String(text) => Value::String(self.text(text, key)),
            other => other.clone(),
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> Map<String, Value> {
        let mut sorted: Vec<_> = fields.iter().collect();
        sorted.sort_by_cached_key(|(key, value)| order(key, value));
        sorted
            .into_iter()
            .filter(|(key, _)| !DROPPED.contains(&key.as_str()) && !self.ignored.contains(*key))
            .map(|(key, value)| (self.number_ids(&key.replace(self.nonce, "~")), self.value(value, key)))
            .collect()
    }

    fn text(&mut self, text: &str, key: &str) -> String {
        if TOKENS.contains(&key) {
            return if text.is_empty() { String::new() } else { "<token>".to_owned() };
        }
        if let Some(offset) = self.offset(text) {
            return offset;
        }
        let mut text = text.replace(self.nonce, "~");
        if key == "data" {
            return self.data(&text).unwrap_or(text);
        }
        if key == "message" {
            // Protobuf text has one space or two, at random.
            text = SPACES.replace_all(&text, " ").into_owned();
        }
        self.number_ids(&text)
    }

    fn offset(&self, text: &str) -> Option<String> {
        if !TIMESTAMP.is_match(text) {
            return None;
        }
        let timestamp: jiff::Timestamp = text.parse().ok()?;
        let offset = timestamp.as_nanosecond() as f64 / 1e9 - self.started;
        Some(if offset.abs() < YEAR { format!("t+{offset:.2}") } else { text.to_owned() })
    }

    /// Payload data is readable if it holds an id or the nonce, which differ from run to run.
    fn data(&mut self, text: &str) -> Option<String> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        let decoded = String::from_utf8_lossy(&bytes);
        (decoded.contains(self.nonce) || UUID.is_match(&decoded))
            .then(|| format!("<data:{}>", self.number_ids(&decoded.replace(self.nonce, "~"))))
    }

    fn number_ids(&mut self, text: &str) -> String {
        let number = |found: &Captures<'_>| {
            let id = &found[0];
            let index = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
                self.ids.push(id.to_owned());
                self.ids.len() - 1
            });
            format!("<id:{}>", index + 1)
        };
        UUID.replace_all(text, number).into_owned()
    }
}

/// Keys in alphabetical order, but keys made of random ids in the order of their values.
fn order(key: &str, value: &Value) -> (String, String) {
    if UUID.is_match(key) {
        (UUID.replace_all(key, "").into_owned(), json!(value).to_string())
    } else {
        (key.to_owned(), String::new())
    }
}

fn pattern(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => unreachable!("a fixed pattern: {error}"),
    }
}
