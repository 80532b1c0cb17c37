//! Any message of a type, from a string of bytes that makes all choices.
//!
//! The same bytes make the same message, and where the bytes end, so do the choices: the rest of the message is
//! empty. That lets a fuzzer and proptest make messages smaller by making the bytes fewer.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// How deep messages are put into one another.
const DEPTH: usize = 6;
/// How many values a list or a map has at most.
const LONGEST: usize = 3;

/// Choices, one after the other.
pub(super) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether no choice is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `bound`, or 0 if no choice is left. `bound` is at most 256.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(20).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    fn number(&mut self) -> i64 {
        const ODD: [i64; 16] = [
            0,
            1,
            2,
            3,
            5,
            10,
            -1,
            100,
            1_000,
            i32::MAX as i64,
            i32::MIN as i64,
            i64::MAX,
            i64::MIN,
            999_999_999,
            1_000_000_000,
            253_402_300_800,
        ];
        ODD[self.below(ODD.len())]
    }
}

/// Words that mean something to a cluster, besides those that always do.
#[derive(Debug, Default)]
pub(super) struct Words {
    strings: Vec<String>,
    tokens: Vec<Vec<u8>>,
}

/// Where more than so many were given out, the latest are enough.
const REMEMBERED: usize = 20;

impl Words {
    pub(super) fn add_string(&mut self, string: String) {
        if self.strings.len() < REMEMBERED {
            self.strings.push(string);
        }
    }

    pub(super) fn add_token(&mut self, token: Vec<u8>) {
        if !token.is_empty() {
            self.tokens.push(token);
            if self.tokens.len() > REMEMBERED {
                self.tokens.remove(0);
            }
        }
    }

    pub(super) fn tokens(&self) -> &[Vec<u8>] {
        &self.tokens
    }
}

/// A message of this type.
pub(super) fn message(kind: &MessageDescriptor, choices: &mut Choices<'_>, words: &Words) -> DynamicMessage {
    of_depth(kind, choices, words, DEPTH)
}

fn of_depth(
    kind: &MessageDescriptor,
    choices: &mut Choices<'_>,
    words: &Words,
    depth: usize,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    // What decides whether a request is looked at any further is mostly right.
    let usual = choices.below(8) != 0;
    for field in kind.fields() {
        if choices.is_empty() {
            break;
        }
        match field.name() {
            "namespace" if usual => message.set_field(&field, Value::String("default".to_owned())),
            "workflow_id" if usual => message.set_field(&field, Value::String("wf".to_owned())),
            "task_token" if usual && field.kind() == Kind::Bytes => {
                let token = words.tokens.get(choices.below(words.tokens.len())).cloned();
                message.set_field(&field, Value::Bytes(token.unwrap_or_default().into()));
            }
            "version" | "event_id" => {}
            _ if depth == 0 && matches!(field.kind(), Kind::Message(_)) => {}
            _ if choices.below(3) == 0 => {}
            _ => {
                if let Some(value) = value(&field, choices, words, depth) {
                    message.set_field(&field, value);
                }
            }
        }
    }
    if kind.full_name() == "temporal.api.history.v1.History" {
        number_events(&mut message);
    }
    message
}

/// A history whose events are not even numbered is refused at once, which would teach nobody anything.
fn number_events(history: &mut DynamicMessage) {
    let Some(Value::List(events)) = history.get_field_by_name_mut("events") else { return };
    for (event, id) in events.iter_mut().zip(1..) {
        if let Value::Message(event) = event {
            event.set_field_by_name("event_id", Value::I64(id));
        }
    }
}

fn value(field: &FieldDescriptor, choices: &mut Choices<'_>, words: &Words, depth: usize) -> Option<Value> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return None };
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let mut entries = Vec::new();
        for _ in 0..choices.below(LONGEST) {
            let key = match scalar(&key, choices, words, depth) {
                Value::String(key) => MapKey::String(key),
                Value::I32(key) => MapKey::I32(key),
                Value::I64(key) => MapKey::I64(key),
                _ => return None,
            };
            entries.push((key, scalar(&value, choices, words, depth)));
        }
        return Some(Value::Map(entries.into_iter().collect()));
    }
    if field.is_list() {
        let longest = if field.name() == "events" { 12 } else { LONGEST };
        let length = choices.below(longest + 1);
        return Some(Value::List((0..length).map(|_| scalar(field, choices, words, depth)).collect()));
    }
    Some(scalar(field, choices, words, depth))
}

fn scalar(field: &FieldDescriptor, choices: &mut Choices<'_>, words: &Words, depth: usize) -> Value {
    match field.kind() {
        Kind::Bool => Value::Bool(choices.below(2) == 1),
        Kind::Double => Value::F64(double(choices)),
        Kind::Float => Value::F32(double(choices) as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(choices.number() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(choices.number()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(choices.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(choices.number() as u64),
        Kind::String => Value::String(string(choices, words)),
        Kind::Bytes => Value::Bytes(bytes(choices, words).into()),
        Kind::Enum(kind) => {
            let known: Vec<i32> = kind.values().map(|value| value.number()).collect();
            let chosen = choices.below(known.len() + 1);
            Value::EnumNumber(known.get(chosen).copied().unwrap_or(-7))
        }
        Kind::Message(kind) => Value::Message(of_depth(&kind, choices, words, depth.saturating_sub(1))),
    }
}

fn double(choices: &mut Choices<'_>) -> f64 {
    const ODD: [f64; 8] = [0.0, 1.0, -1.0, 0.5, 1e300, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE];
    ODD[choices.below(ODD.len())]
}

fn bytes(choices: &mut Choices<'_>, words: &Words) -> Vec<u8> {
    match choices.below(3) {
        0 => words.tokens.get(choices.below(words.tokens.len())).cloned().unwrap_or_default(),
        1 => b"{\"json\": true}".to_vec(),
        _ => choices.bytes(),
    }
}

fn string(choices: &mut Choices<'_>, words: &Words) -> String {
    const ODD: [&str; 26] = [
        "",
        "wf",
        "tq",
        "default",
        "1",
        "child",
        "*",
        "A",
        "0 12 * * MON-FRI",
        "@every 1s",
        "CRON_TZ=Europe/Berlin 30 2 * * *",
        "@every -1h",
        "99 99 99 99 99",
        "Europe/Berlin",
        "No/Where",
        "ExecutionStatus = 'Running' AND StartTime > '2020-01-01T00:00:00Z'",
        "WorkflowId STARTS_WITH 'w' ORDER BY StartTime DESC",
        "((((((((",
        "start_to_close_timeout",
        "retry_policy.maximum_attempts",
        "sticky",
        "json/plain",
        "CustomKeywordField",
        "\u{0}\u{1F980}\u{202E}",
        "00000000-0000-0000-0000-000000000000",
        "type.googleapis.com/temporal.api.update.v1.Acceptance",
    ];
    match choices.below(8) {
        0 if !words.strings.is_empty() => words.strings[choices.below(words.strings.len())].clone(),
        1 => "x".repeat(1_001),
        2 => String::from_utf8_lossy(&choices.bytes()).into_owned(),
        _ => ODD[choices.below(ODD.len())].to_owned(),
    }
}
