//! What happened at each recorded event while a workflow was replayed: the raw material of a comparison that
//! is stricter than the machines' own.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    command::v1::Command, history::v1::HistoryEvent, protocol::v1::Message,
};

/// One thing that happened while the events of a completed workflow task were matched with the commands that
/// the code issued in it. Observations come in the order of the events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Observation {
    /// An event and the command that matched it.
    Matched {
        /// The WorkflowTaskCompleted event that the event belongs to.
        completed_event_id: i64,
        /// What was recorded.
        event: Arc<HistoryEvent>,
        /// What the code did. `None` for the marker of a local activity, for which no command is built
        /// during replay.
        command: Option<Command>,
        /// What the command only refers to: the acceptance of an update, or its outcome.
        message: Option<Box<Message>>,
    },
    /// The marker of a deprecated patch that the code no longer asks for, which is allowed, or the search
    /// attributes that were upserted with it.
    SkippedEvent {
        /// The WorkflowTaskCompleted event that the event belongs to.
        completed_event_id: i64,
        /// What was recorded.
        event: Arc<HistoryEvent>,
    },
    /// A command that no event may follow: the marker of a patch that history did not record, so that the
    /// code took its old path.
    DroppedCommand {
        /// The WorkflowTaskCompleted event at which it was dropped.
        completed_event_id: i64,
        /// What the code did.
        command: Command,
    },
    /// Commands that were still without an event when the events of their task ended. The machines keep
    /// them in case an event of their kind comes later, as the official worker does.
    Unrecorded {
        /// The WorkflowTaskCompleted event whose events ended.
        completed_event_id: i64,
        /// What the code did, in order.
        commands: Vec<Command>,
    },
}
