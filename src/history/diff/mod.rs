//! What is different between two histories.
//!
//! Events are matched by what they are about, not by their numbers: an activity by its type, a child workflow by
//! its type and id, a signal by its name, and what becomes of an activity, a timer or a child with the event that
//! began it. So one activity more is one activity more, and not a difference in every event behind it.

mod align;
mod compare;
mod entity;
mod text;

use serde::Serialize;

pub use self::text::DiffText;

use self::compare::Comparison;
use super::{History, timeline::RandomIds};

/// Compares two histories, leaving out what differs between any two runs; [`DiffOptions`] can do more.
///
/// ```
/// use temporal_sim::history::{self, History};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let before = History::load("histories/production/checkout_before_patch.json")?;
/// let after = History::load("histories/production/checkout_patched.json")?;
/// let diff = history::diff(&before, &after);
/// assert!(!diff.is_same());
/// println!("{diff}");
/// # Ok(())
/// # }
/// ```
pub fn diff(left: &History, right: &History) -> Diff {
    DiffOptions::new().diff(left, right)
}

/// How histories are compared.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions {
    volatile: bool,
    payload_limit: Option<usize>,
}

impl DiffOptions {
    /// Leaves out what is volatile.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to compare what differs between any two runs of the same code: times, run ids, request ids,
    /// identities, build ids, sizes, sticky queues, the numbers of events and the numbers that an SDK gives to
    /// activities and timers. UUIDs in other values count as the same unless this is set. Default: no.
    #[must_use]
    pub fn volatile(mut self, volatile: bool) -> Self {
        self.volatile = volatile;
        self
    }

    /// How many characters of each payload and failure message the line of an event shows. Default 80. The
    /// fields that differ are always whole.
    #[must_use]
    pub fn payload_limit(mut self, characters: usize) -> Self {
        self.payload_limit = Some(characters);
        self
    }

    /// Compares two histories.
    pub fn diff(&self, left: &History, right: &History) -> Diff {
        let comparison = Comparison { volatile: self.volatile };
        let pairs = align::align(left, right, &comparison);
        let mut sides = [Side::new(left, self.payload_limit), Side::new(right, self.payload_limit)];
        let rows = align::rows(&pairs, left.events().len(), right.events().len());
        let rows = rows.into_iter().map(|row| self.row(row, &mut sides, &comparison)).collect();
        Diff { left: DiffSide::of(left), right: DiffSide::of(right), rows }
    }

    fn row(&self, row: align::Row, sides: &mut [Side<'_>; 2], comparison: &Comparison) -> DiffRow {
        let [left, right] = sides;
        let (kind, left_index, right_index) = match row {
            align::Row::Left(index) => (DiffKind::OnlyLeft, Some(index), None),
            align::Row::Right(index) => (DiffKind::OnlyRight, None, Some(index)),
            align::Row::Both { left, right, moved: false } => (DiffKind::Same, Some(left), Some(right)),
            align::Row::Both { left, right, moved: true } => (DiffKind::Moved, Some(left), Some(right)),
        };
        let fields = match (left_index, right_index) {
            (Some(one), Some(other)) => left
                .history
                .events()
                .get(one)
                .zip(right.history.events().get(other))
                .map(|(one, other)| comparison.changes(one, other))
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let kind = if kind == DiffKind::Same && !fields.is_empty() { DiffKind::Changed } else { kind };
        DiffRow {
            kind,
            left: left_index.and_then(|index| left.event(index)),
            right: right_index.and_then(|index| right.event(index)),
            fields,
        }
    }
}

/// What is different between two histories: one row for each event or pair of events, in order. Its `Display` is
/// for people, without colours; see also [`Diff::colored`] and [`Diff::context`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// What the first history is.
    pub left: DiffSide,
    /// What the second history is.
    pub right: DiffSide,
    /// The events, aligned. Those of either side are in their order, but for those that have moved, which stand
    /// where the second history has them.
    pub rows: Vec<DiffRow>,
}

/// One of the two histories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiffSide {
    /// The workflow type.
    pub workflow_type: String,
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
    /// How many events it has.
    pub events: usize,
}

/// An event that both histories have, or one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiffRow {
    /// What the comparison says.
    pub kind: DiffKind,
    /// The event in the first history.
    pub left: Option<DiffEvent>,
    /// The event in the second history.
    pub right: Option<DiffEvent>,
    /// The fields that differ, if both have the event.
    pub fields: Vec<FieldChange>,
}

/// What the comparison says about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffKind {
    /// Both histories have it, and nothing about it differs.
    Same,
    /// Both have it, and fields differ.
    Changed,
    /// Both have it, in another order among the events that both have. Fields may differ too.
    Moved,
    /// Only the first history has it.
    OnlyLeft,
    /// Only the second history has it.
    OnlyRight,
}

/// An event of one of the histories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiffEvent {
    /// Its id.
    pub event_id: i64,
    /// Its type: `ActivityTaskScheduled`.
    pub event_type: String,
    /// What matters about it, in words.
    pub text: String,
}

/// A field that differs. Payloads are decoded, so the fields of a JSON value have names too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// The field, as histories spell it: `startToFireTimeout`, `input[0].cents`.
    pub field: String,
    /// What the first history has, in JSON; `None` if it is not set there.
    pub left: Option<String>,
    /// What the second history has, in JSON; `None` if it is not set there.
    pub right: Option<String>,
}

impl Diff {
    /// Whether there is no difference.
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(|row| row.kind == DiffKind::Same)
    }

    /// How many rows are of a kind.
    pub fn count(&self, kind: DiffKind) -> usize {
        self.rows.iter().filter(|row| row.kind == kind).count()
    }
}

impl DiffSide {
    fn of(history: &History) -> Self {
        Self {
            workflow_type: history.workflow_type().to_owned(),
            workflow_id: history.workflow_id().to_owned(),
            run_id: history.run_id().to_owned(),
            events: history.events().len(),
        }
    }
}

/// One of the histories while its events are written down.
struct Side<'a> {
    history: &'a History,
    payload_limit: Option<usize>,
    ids: RandomIds,
}

impl<'a> Side<'a> {
    fn new(history: &'a History, payload_limit: Option<usize>) -> Self {
        Self { history, payload_limit, ids: RandomIds::default() }
    }

    fn event(&mut self, index: usize) -> Option<DiffEvent> {
        let event = self.history.events().get(index)?;
        let (event_type, text) = self.history.in_words(event, self.payload_limit);
        Some(DiffEvent { event_id: event.event_id, event_type, text: self.ids.number(&text) })
    }
}

#[cfg(test)]
mod tests;
