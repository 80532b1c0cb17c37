//! The colours of events.

use anstyle::{AnsiColor, Style};
use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

/// For what is not the point of a line.
pub(super) const DIM: Style = Style::new().dimmed();

/// What kind of news an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Routine,
    Neutral,
    Good,
    Warning,
    Bad,
}

impl Tone {
    pub(super) fn style(self) -> Style {
        match self {
            Self::Routine => DIM,
            Self::Neutral => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// The tone of an event, told by how its type's name ends.
pub(super) fn of(event: &HistoryEvent) -> Tone {
    let name = EventType::try_from(event.event_type).map_or("", |event_type| event_type.as_str_name());
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&["_FAILED", "_TIMED_OUT", "_TERMINATED", "_REJECTED"]) {
        Tone::Bad
    } else if ends(&["_CANCELED", "_CANCEL_REQUESTED", "_PAUSED"]) {
        Tone::Warning
    } else if super::is_routine(event) {
        Tone::Routine
    } else if ends(&["_COMPLETED", "_FIRED"]) {
        Tone::Good
    } else {
        Tone::Neutral
    }
}
