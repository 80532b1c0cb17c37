//! What all kinds of machines have in common.
//!
//! A machine stands for one thing that the workflow code asked for. It moves when the worker takes its command
//! ([`Machine::handle_queued`]), when an event of it is recorded ([`Machine::handle_event`]), and when the code
//! asks for its cancellation (a method of each kind). What follows from a move goes to the [`Outbox`].

use temporalio_common::protos::{
    coresdk::workflow_activation::workflow_activation_job::Variant,
    temporal::api::{
        command::v1::Command,
        common::v1::{Payload, Payloads},
        enums::v1::{CommandType, EventType},
        history::v1::HistoryEvent,
        protocol::v1::Message,
    },
};

use super::{
    Error, EventRef, Mismatch, Nondeterminism, activity::Activity, cancel_external::CancelExternal,
    child_workflow::ChildWorkflow, flags::Flags, local_activity::LocalActivityMachine, patch::Patch,
    signal_external::SignalExternal, timer::Timer, update::Update,
};

/// Names a machine: its place in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MachineId(pub(super) usize);

/// The workflow's name for something it can refer to later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Timer(u32),
    Activity(u32),
    LocalActivity(u32),
    ChildWorkflow(u32),
    SignalExternal(u32),
}

/// One machine.
#[derive(Debug)]
pub(super) enum Machine {
    Activity(Activity),
    CancelExternal(CancelExternal),
    ChildWorkflow(ChildWorkflow),
    LocalActivity(Box<LocalActivityMachine>),
    Patch(Patch),
    SignalExternal(SignalExternal),
    Timer(Timer),
    Update(Box<Update>),
    /// A command that is done once its event is recorded: upserted search attributes, modified properties and
    /// the commands that end a workflow.
    Recorded,
}

/// Where the machines leave what follows from their moves.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// For the workflow code.
    pub(super) jobs: Vec<Variant>,
    /// For the server, once they are queued.
    pub(super) commands: Vec<Command>,
    /// For the server.
    pub(super) messages: Vec<Message>,
}

/// An event together with what a machine may want to know about it.
pub(super) struct RecordedEvent<'a> {
    pub(super) event: &'a HistoryEvent,
    /// Whether it is applied in the last step of the history.
    pub(super) in_last_step: bool,
    pub(super) flags: &'a mut Flags,
}

impl Machine {
    /// Moves on an event of this machine.
    pub(super) fn handle_event(
        &mut self,
        recorded: RecordedEvent<'_>,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        match self {
            Self::Activity(activity) => activity.handle_event(recorded, out),
            Self::CancelExternal(cancel) => cancel.handle_event(recorded.event, out),
            Self::ChildWorkflow(child) => child.handle_event(recorded, out),
            Self::LocalActivity(local) => local.handle_event(recorded),
            Self::Patch(patch) => patch.handle_event(recorded.event),
            Self::SignalExternal(signal) => signal.handle_event(recorded.event, out),
            Self::Timer(timer) => timer.handle_event(recorded.event, out),
            Self::Update(update) => update.handle_event(recorded.event),
            Self::Recorded => Ok(()),
        }
    }

    /// A command of this machine is going to be sent, or compared with history.
    pub(super) fn handle_queued(&mut self, command: CommandType) {
        match self {
            Self::LocalActivity(local) => local.handle_queued(),
            Self::Timer(timer) => timer.handle_queued(command),
            _ => {}
        }
    }

    /// Whether it was cancelled before its command was sent, so that the command must not be.
    pub(super) fn is_cancelled_before_sent(&self) -> bool {
        match self {
            Self::Activity(activity) => activity.is_cancelled_before_sent(),
            Self::ChildWorkflow(child) => child.is_cancelled_before_sent(),
            Self::SignalExternal(signal) => signal.is_cancelled_before_sent(),
            Self::Timer(timer) => timer.is_cancelled_before_sent(),
            _ => false,
        }
    }
}

impl EventRef {
    pub(super) fn of(event: &HistoryEvent) -> Self {
        Self { id: event.event_id, event_type: event.event_type() }
    }
}

/// The error for an event that cannot come in its machine's state.
pub(super) fn unexpected(event: EventRef, operation: String, state: &'static str) -> Error {
    Nondeterminism { event: Some(event), kind: Mismatch::Unexpected { operation, state } }.into()
}

/// The error for a command that cannot come in its machine's state.
pub(super) fn unexpected_command(operation: String, state: &'static str) -> Error {
    Nondeterminism { event: None, kind: Mismatch::Unexpected { operation, state } }.into()
}

/// The error for an event whose attributes are missing or of another type.
pub(super) fn without_attributes(event: EventRef) -> Error {
    Error::malformed(event.id, format!("{} without its attributes", event.event_type.as_str_name()))
}

/// Compares a name or an id.
pub(super) fn compare(
    event: EventRef,
    what: &'static str,
    recorded: &str,
    produced: &str,
) -> Result<(), Error> {
    if recorded == produced {
        return Ok(());
    }
    let kind = Mismatch::OtherIdentity { what, recorded: recorded.to_owned(), produced: produced.to_owned() };
    Err(Nondeterminism { event: Some(event), kind }.into())
}

/// The result in a completion: none, or exactly one payload.
pub(super) fn single_payload(event: EventRef, payloads: Option<&Payloads>) -> Result<Option<Payload>, Error> {
    match payloads.map(|payloads| &payloads.payloads[..]) {
        None => Ok(None),
        Some([payload]) => Ok(Some(payload.clone())),
        Some(_) => Err(Error::malformed(event.id, "a result must be exactly one payload")),
    }
}

/// Whether an event of this type is how the server records a command of that type.
pub(super) fn records(event: EventType, command: CommandType) -> bool {
    use EventType as E;
    match command {
        CommandType::ScheduleActivityTask => event == E::ActivityTaskScheduled,
        CommandType::RequestCancelActivityTask => event == E::ActivityTaskCancelRequested,
        CommandType::StartTimer => event == E::TimerStarted,
        CommandType::CancelTimer => event == E::TimerCanceled,
        CommandType::CompleteWorkflowExecution => event == E::WorkflowExecutionCompleted,
        CommandType::FailWorkflowExecution => event == E::WorkflowExecutionFailed,
        CommandType::CancelWorkflowExecution => event == E::WorkflowExecutionCanceled,
        CommandType::ContinueAsNewWorkflowExecution => event == E::WorkflowExecutionContinuedAsNew,
        CommandType::StartChildWorkflowExecution => event == E::StartChildWorkflowExecutionInitiated,
        CommandType::SignalExternalWorkflowExecution => event == E::SignalExternalWorkflowExecutionInitiated,
        CommandType::RequestCancelExternalWorkflowExecution => {
            event == E::RequestCancelExternalWorkflowExecutionInitiated
        }
        CommandType::RecordMarker => event == E::MarkerRecorded,
        CommandType::UpsertWorkflowSearchAttributes => event == E::UpsertWorkflowSearchAttributes,
        CommandType::ModifyWorkflowProperties => event == E::WorkflowPropertiesModified,
        CommandType::ProtocolMessage => {
            matches!(event, E::WorkflowExecutionUpdateAccepted | E::WorkflowExecutionUpdateCompleted)
        }
        _ => false,
    }
}
