//! Compares a transcript with the recorded one and shows where they differ.

use serde_json::{Map, Value};
use similar::TextDiff;

use crate::run::Outcome;

/// A real server fires its timers up to a second late; a quarter is for what adds up.
const TOLERANCE: f64 = 0.6;
const TOLERANT_DURATIONS: [&str; 2] = ["firstWorkflowTaskBackoff", "currentRetryInterval"];
const LINES: usize = 60;

/// What differs, entry by entry, as a diff for people (`-` expected, `+` actual); `None` if nothing does.
pub(crate) fn difference(expected: &Value, outcome: &Outcome) -> Option<String> {
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
                let actual = reconcile(expected, actual, "");
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
fn reconcile(expected: &Value, actual: &Value, key: &str) -> Value {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let reconciled = actual.iter().map(|(key, actual)| {
                let actual =
                    expected.get(key).map_or_else(|| actual.clone(), |it| reconcile(it, actual, key));
                (key.clone(), actual)
            });
            Value::Object(reconciled.collect::<Map<_, _>>())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            let pairs =
                expected.iter().zip(actual).map(|(expected, actual)| reconcile(expected, actual, key));
            pairs.chain(actual.iter().skip(expected.len()).cloned()).collect()
        }
        (expected, actual) if is_close(expected, actual, key) => expected.clone(),
        (_, actual) => actual.clone(),
    }
}

fn is_close(expected: &Value, actual: &Value, key: &str) -> bool {
    match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) => expected.as_f64() == actual.as_f64(),
        (Value::String(expected), Value::String(actual)) => {
            let within = |tolerance: fn(f64) -> f64, expected: Option<f64>, actual: Option<f64>| {
                expected
                    .zip(actual)
                    .is_some_and(|(expected, actual)| (expected - actual).abs() <= tolerance(expected))
            };
            let offset = |text: &str| text.strip_prefix("t+")?.parse().ok();
            let duration = |text: &str| text.strip_suffix('s')?.parse().ok();
            within(|expected| TOLERANCE + expected / 4.0, offset(expected), offset(actual))
                || TOLERANT_DURATIONS.contains(&key)
                    && within(|_| TOLERANCE, duration(expected), duration(actual))
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
