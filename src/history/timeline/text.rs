//! The parts that lines are put together from.

use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

use crate::history::duration::human;

/// The parts of a line.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn new(first: impl Into<String>) -> Self {
        Self(first.into())
    }

    /// Adds a part, after a comma if there is something before it.
    pub(super) fn and(mut self, part: impl AsRef<str>) -> Self {
        let part = part.as_ref();
        if !part.is_empty() {
            if !self.0.is_empty() {
                self.0.push_str(", ");
            }
            self.0.push_str(part);
        }
        self
    }

    /// Adds the part that is made from a value, if there is one.
    pub(super) fn and_some<T>(self, value: Option<T>, part: impl FnOnce(T) -> String) -> Self {
        match value {
            Some(value) => self.and(part(value)),
            None => self,
        }
    }

    /// Adds a duration unless it is zero or absent: `run timeout 1h`.
    pub(super) fn and_duration(self, name: &str, duration: Option<&prost_types::Duration>) -> Self {
        let set = duration.filter(|duration| duration.seconds != 0 || duration.nanos != 0);
        self.and_some(set, |set| format!("{name} {}", human(set)))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// `ActivityTaskScheduled`
pub(super) fn event_type(event: &HistoryEvent) -> String {
    match EventType::try_from(event.event_type) {
        Ok(event_type) => pascal(event_type.as_str_name().trim_start_matches("EVENT_TYPE_")),
        Err(_) => format!("EventType{}", event.event_type),
    }
}

/// `#1 Bank::withdraw`
pub(super) fn activity(id: &str, name: &str) -> String {
    format!("#{id} {name}").trim_end().to_owned()
}

/// `Shipment shipment-1`
pub(super) fn child(workflow_id: &str, name: &str) -> String {
    format!("{name} {workflow_id}").trim().to_owned()
}

/// ` (text)`, nothing if there is no text.
pub(super) fn parenthesised(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

/// `MAXIMUM_ATTEMPTS_REACHED` as `maximum attempts reached`.
pub(super) fn words(screaming: &str) -> String {
    screaming.to_lowercase().replace('_', " ")
}

fn pascal(screaming: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .into_iter()
            .chain(letters.map(|letter| letter.to_ascii_lowercase()))
            .collect::<String>()
    };
    screaming.split('_').map(word).collect()
}
