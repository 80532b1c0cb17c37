//! Where something does not hold.

use std::{fmt, time::Duration};

use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use super::Finished;
use crate::{clock::Time, history::History, policy};

/// Something that should hold and does not: which invariant, in which workflow, at which event, at which virtual time.
///
/// It is an error, so that the check of an invariant can return one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    invariant: String,
    message: String,
    workflow_type: Option<String>,
    workflow_id: Option<String>,
    run_id: Option<String>,
    event_id: Option<i64>,
    time: Option<Time>,
    elapsed: Option<Duration>,
}

impl Violation {
    /// A violation; the message says what is the case and should not be.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            invariant: String::new(),
            message: message.into(),
            workflow_type: None,
            workflow_id: None,
            run_id: None,
            event_id: None,
            time: None,
            elapsed: None,
        }
    }

    /// The same in this run; without [`at`](Self::at), at its last event.
    #[must_use]
    pub fn of(mut self, history: &History) -> Self {
        self.workflow_type = Some(history.workflow_type().to_owned());
        self.workflow_id = Some(history.workflow_id().to_owned());
        self.run_id = Some(history.run_id().to_owned());
        match history.events().last() {
            Some(last) if self.event_id.is_none() => self.at(last),
            _ => self,
        }
    }

    /// The same at this event.
    #[must_use]
    pub fn at(mut self, event: &HistoryEvent) -> Self {
        self.event_id = Some(event.event_id);
        self.time = event.event_time.as_ref().map(Time::from_proto);
        self
    }

    /// The same at this time, which may not be that of its event.
    #[must_use]
    pub(crate) fn at_time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// The violation that an error is, or that it tells of.
    pub(super) fn from_error(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(|error| Self::new(format!("{error:#}")))
    }

    /// The same with the invariant that it violates, and the time since the start.
    pub(super) fn named(mut self, invariant: &str, finished: &Finished<'_>) -> Self {
        self.invariant = invariant.to_owned();
        self.elapsed = Some(self.time.unwrap_or(finished.end).since(finished.start));
        self
    }

    /// The invariant that is violated.
    pub fn invariant(&self) -> &str {
        &self.invariant
    }

    /// What is the case and should not be.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The workflow in which it is, if it is in one.
    pub fn workflow_id(&self) -> Option<&str> {
        self.workflow_id.as_deref()
    }

    /// The run in which it is, if it is in one.
    pub fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// The event at which it is, if it is at one.
    pub fn event_id(&self) -> Option<i64> {
        self.event_id
    }

    /// When it is, counted from the start of the simulation: the time of the event, or the end of the simulation.
    pub fn elapsed(&self) -> Duration {
        self.elapsed.unwrap_or_default()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.invariant.is_empty() {
            write!(f, "{}: ", self.invariant)?;
        }
        f.write_str(&self.message)?;
        let workflow = self.workflow_type.as_deref().zip(self.workflow_id.as_deref());
        let workflow = workflow.map(|(workflow_type, id)| format!("{workflow_type} {id:?}"));
        let event = self.event_id.map(|event_id| format!("event {event_id}"));
        let time = self.elapsed.map(|elapsed| format!("{} after the start", policy::text(elapsed)));
        let place: Vec<_> = [workflow, event, time].into_iter().flatten().collect();
        if place.is_empty() { Ok(()) } else { write!(f, " [{}]", place.join(", ")) }
    }
}

impl std::error::Error for Violation {}
