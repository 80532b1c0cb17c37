//! Whether code does the same thing twice.
//!
//! A replay gives the code the same time, the same random numbers and the same results. Code that does something
//! else the second time has looked at something else: the machine's clock, ambient randomness, the order of a
//! `HashMap`.

use std::fmt;

use serde::Serialize;
use temporalio_common::protos::temporal::api::{command::v1::Command, protocol::v1::Message};

use super::{
    drive::{End, Replayed},
    prediction::RunFacts,
};
use crate::{
    history::History,
    worker::machines::{Error, Mismatch, Observation},
};

/// Two replays of the same code and the same history came to different commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Instability {
    /// The event before which, or the workflow task in which, they parted.
    pub event_id: i64,
    /// What the code did in the first replay.
    pub first: String,
    /// What it did in another one.
    pub other: String,
}

impl fmt::Display for Instability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_id, first, other } = self;
        write!(f, "event {event_id}: one replay does something else than the next")?;
        write!(f, "\n  one:     {first}\n  another: {other}")
    }
}

/// A command, where it was issued, and what it refers to.
#[derive(PartialEq)]
struct Issued<'a> {
    event_id: i64,
    command: &'a Command,
    message: Option<&'a Message>,
}

/// Compares two replays of one history.
pub(super) fn compare(history: &History, first: &Replayed, other: &Replayed) -> Option<Instability> {
    let facts = RunFacts::of(history);
    let (first, other) = (commands(history, first), commands(history, other));
    let length = first.len().max(other.len());
    let parted = (0..length).find(|index| first.get(*index) != other.get(*index))?;
    let describe = |issued: Option<&Issued<'_>>| match issued {
        None => "nothing".to_owned(),
        Some(issued) => match facts.predict(issued.command, issued.message) {
            Some(event) => history.describe(&event),
            None => issued.command.command_type().as_str_name().to_owned(),
        },
    };
    let (first, other) = (first.get(parted), other.get(parted));
    let event_id = first.into_iter().chain(other).map(|issued| issued.event_id).min().unwrap_or_default();
    Some(Instability { event_id, first: describe(first), other: describe(other) })
}

fn commands<'a>(history: &History, replayed: &'a Replayed) -> Vec<Issued<'a>> {
    let mut issued = Vec::new();
    let mut last = 0;
    let without_event = |event_id, command| Issued { event_id, command, message: None };
    for observation in &replayed.observations {
        match observation {
            Observation::Matched { event, command, message, .. } => {
                last = event.event_id;
                let message = message.as_deref();
                issued.extend(command.as_ref().map(|command| Issued { event_id: last, command, message }));
            }
            Observation::SkippedEvent { event, .. } => last = event.event_id,
            Observation::DroppedCommand { command, .. } => issued.push(without_event(last, command)),
            Observation::Unrecorded { completed_event_id, commands } => {
                issued.extend(commands.iter().map(|command| without_event(*completed_event_id, command)));
            }
        }
    }
    let after = history.events().len() as i64;
    match &replayed.end {
        End::Followed { pending } => issued.extend(pending.iter().map(|it| without_event(after, it))),
        End::Parted { error, unrecorded } => {
            if let Error::Nondeterminism(found) = error {
                let event_id = found.event.map_or(last, |event| event.id);
                if let Mismatch::OtherCommand { command } = &found.kind {
                    issued.push(without_event(event_id, command));
                }
                issued.extend(unrecorded.iter().map(|it| without_event(event_id, it)));
            }
        }
        End::TaskFailed { .. } | End::Blocked { .. } | End::Broken { .. } => {}
    }
    issued
}
