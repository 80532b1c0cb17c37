//! From what was observed in a replay to what it means.

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::EventType,
    history::v1::{HistoryEvent, history_event::Attributes as Recorded},
};

use super::{
    Difference, Divergence, Production,
    drive::{End, Replayed},
    fields::{Fields, Reading, is_identity, is_patch_marker},
    prediction::RunFacts,
    progress::Progress,
    same::is_same,
};
use crate::{
    history::History,
    worker::machines::{Error, Mismatch, Nondeterminism, Observation},
};

/// The places at which code and history differ, in the order of the events. Nothing follows a structural one:
/// from there on there is nothing to compare with.
pub(super) async fn divergences(
    history: &History,
    replayed: &Replayed,
    reading: &Reading,
    progress: &Progress,
) -> Vec<Divergence> {
    let comparison = Comparison { history, facts: RunFacts::of(history), reading };
    let mut found = Vec::new();
    for observation in &replayed.observations {
        progress.step();
        found.extend(comparison.of_observation(observation).await);
        if found.last().is_some_and(|last: &Divergence| last.difference.is_structural()) {
            return found;
        }
    }
    found.extend(comparison.of_end(&replayed.end));
    found
}

/// What a worker would make of it.
pub(super) fn production(history: &History, replayed: &Replayed) -> Production {
    let event_id = |started| command_events_of_task(history, started);
    match &replayed.end {
        End::Blocked { started_event_id, limit } => {
            Production::Blocked { event_id: event_id(*started_event_id), limit: *limit }
        }
        End::Broken { reason } => Production::Failed { reason: reason.clone() },
        _ if replayed.woken_from_outside => Production::ForeignFuture,
        End::Followed { .. } => Production::Compatible,
        End::Parted { error: Error::Nondeterminism(found), .. } => Production::Nondeterminism {
            event_id: found.event.map(|event| event.id),
            message: found.to_string(),
        },
        End::Parted {
            error: error @ (Error::MalformedHistory { .. } | Error::PartialHistory { .. }),
            ..
        } => Production::InvalidHistory { reason: error.to_string() },
        End::Parted { error, .. } => {
            Production::TaskFailure { event_id: None, message: error.to_string(), location: None }
        }
        End::TaskFailed { started_event_id, failure } => Production::TaskFailure {
            event_id: Some(event_id(*started_event_id)),
            message: failure.failure.message.clone(),
            location: failure.location.clone(),
        },
    }
}

struct Comparison<'a> {
    history: &'a History,
    facts: RunFacts<'a>,
    reading: &'a Reading,
}

impl Comparison<'_> {
    async fn of_observation(&self, observation: &Observation) -> Vec<Divergence> {
        match observation {
            Observation::Matched { event, command: Some(command), message, .. } => {
                let predict = || self.facts.predict(command, message.as_deref());
                // With a codec, nothing is the same before it is decoded.
                if self.reading.codec.is_none()
                    && predict().is_none_or(|it| is_same(event, it, self.reading.namespace.as_deref()))
                {
                    return Vec::new();
                }
                match predict() {
                    Some(produced) => self.compare(event, &produced).await,
                    None => Vec::new(),
                }
            }
            Observation::Unrecorded { completed_event_id, commands } => {
                self.extra(*completed_event_id, commands).into_iter().collect()
            }
            Observation::Matched { command: None, .. }
            | Observation::SkippedEvent { .. }
            | Observation::DroppedCommand { .. } => Vec::new(),
        }
    }

    /// One divergence for each respect in which they differ, or one if they are about different things.
    async fn compare(&self, event: &HistoryEvent, produced: &HistoryEvent) -> Vec<Divergence> {
        let recorded = Fields::recorded(event, self.reading).await;
        let fields = recorded.differences(&Fields::produced(produced, self.reading));
        let event_type = event.event_type();
        let at = |difference| Divergence::at(self.history, difference, event, Some(produced));
        if fields.iter().any(|it| is_identity(event_type, &it.field)) {
            return vec![Divergence { fields, ..at(Difference::OtherCommand) }];
        }
        let mut found: Vec<Divergence> = Vec::new();
        for field in fields {
            let top = field.field.split(['.', '[']).next().unwrap_or_default();
            let difference = Difference::of(event_type, top);
            match found.iter_mut().find(|it| it.difference == difference) {
                Some(same) => same.fields.push(field),
                None => found.push(Divergence { fields: vec![field], ..at(difference) }),
            }
        }
        found
    }

    /// The first command of a task that it did not record. Asking for a patch that history does not have leaves
    /// nothing behind.
    fn extra(&self, completed_event_id: i64, commands: &[Command]) -> Option<Divergence> {
        let command = commands.iter().find(|command| !asks_for_patch(command))?;
        Some(Divergence::extra(self.history, completed_event_id, self.describe(command)))
    }

    fn of_end(&self, end: &End) -> Option<Divergence> {
        match end {
            End::Followed { pending } => {
                let last = self.history.events().last()?;
                // Otherwise they belong to a task that is still open.
                let completed = last.event_type() == EventType::WorkflowTaskCompleted;
                completed.then(|| self.extra(last.event_id, pending)).flatten()
            }
            End::Parted { error: Error::Nondeterminism(found), unrecorded } => self.parted(found, unrecorded),
            End::Parted { .. } | End::Broken { .. } => None,
            End::TaskFailed { started_event_id, failure } => self
                .stopped(*started_event_id, format!("a failed workflow task: {}", failure.failure.message)),
            End::Blocked { started_event_id, .. } => {
                self.stopped(*started_event_id, "nothing: the code does not give the thread back".to_owned())
            }
        }
    }

    fn parted(&self, found: &Nondeterminism, unrecorded: &[Command]) -> Option<Divergence> {
        let event = match found.event {
            Some(event) => self.history.event(event.id)?,
            None => self.history.events().last()?,
        };
        let command = match &found.kind {
            Mismatch::OtherCommand { command } => Some(&**command),
            _ => unrecorded.iter().find(|command| !asks_for_patch(command)),
        };
        let produced = command.map(|command| self.describe(command));
        let difference = match produced {
            None => Difference::MissingCommand,
            Some(_) => Difference::OtherCommand,
        };
        Some(Divergence { produced, ..Divergence::at(self.history, difference, event, None) })
    }

    /// The code issued nothing at all in a task, because it never got to the end of it. Of a task that history
    /// did not complete either, nothing was recorded that could be missing.
    fn stopped(&self, started_event_id: i64, produced: String) -> Option<Divergence> {
        completion_of_task(self.history, started_event_id)?;
        let event = self.history.event(command_events_of_task(self.history, started_event_id))?;
        let at = Divergence::at(self.history, Difference::MissingCommand, event, None);
        Some(Divergence { produced: Some(produced), ..at })
    }

    fn describe(&self, command: &Command) -> String {
        match self.facts.predict(command, None) {
            Some(event) => self.history.describe(&event),
            None => command.command_type().as_str_name().to_owned(),
        }
    }
}

/// The first event of a task's commands; the task's last event if it has none.
fn command_events_of_task(history: &History, started_event_id: i64) -> i64 {
    let Some(completed) = completion_of_task(history, started_event_id) else { return started_event_id };
    let next = completed.saturating_add(1);
    if history.event(next).is_some_and(HistoryEvent::is_command_event) { next } else { completed }
}

/// The WorkflowTaskCompleted event of the task that began with a WorkflowTaskStarted event.
fn completion_of_task(history: &History, started_event_id: i64) -> Option<i64> {
    let completed = history.events().iter().find(|event| match &event.attributes {
        Some(Recorded::WorkflowTaskCompletedEventAttributes(it)) => it.started_event_id == started_event_id,
        _ => false,
    });
    completed.map(|event| event.event_id)
}

fn asks_for_patch(command: &Command) -> bool {
    matches!(
        &command.attributes,
        Some(Attributes::RecordMarkerCommandAttributes(marker)) if is_patch_marker(&marker.marker_name)
    )
}
