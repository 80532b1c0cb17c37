//! Compares a transcript with the recorded one and shows where they differ.

use serde_json::{Map, Value};
use similar::TextDiff;

use crate::run::Outcome;

/// How far apart times may be, in seconds; a quarter of the time itself is added, for what adds up. A real server fires its
/// timers up to a second late.
pub(crate) const TOLERANCE: f64 = 0.6;
const TOLERANT_DURATIONS: [&str; 2] = ["firstWorkflowTaskBackoff", "currentRetryInterval"];
const LINES: usize = 60;

/// What differs, entry by entry, as a diff for people (`-` expected, `+` actual); `None` if nothing does. Times are compared
/// within a tolerance, in seconds.
pub(crate) fn difference(expected: &Value, outcome: &Outcome, tolerance: f64) -> Option<String> {
    let none = Vec::new();
    let expected = expected.as_array().unwrap_or(&none);
    let actual = outcome.transcript.as_array().unwrap_or(&none);
    // What would have come after the break is no difference of its own.
    let expected =
        if outcome.broken.is_some() { &expected[..expected.len().min(actual.len())] } else { expected };
    let mut text = String::new();
    for index in 0..expected.len().max(actual.len()) {
        match (expected.get(index), actual.get(index)) {
            (Some(expected), Some(actual)) => {
                let actual = reconcile(expected, actual, "", tolerance);
                if *expected != actual {
                    text += &format!("{}{}", label(expected), entry(expected, &actual));
                }
            }
            (Some(expected), None) => text += &format!("{}: nothing of the kind happened\n", label(expected)),
            (None, Some(actual)) => text += &format!("{}: not expected\n", label(actual)),
            (None, None) => {}
        }
    }
    let differs = (!text.is_empty()).then(|| shortened(&text));
    match (differs, &outcome.broken) {
        (Some(text), Some(broken)) => Some(format!("{text}\n{broken}")),
        (text, broken) => text.or(broken.clone()),
    }
}

/// How an entry differs; briefly if one is an answer and the other an error.
fn entry(expected: &Value, actual: &Value) -> String {
    match (expected.get("error"), actual.get("error")) {
        (None, Some(actual)) => format!(": expected an answer, got {}\n", error(actual)),
        (Some(expected), None) => format!(": expected {}, got an answer\n", error(expected)),
        _ => format!("\n{}", unified(&pretty(expected), &pretty(actual))),
    }
}

/// `NOT_FOUND: workflow not found`
fn error(error: &Value) -> String {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{}: {}", text("code"), text("message"))
}

/// `actual` with everything that is close enough to `expected` replaced by it.
fn reconcile(expected: &Value, actual: &Value, key: &str, tolerance: f64) -> Value {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let reconciled = actual.iter().map(|(key, actual)| {
                let actual = expected
                    .get(key)
                    .map_or_else(|| actual.clone(), |it| reconcile(it, actual, key, tolerance));
                (key.clone(), actual)
            });
            Value::Object(reconciled.collect::<Map<_, _>>())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            let pairs = expected
                .iter()
                .zip(actual)
                .map(|(expected, actual)| reconcile(expected, actual, key, tolerance));
            pairs.chain(actual.iter().skip(expected.len()).cloned()).collect()
        }
        (expected, actual) if is_close(expected, actual, key, tolerance) => expected.clone(),
        (_, actual) => actual.clone(),
    }
}

fn is_close(expected: &Value, actual: &Value, key: &str, tolerance: f64) -> bool {
    match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) => expected.as_f64() == actual.as_f64(),
        (Value::String(expected), Value::String(actual)) => {
            let apart = |expected: f64, actual: f64| (expected - actual).abs();
            let offsets = offset(expected).zip(offset(actual));
            let durations = duration(expected).zip(duration(actual));
            offsets.is_some_and(|(expected, actual)| apart(expected, actual) <= tolerance + expected / 4.0)
                || TOLERANT_DURATIONS.contains(&key)
                    && durations.is_some_and(|(expected, actual)| apart(expected, actual) <= tolerance)
        }
        _ => false,
    }
}

/// `step 3 PollWorkflowTaskQueue (t1)` or `histories of wf~`
fn label(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    match (entry.get("step"), text("rpc"), text("as")) {
        (Some(step), Some(rpc), Some(name)) => format!("step {step} {rpc} ({name})"),
        (Some(step), Some(rpc), None) => format!("step {step} {rpc}"),
        _ => format!("histories of {}", text("histories").unwrap_or_default()),
    }
}

/// `t+1.50`
fn offset(text: &str) -> Option<f64> {
    text.strip_prefix("t+")?.parse().ok()
}

/// `1.5s`
fn duration(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn unified(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    diff.unified_diff().context_radius(3).iter_hunks().map(|hunk| hunk.to_string()).collect()
}

fn shortened(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let mut shown = lines.get(..LINES).unwrap_or(&lines).join("\n");
    if lines.len() > LINES {
        shown += &format!("\n… and {} more lines", lines.len() - LINES);
    }
    shown
}
