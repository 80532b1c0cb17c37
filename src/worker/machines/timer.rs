//! Timers.

use temporalio_common::protos::{
    coresdk::{
        workflow_activation::FireTimer,
        workflow_commands::{CancelTimer, StartTimer},
    },
    temporal::api::{
        command::v1::Command,
        enums::v1::{CommandType, EventType},
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    machine::{Outbox, compare, unexpected, unexpected_command, without_attributes},
};

/// A timer. Its timer id is its sequence number.
#[derive(Debug)]
pub(super) struct Timer {
    seq: u32,
    state: State,
    annotations: Annotations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Requested,
    Running,
    CancelRequested,
    CancelSent,
    Canceled,
    CanceledBeforeSent,
    Fired,
}

impl Timer {
    /// A timer and the command that starts it.
    pub(super) fn new(start: StartTimer, annotations: Annotations) -> (Self, Command) {
        let seq = start.seq;
        let command = annotations.clone().command(start.into());
        (Self { seq, state: State::Requested, annotations }, command)
    }

    /// The workflow cancels the timer. It resolves its own future, so there is no job.
    pub(super) fn cancel(&mut self, annotations: Annotations, out: &mut Outbox) -> Result<(), Error> {
        self.annotations.override_with(annotations);
        match self.state {
            State::Requested => self.state = State::CanceledBeforeSent,
            State::Running => {
                self.state = State::CancelRequested;
                out.commands.push(self.annotations.clone().command(CancelTimer { seq: self.seq }.into()));
            }
            State::CancelRequested | State::Canceled | State::CanceledBeforeSent | State::Fired => {}
            State::CancelSent => return Err(unexpected_command(self.name(), self.state.describe())),
        }
        Ok(())
    }

    pub(super) fn handle_queued(&mut self, command: CommandType) {
        if command == CommandType::CancelTimer && self.state == State::CancelRequested {
            self.state = State::CancelSent;
        }
    }

    pub(super) fn handle_event(&mut self, event: &HistoryEvent, out: &mut Outbox) -> Result<(), Error> {
        let at = EventRef::of(event);
        match (at.event_type, self.state) {
            (EventType::TimerStarted, State::Requested) => self.state = State::Running,
            (EventType::TimerFired, State::Running) => {
                let Some(Attributes::TimerFiredEventAttributes(fired)) = &event.attributes else {
                    return Err(without_attributes(at));
                };
                compare(at, "timer id", &fired.timer_id, &self.seq.to_string())?;
                self.state = State::Fired;
                out.jobs.push(FireTimer { seq: self.seq }.into());
            }
            (EventType::TimerCanceled, State::CancelSent) => self.state = State::Canceled,
            _ => return Err(unexpected(at, self.name(), self.state.describe())),
        }
        Ok(())
    }

    pub(super) fn is_cancelled_before_sent(&self) -> bool {
        self.state == State::CanceledBeforeSent
    }

    fn name(&self) -> String {
        format!("timer {}", self.seq)
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Requested => "its start is not recorded",
            Self::Running => "it is running",
            Self::CancelRequested | Self::CancelSent => "its cancellation is not recorded",
            Self::Canceled | Self::CanceledBeforeSent => "it is cancelled",
            Self::Fired => "it has fired",
        }
    }
}
