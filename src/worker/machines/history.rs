//! A run's recorded events on their way into the machines, one workflow task at a time.
//!
//! The events of a *step* are those from behind one WorkflowTaskStarted event up to and including the next one
//! that led to an activation: first what the previous activation left behind (WorkflowTaskCompleted and the
//! events of its commands), then what happened since. A WorkflowTaskStarted event ends no step if its task
//! failed or timed out, or if it only kept a task alive while local activities ran.

use std::{collections::VecDeque, sync::Arc};

use temporalio_common::protos::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, WorkflowTaskCompletedEventAttributes, history_event::Attributes},
};

/// The events that have not been applied yet.
#[derive(Debug, Default)]
pub(super) struct History {
    events: VecDeque<Arc<HistoryEvent>>,
}

impl History {
    /// Replaces what is there by the events of another task.
    pub(super) fn replace(&mut self, events: Vec<Arc<HistoryEvent>>) {
        self.events = events.into();
    }

    /// Forgets the events up to the given one.
    pub(super) fn skip_through(&mut self, event_id: i64) {
        while self.events.front().is_some_and(|event| event.event_id <= event_id) {
            self.events.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn pop(&mut self) -> Option<Arc<HistoryEvent>> {
        self.events.pop_front()
    }

    pub(super) fn front(&self) -> Option<&HistoryEvent> {
        self.events.front().map(AsRef::as_ref)
    }

    /// The first `count` events.
    pub(super) fn first(&self, count: usize) -> impl Iterator<Item = &HistoryEvent> {
        self.events.iter().map(AsRef::as_ref).take(count)
    }

    /// The completion of the first task that is completed behind the first `count` events.
    pub(super) fn completion_after(&self, count: usize) -> Option<&WorkflowTaskCompletedEventAttributes> {
        self.events.iter().skip(count).find_map(|event| match &event.attributes {
            Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => Some(completed),
            _ => None,
        })
    }

    /// How many events the next step has; `None` if nothing is left to apply. A history without further events
    /// may end with a WorkflowTaskCompleted event, which is left alone.
    pub(super) fn next_step(&self) -> Option<usize> {
        match self.end_of_step() {
            Some(last) => Some(last + 1),
            None if self.events.len() == 1 && self.type_at(0) == Some(EventType::WorkflowTaskCompleted) => {
                None
            }
            None if self.events.is_empty() => None,
            None => Some(self.events.len()),
        }
    }

    /// The events of the next step, or all that are left if it does not end.
    pub(super) fn peek_step(&self) -> impl Iterator<Item = &HistoryEvent> {
        self.first(self.end_of_step().map_or(self.events.len(), |last| last + 1))
    }

    /// The index of the last event of the next step.
    fn end_of_step(&self) -> Option<usize> {
        let mut command_seen = false;
        let mut activated = false;
        for (index, event) in self.events.iter().enumerate() {
            if event.is_command_event() {
                command_seen = true;
                activated = true;
            }
            if event.is_final_wf_execution_event() {
                return Some(index);
            }
            match event.event_type() {
                EventType::WorkflowExecutionStarted => activated = true,
                EventType::WorkflowTaskStarted if !self.is_lost(index) => {
                    let completed = self.type_at(index + 1) == Some(EventType::WorkflowTaskCompleted);
                    match self.events.get(index + 2) {
                        Some(after) if completed => {
                            let heartbeat =
                                !command_seen && after.event_type() == EventType::WorkflowTaskScheduled;
                            if !heartbeat {
                                return Some(self.where_sequenced(after, index).unwrap_or(index));
                            }
                        }
                        _ if activated => return Some(index),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether the task that started at `index` had no effect.
    fn is_lost(&self, index: usize) -> bool {
        matches!(
            self.type_at(index + 1),
            Some(
                EventType::WorkflowTaskFailed
                    | EventType::WorkflowTaskTimedOut
                    | EventType::WorkflowExecutionTimedOut
                    | EventType::WorkflowExecutionTerminated
                    | EventType::WorkflowExecutionCanceled
            )
        )
    }

    /// If a completion was followed by the acceptance of an update: the WorkflowTaskStarted event, at `index`
    /// or before, behind which the update came in. Its step must end there, because an update's validator
    /// runs before anything else of its task.
    fn where_sequenced(&self, after: &HistoryEvent, index: usize) -> Option<usize> {
        let Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) = &after.attributes
        else {
            return None;
        };
        (0..=index).rev().find(|earlier| {
            self.type_at(*earlier) == Some(EventType::WorkflowTaskStarted)
                && !self.is_lost(*earlier)
                && self
                    .events
                    .get(*earlier)
                    .is_some_and(|event| event.event_id < accepted.accepted_request_sequencing_event_id)
        })
    }

    fn type_at(&self, index: usize) -> Option<EventType> {
        self.events.get(index).map(|event| event.event_type())
    }
}
