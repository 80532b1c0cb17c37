//! Histories without what is confidential in them.
//!
//! A history of production shows what customers ordered, and where they live. [`Redaction`] replaces such values
//! and keeps all that makes the history a history, so that it can be committed and replayed.

mod ids;
mod json;
mod pseudonym;
mod walk;

use std::{collections::BTreeSet, sync::Arc};

use temporalio_common::protos::temporal::api::{failure::v1::Failure, history::v1::HistoryEvent};

use self::{
    pseudonym::Key,
    walk::{Pass, Walk},
};
pub(super) use self::{pseudonym::is_token, walk::REDACTED};
use super::History;

/// What to replace in histories, and what to keep.
///
/// Replaced are all payloads (inputs, results, signals, heartbeats, headers, memos, search attributes, summaries),
/// the messages and stack traces of failures, identities, reasons, and every text that no list of this crate
/// knows to be structure. Kept are the events and their order, times and durations; the names of workflow types,
/// activities, signals, updates, task queues, markers and failure types; run ids and request ids; patches; and
/// the ids of workflows, activities, timers and updates. Where an id holds a value that was replaced, as in
/// `shipment-{order id}`, that part is replaced too, so that code which builds ids from its input still builds
/// the recorded ones.
///
/// **The same value always gets the same replacement**, in one history and in all that are redacted with the same
/// key. Replacements are drawn with BLAKE3, keyed: without the key nobody can compute which value a replacement
/// stands for, nor try out guesses; with it, guesses can be tried out, so keep the key where you keep other
/// secrets, and do not commit it. What anyone can still see is that two values are equal, how long a list is, and
/// how many digits a number has.
///
/// **Redacted payloads can still be decoded.** They keep their encodings. JSON keeps its structure and its field
/// names; strings stay strings, and those in a common format stay in it: UUIDs, dates and times, durations,
/// decimal numbers, e-mail addresses, URLs, IP addresses, hexadecimal and base64. Numbers stay numbers of as many
/// digits, so that they fit their types; those of one digit, `true`, `false` and `null` stay what they are. Binary
/// protobuf becomes an empty message, other bytes as many other bytes. Names of enum variants cannot be told from
/// other strings: keep them with [`Redaction::keep_value`] or [`Redaction::keep_field`]. The keys of an object are
/// taken for field names if they look like names; see [`Redaction::keys_of`].
///
/// A codec cannot decode an encrypted payload once it is redacted: export such histories decoded, as the Temporal
/// CLI does with `--codec-endpoint`.
///
/// A replay of a redacted history does not compare the texts and the numbers in redacted payloads, nor redacted
/// failure messages; everything else it does.
///
/// Every payload that was redacted says so in its metadata (`redacted`), and is left alone when the history is
/// redacted once more with the same key.
///
/// ```
/// use temporal_sim::history::{History, Redaction};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let history = History::load("histories/production/transfer_ok.json")?;
/// let redaction = Redaction::with_key("from the vault").keep_field("cents");
/// let redacted = redaction.redact(&history);
///
/// assert_eq!(redacted.events().len(), history.events().len());
/// assert!(!redacted.to_string().contains("ACC-1"));
/// assert!(redacted.to_string().contains("12550"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redaction {
    key: Key,
    kept_values: BTreeSet<String>,
    kept_fields: Vec<Vec<String>>,
    keys_of: Vec<Vec<String>>,
    numbers: bool,
    search_attributes: bool,
    workflow_ids: bool,
}

impl Redaction {
    /// A redaction with this key: any bytes that nobody can guess, at least 16 of them from a good source. The
    /// same key gives the same replacements.
    pub fn with_key(key: impl AsRef<[u8]>) -> Self {
        Self {
            key: Key::new(key.as_ref()),
            kept_values: BTreeSet::new(),
            kept_fields: Vec::new(),
            keys_of: Vec::new(),
            numbers: true,
            search_attributes: true,
            workflow_ids: false,
        }
    }

    /// Keeps a string in payloads, such as the name of an enum variant or a currency.
    #[must_use]
    pub fn keep_value(mut self, value: impl Into<String>) -> Self {
        self.kept_values.insert(value.into());
        self
    }

    /// Keeps a field of JSON payloads with all that is in it: `currency` wherever there is a field of that
    /// name, `price.currency` only where it is in `price`. Lists on the way do not count.
    #[must_use]
    pub fn keep_field(mut self, field: &str) -> Self {
        self.kept_fields.push(path(field));
        self
    }

    /// Says that the keys in this field, which is an object, are data too: with `balances`,
    /// `{"balances": {"alice": 7}}` does not show Alice.
    ///
    /// Without it, keys are replaced unless they are made of letters, digits, `_`, `-` and `$`, and begin with a
    /// letter or `_`, as names of fields do.
    #[must_use]
    pub fn keys_of(mut self, field: &str) -> Self {
        self.keys_of.push(path(field));
        self
    }

    /// Keeps the numbers in JSON payloads.
    #[must_use]
    pub fn keep_numbers(mut self) -> Self {
        self.numbers = false;
        self
    }

    /// Keeps the values of search attributes. Those of Temporal itself, as `TemporalChangeVersion`, are always
    /// kept.
    #[must_use]
    pub fn keep_search_attributes(mut self) -> Self {
        self.search_attributes = false;
        self
    }

    /// Replaces workflow ids as a whole. A worker compares the ids of child workflows, so a workflow that has
    /// children with ids of its own making does not replay any more.
    #[must_use]
    pub fn workflow_ids(mut self) -> Self {
        self.workflow_ids = true;
        self
    }

    /// Redacts a history.
    pub fn redact(&self, history: &History) -> History {
        let mut redacted = history.clone();
        self.redact_in_place(std::slice::from_mut(&mut redacted));
        redacted
    }

    /// Redacts histories that belong together, such as those of a workflow and of its children: where the id of
    /// one holds a value of the other, it is replaced in both.
    pub fn redact_all(&self, histories: &[History]) -> Vec<History> {
        let mut redacted = histories.to_vec();
        self.redact_in_place(&mut redacted);
        redacted
    }

    fn redact_in_place(&self, histories: &mut [History]) {
        let mut walk = Walk::new(self);
        for pass in [Pass::Data, Pass::Ids] {
            for history in &mut *histories {
                for event in &mut history.events {
                    let event = Arc::make_mut(event);
                    if walk.walk(event, pass).is_err() {
                        // It cannot be written to a file either. What nobody has looked at must not be kept.
                        *event = emptied(event);
                    }
                }
                let failures = history.retried_attempts.iter_mut().flat_map(|attempt| &mut attempt.failure);
                for failure in failures {
                    if walk.walk(failure, pass).is_err() {
                        *failure = Failure::default();
                    }
                }
            }
        }
    }
}

/// An event of the same type at the same place that says nothing.
fn emptied(event: &HistoryEvent) -> HistoryEvent {
    HistoryEvent {
        event_id: event.event_id,
        event_time: event.event_time,
        event_type: event.event_type,
        ..Default::default()
    }
}

/// Without the key.
impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction")
            .field("kept_values", &self.kept_values)
            .field("kept_fields", &self.kept_fields)
            .field("keys_of", &self.keys_of)
            .field("numbers", &self.numbers)
            .field("search_attributes", &self.search_attributes)
            .field("workflow_ids", &self.workflow_ids)
            .finish_non_exhaustive()
    }
}

fn path(field: &str) -> Vec<String> {
    field.split('.').map(|name| name.trim_end_matches("[]").to_owned()).collect()
}

#[cfg(test)]
mod tests;
