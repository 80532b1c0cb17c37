//! What can go wrong while a history and a workflow's commands are put together.

use std::fmt;

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::{EventType, WorkflowTaskFailedCause},
};

/// Why the machines cannot go on. After any error they must be dropped, and the run replayed from the start
/// of its history.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// The code did something else than its recorded history.
    #[error("[TMPRL1100] Nondeterminism error: {0}")]
    Nondeterminism(Box<Nondeterminism>),
    /// The history cannot be what a server recorded.
    #[error("malformed history{}: {reason}", at(*.event_id))]
    MalformedHistory {
        /// The event that makes no sense, where there is one.
        event_id: Option<i64>,
        /// What is wrong with it.
        reason: String,
    },
    /// The workflow's side broke the protocol, for instance cancelled a timer it never started.
    #[error("invalid workflow command: {0}")]
    InvalidCommand(String),
    /// The task begins in the middle: events are missing between what these machines have seen and the
    /// first event of the task. Fetch the whole history and hand it to a fresh instance.
    #[error(
        "the task's history begins with event {first}, but event {expected} comes next: fetch the whole history"
    )]
    PartialHistory {
        /// The event that would come next.
        expected: i64,
        /// The first event of the task; 0 if it has none.
        first: i64,
    },
    /// A query came for a state that these machines have already left behind.
    #[error("the query expired: the workflow has moved on since it was asked")]
    QueryExpired,
}

impl Error {
    /// The cause to fail the workflow task with.
    pub(crate) fn workflow_task_failed_cause(&self) -> WorkflowTaskFailedCause {
        match self {
            Self::Nondeterminism(_) => WorkflowTaskFailedCause::NonDeterministicError,
            _ => WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        }
    }

    pub(super) fn malformed(event_id: i64, reason: impl Into<String>) -> Self {
        Self::MalformedHistory { event_id: Some(event_id), reason: reason.into() }
    }
}

impl From<Nondeterminism> for Error {
    fn from(found: Nondeterminism) -> Self {
        Self::Nondeterminism(Box::new(found))
    }
}

/// Where a workflow left its recorded history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nondeterminism {
    /// The event that does not fit, where there is one.
    pub(crate) event: Option<EventRef>,
    /// How it does not fit.
    pub(crate) kind: Mismatch,
}

impl fmt::Display for Nondeterminism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = self.event {
            write!(f, "event {} ({}): ", event.id, event.event_type.as_str_name())?;
        }
        self.kind.fmt(f)
    }
}

/// An event by its id and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventRef {
    /// The event's id.
    pub(crate) id: i64,
    /// The event's type.
    pub(crate) event_type: EventType,
}

/// How code and history differ.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Mismatch {
    /// History has an event of a command, the code issued none.
    #[error("the workflow issued no command for it")]
    NoCommand,
    /// History has an event of another kind than the command that the code issued next.
    #[error("the workflow's next command is {}", describe(.command))]
    OtherCommand {
        /// What the code did.
        command: Box<Command>,
    },
    /// The kinds agree, but a name or id does not.
    #[error("the {what} is {recorded:?} in history and {produced:?} in the workflow's command")]
    OtherIdentity {
        /// Which name or id, for instance "activity type".
        what: &'static str,
        /// What history has.
        recorded: String,
        /// What the code did.
        produced: String,
    },
    /// The event belongs to something that the code never started.
    #[error("it belongs to event {initiating_event_id}, which matched no command of the workflow")]
    NothingStarted {
        /// The event that started it, according to history.
        initiating_event_id: i64,
    },
    /// The marker of a local activity that the code did not schedule.
    #[error("the workflow scheduled no local activity {seq}")]
    NoLocalActivity {
        /// The local activity's sequence number.
        seq: u32,
    },
    /// The marker of a patch that the code no longer asks for.
    #[error("the workflow does not ask for patch {patch_id:?}")]
    PatchNotAsked {
        /// The patch's id.
        patch_id: String,
    },
    /// The local result and the recorded one differ in kind.
    #[error("local activity {seq} {} here, but history says otherwise", if *.failed_here { "failed" } else { "completed" })]
    OtherOutcome {
        /// The local activity's sequence number.
        seq: u32,
        /// Whether it failed on this worker.
        failed_here: bool,
    },
    /// The event cannot come in the state that the code has brought its operation to.
    #[error("{operation} cannot take it while {state}")]
    Unexpected {
        /// What the event belongs to, for instance "timer 2".
        operation: String,
        /// Its state, in words.
        state: &'static str,
    },
}

/// A command by its type, and by the name under which its event would be found.
fn describe(command: &Command) -> String {
    let identity = command.attributes.as_ref().and_then(|attributes| match attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(schedule) => {
            let activity_type = schedule.activity_type.as_ref().map_or("", |own| &own.name);
            Some(format!("activity {:?} of type {activity_type:?}", schedule.activity_id))
        }
        Attributes::StartTimerCommandAttributes(start) => Some(format!("timer {:?}", start.timer_id)),
        Attributes::CancelTimerCommandAttributes(cancel) => Some(format!("timer {:?}", cancel.timer_id)),
        Attributes::RecordMarkerCommandAttributes(marker) => Some(format!("marker {:?}", marker.marker_name)),
        Attributes::StartChildWorkflowExecutionCommandAttributes(start) => {
            Some(format!("child workflow {:?}", start.workflow_id))
        }
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal) => {
            Some(format!("signal {:?}", signal.signal_name))
        }
        Attributes::ProtocolMessageCommandAttributes(message) => {
            Some(format!("message {:?}", message.message_id))
        }
        _ => None,
    });
    let name = command.command_type().as_str_name();
    identity.map_or_else(|| name.to_owned(), |identity| format!("{name} ({identity})"))
}

fn at(event_id: Option<i64>) -> String {
    event_id.map_or_else(String::new, |id| format!(" at event {id}"))
}
