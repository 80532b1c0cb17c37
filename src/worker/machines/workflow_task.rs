//! The workflow task as history tells of it: scheduled, started, and completed, failed or timed out.

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, WorkflowTaskFailedCause},
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{
    Error, EventRef,
    machine::{unexpected, without_attributes},
};
use crate::clock::Time;

/// A recorded workflow task.
#[derive(Debug)]
pub(super) struct WorkflowTask {
    pub(super) scheduled_event_id: i64,
    /// The WorkflowTaskStarted event at which the current step ends.
    step_ends_at: i64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Scheduled,
    Started { event_id: i64, time: Time },
    Closed,
}

/// What an event of a workflow task means to the workflow.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The workflow gets to work; its time is that of the event.
    Begin { started_event_id: i64, time: Time },
    /// The run was reset: from here on its random numbers are those of this run.
    Reset { run_id: String },
}

impl WorkflowTask {
    pub(super) fn new(scheduled_event_id: i64, step_ends_at: i64) -> Self {
        Self { scheduled_event_id, step_ends_at, state: State::Scheduled }
    }

    /// A task that starts at the end of the step lets the workflow work. One that starts before does so only
    /// if it is completed: then it was a heartbeat; otherwise it failed or timed out.
    pub(super) fn handle_event(&mut self, event: &HistoryEvent) -> Result<Effect, Error> {
        let at = EventRef::of(event);
        match (at.event_type, self.state) {
            (EventType::WorkflowTaskStarted, State::Scheduled) => {
                let time = event
                    .event_time
                    .as_ref()
                    .map(Time::from_proto)
                    .ok_or_else(|| Error::malformed(at.id, "WorkflowTaskStarted without a time"))?;
                self.state = State::Started { event_id: at.id, time };
                Ok(if at.id >= self.step_ends_at {
                    Effect::Begin { started_event_id: self.step_ends_at, time }
                } else {
                    Effect::None
                })
            }
            (EventType::WorkflowTaskCompleted, State::Started { event_id, time }) => {
                self.state = State::Closed;
                Ok(Effect::Begin { started_event_id: event_id, time })
            }
            (EventType::WorkflowTaskFailed, State::Started { .. }) => {
                self.state = State::Closed;
                let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &event.attributes else {
                    return Err(without_attributes(at));
                };
                Ok(if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow {
                    Effect::Reset { run_id: failed.new_run_id.clone() }
                } else {
                    Effect::None
                })
            }
            (EventType::WorkflowTaskTimedOut, State::Scheduled | State::Started { .. }) => {
                self.state = State::Closed;
                Ok(Effect::None)
            }
            _ => {
                let state = match self.state {
                    State::Scheduled => "it is not started",
                    State::Started { .. } => "it is started",
                    State::Closed => "it is closed",
                };
                Err(unexpected(at, "the workflow task".to_owned(), state))
            }
        }
    }
}
