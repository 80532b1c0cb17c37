//! The workflow's commands: queued to be sent, or to be matched with the events that recorded them.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::{CommandType, EventType},
    history::v1::HistoryEvent,
    protocol::v1::Message,
};

use super::{
    Error, EventRef, Machines, Mismatch, Nondeterminism, Observation,
    local_activity::LocalActivityMarker,
    machine::{Machine, MachineId, Operation, RecordedEvent, records},
    patch::PatchRule,
};

/// A command and the machine it belongs to.
///
/// A command is a kilobyte, and a run that is in the cache keeps its queues, so the command is not in there itself.
#[derive(Debug)]
pub(super) struct Queued {
    command_type: CommandType,
    /// `None` once it was sent, unless what happens to it is observed: to match its event with it takes no more than its
    /// type.
    command: Option<Box<Command>>,
    pub(super) machine: MachineId,
}

impl Queued {
    fn new(command: Command, machine: MachineId) -> Self {
        Self { command_type: command.command_type(), command: Some(Box::new(command)), machine }
    }

    /// The command, or as much as is left of it.
    fn into_command(self) -> Command {
        let sent = || Command { command_type: self.command_type.into(), ..Default::default() };
        self.command.map_or_else(sent, |command| *command)
    }

    /// What [`Self::into_command`] would give.
    pub(super) fn to_command(&self) -> Command {
        let sent = || Command { command_type: self.command_type.into(), ..Default::default() };
        self.command.as_deref().map_or_else(sent, Clone::clone)
    }
}

impl Machines {
    /// Adds a machine.
    pub(super) fn add(&mut self, machine: Machine) -> MachineId {
        // A machine is large, and most runs have few: no room for more than half as many again.
        let count = self.machines.len();
        if count == self.machines.capacity() {
            self.machines.reserve_exact((count / 2).max(1));
        }
        self.machines.push(machine);
        MachineId(self.machines.len() - 1)
    }

    /// Adds a machine and the command that it begins with.
    pub(super) fn issue(&mut self, machine: Machine, command: Command) -> MachineId {
        let machine = self.add(machine);
        self.issued.push(Queued::new(command, machine));
        machine
    }

    /// The machine of something that the workflow started.
    pub(super) fn operation(&self, operation: Operation) -> Result<MachineId, Error> {
        self.operations
            .get(&operation)
            .copied()
            .ok_or_else(|| Error::InvalidCommand(format!("the workflow never started {operation:?}")))
    }

    /// Applies an event to a machine.
    pub(super) fn feed(
        &mut self,
        id: MachineId,
        event: &HistoryEvent,
        in_last_step: bool,
    ) -> Result<(), Error> {
        let recorded = RecordedEvent { event, in_last_step, flags: &mut self.flags };
        let result = match self.machines.get_mut(id.0) {
            Some(machine) => machine.handle_event(recorded, &mut self.out),
            None => Ok(()),
        };
        self.collect(id);
        result
    }

    /// Takes over what a machine left in the outbox. While history is followed its messages are known to the
    /// server.
    pub(super) fn collect(&mut self, machine: MachineId) {
        self.issued.extend(self.out.commands.drain(..).map(|command| Queued::new(command, machine)));
        if self.replaying {
            if self.options.observe {
                let messages = self.out.messages.drain(..).map(|message| (message.id.clone(), message));
                self.observed_messages.extend(messages);
            }
            self.out.messages.clear();
        } else {
            self.messages.append(&mut self.out.messages);
        }
    }

    /// Queues the commands of an activation. What was cancelled meanwhile is not sent.
    pub(super) fn queue_commands(&mut self) {
        let machines = &mut self.machines;
        let cancelled = |machines: &[Machine], queued: &Queued| {
            machines.get(queued.machine.0).is_some_and(Machine::is_cancelled_before_sent)
        };
        self.queue.retain(|queued| !cancelled(machines, queued));
        for queued in self.issued.drain(..) {
            if !cancelled(machines, &queued) {
                if let Some(machine) = machines.get_mut(queued.machine.0) {
                    machine.handle_queued(queued.command_type);
                }
                self.queue.push_back(queued);
            }
        }
    }

    /// The queued commands, to be sent.
    pub(super) fn commands_to_send(&mut self) -> Vec<Command> {
        if self.options.observe {
            return self.queue.iter().map(Queued::to_command).collect();
        }
        // A command is a kilobyte: no room for more than there are.
        let mut commands = Vec::with_capacity(self.queue.len());
        commands.extend(self.queue.iter_mut().filter_map(|queued| Some(*queued.command.take()?)));
        commands
    }

    /// Matches an event with the workflow's next command. Returns whether the next event is to be skipped.
    pub(super) fn match_command(
        &mut self,
        event: &Arc<HistoryEvent>,
        in_last_step: bool,
        more: bool,
    ) -> Result<bool, Error> {
        let at = EventRef::of(event);
        if let Some(local) = self.local_without_command(event)? {
            self.note_matched(event, None);
            self.feed(local, event, in_last_step)?;
            return Ok(false);
        }
        loop {
            let front = self.queue.front().and_then(|queued| self.machines.get(queued.machine.0));
            let next = if more { self.history.front() } else { None };
            match PatchRule::of(event, front, next)? {
                PatchRule::Match => {}
                PatchRule::DropCommand => {
                    if let Some(dropped) = self.queue.pop_front() {
                        self.note_dropped(dropped.into_command());
                    }
                    continue;
                }
                PatchRule::SkipEvent { and_the_next } => {
                    self.note_skipped(event);
                    return Ok(and_the_next);
                }
            }
            let Some(queued) = self.queue.pop_front() else {
                return Err(Nondeterminism { event: Some(at), kind: Mismatch::NoCommand }.into());
            };
            let machine = queued.machine;
            if self.machines.get(machine.0).is_some_and(Machine::is_cancelled_before_sent) {
                continue;
            }
            if !records(at.event_type, queued.command_type) {
                let kind = Mismatch::OtherCommand { command: Box::new(queued.into_command()) };
                return Err(Nondeterminism { event: Some(at), kind }.into());
            }
            self.note_matched(event, Some(queued));
            self.feed(machine, event, in_last_step)?;
            if starts_something(at.event_type) {
                self.by_event.insert(at.id, machine);
            }
            return Ok(false);
        }
    }

    /// The machine of a local activity's marker that has no command to match.
    fn local_without_command(&self, event: &HistoryEvent) -> Result<Option<MachineId>, Error> {
        if !LocalActivityMarker::is(event) {
            return Ok(None);
        }
        let seq = LocalActivityMarker::seq(event)
            .ok_or_else(|| Error::malformed(event.event_id, "a local activity's marker cannot be read"))?;
        let id = self.operations.get(&Operation::LocalActivity(seq)).copied();
        match id.and_then(|id| Some((id, self.machines.get(id.0)?))) {
            Some((id, Machine::LocalActivity(local))) => Ok(local.marker_stands_alone(event)?.then_some(id)),
            _ => {
                let kind = Mismatch::NoLocalActivity { seq };
                Err(Nondeterminism { event: Some(EventRef::of(event)), kind }.into())
            }
        }
    }

    fn note_matched(&mut self, event: &Arc<HistoryEvent>, queued: Option<Queued>) {
        if self.options.observe {
            let command = queued.map(Queued::into_command);
            let completed_event_id = self.commands_of.unwrap_or_default();
            let event = event.clone();
            let message = command.as_ref().and_then(|command| self.message_of(command)).map(Box::new);
            self.observations.push(Observation::Matched { completed_event_id, event, command, message });
        }
    }

    /// The message that a command puts in its place among the other commands.
    fn message_of(&mut self, command: &Command) -> Option<Message> {
        match &command.attributes {
            Some(Attributes::ProtocolMessageCommandAttributes(place)) => {
                self.observed_messages.remove(&place.message_id)
            }
            _ => None,
        }
    }

    pub(super) fn note_skipped(&mut self, event: &Arc<HistoryEvent>) {
        if self.options.observe {
            let (completed_event_id, event) = (self.commands_of.unwrap_or_default(), event.clone());
            self.observations.push(Observation::SkippedEvent { completed_event_id, event });
        }
    }

    fn note_dropped(&mut self, command: Command) {
        if self.options.observe {
            let completed_event_id = self.commands_of.unwrap_or_default();
            self.observations.push(Observation::DroppedCommand { completed_event_id, command });
        }
    }

    /// The events of a completed task have ended.
    pub(super) fn note_unrecorded(&mut self) {
        let Some(completed_event_id) = self.commands_of.take() else { return };
        if self.options.observe && !self.queue.is_empty() {
            let commands = self.queue.iter().map(Queued::to_command).collect();
            self.observations.push(Observation::Unrecorded { completed_event_id, commands });
        }
    }
}

/// Whether later events can refer to an event of this type.
fn starts_something(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::ActivityTaskScheduled
            | EventType::TimerStarted
            | EventType::StartChildWorkflowExecutionInitiated
            | EventType::SignalExternalWorkflowExecutionInitiated
            | EventType::RequestCancelExternalWorkflowExecutionInitiated
    )
}
