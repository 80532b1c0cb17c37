//! The updates of one run.

use std::sync::Arc;

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::ResourceExhaustedCause,
    failure::v1::Failure,
    history::v1::history_event::Attributes,
    update::v1::{Outcome, Request, outcome},
};

use super::{
    super::{Run, Transaction, workflow_task::WorkflowTaskKind},
    Stage, abort,
};
use crate::cluster::{error::Error, limits::Limits};

/// From this attempt on a workflow task counts as failing, and updates are refused.
const FAILING_ATTEMPT: i32 = 3;

/// The updates of a run that have not ended. It is cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Updates {
    /// In the order of their admission.
    pub(super) in_flight: Vec<Update>,
    /// Those that have ended without a trace in the history, until whoever waits for them has been told; and those that the
    /// end of the run has aborted.
    pub(super) ended: Vec<(String, Ended)>,
}

/// An update that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) id: String,
    /// What was asked for, with the update id filled in.
    pub(super) request: Arc<Request>,
    pub(super) state: State,
    /// Whether an event of its own says that it has been admitted: a reset has brought it into the run.
    pub(super) is_recorded: bool,
}

/// How far an update has come that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for a workflow task to carry it.
    Admitted,
    /// The worker that has the workflow task has got it.
    Sent,
    /// The workflow is at it, since this WorkflowExecutionUpdateAccepted event.
    Accepted { event_id: i64 },
}

/// How an update ended that is not in the history.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    /// Its caller gets this as the outcome.
    Rejected(Failure),
    /// Its caller gets this error instead of an outcome.
    Aborted(Error),
}

/// What a caller can see of an update.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) stage: Stage,
    /// What came of it, once it has completed.
    pub(super) outcome: Option<Outcome>,
}

impl Status {
    /// It has ended with a failure.
    pub(super) fn failed(failure: Failure) -> Self {
        let outcome = Outcome { value: Some(outcome::Value::Failure(failure)) };
        Self { stage: Stage::Completed, outcome: Some(outcome) }
    }
}

impl Updates {
    /// The update of an id, if it has not ended.
    pub(super) fn get(&self, id: &str) -> Option<&Update> {
        self.in_flight.iter().find(|update| update.id == id)
    }

    /// Whether an update of this id has not ended.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    /// Takes an update out that has ended.
    pub(super) fn remove(&mut self, id: &str) {
        self.in_flight.retain(|update| update.id != id);
    }

    /// Whether an update waits for a workflow task to carry it.
    pub(crate) fn wait_for_workflow_task(&self) -> bool {
        self.in_flight.iter().any(|update| update.state == State::Admitted)
    }

    /// The worker that had the workflow task has not answered what it got: the next one gets it again.
    pub(crate) fn resend(&mut self) {
        for update in &mut self.in_flight {
            if update.state == State::Sent {
                update.state = State::Admitted;
            }
        }
    }
}

impl Run {
    /// How many updates the run has taken that it has not rejected.
    pub(crate) fn update_count(&self) -> usize {
        self.state.updates.in_flight.len() + self.completed_updates.len()
    }

    /// Whether the run has taken an update of this id and not rejected it.
    pub(super) fn knows_update(&self, id: &str) -> bool {
        self.update_status(id).is_some() || self.state.updates.ended.iter().any(|(ended, _)| ended == id)
    }

    /// Whether the run has taken so many updates that it should continue as new.
    pub(crate) fn has_many_updates(&self, limits: &Limits) -> bool {
        self.update_count() >= limits.updates_suggest_continue_as_new()
    }

    /// Whether the run has completed an update of this id.
    pub(crate) fn has_completed_update(&self, id: &str) -> bool {
        self.completed_updates.contains(id)
    }

    /// What a caller gets to know of an update.
    ///
    /// # Errors
    ///
    /// The reason if it has been aborted, NOT_FOUND if there is none of this id.
    pub(super) fn update_result(&self, id: &str) -> Result<Status, Error> {
        match self.state.updates.ended.iter().find(|(ended, _)| ended == id) {
            Some((_, Ended::Rejected(failure))) => Ok(Status::failed(failure.clone())),
            Some((_, Ended::Aborted(error))) => Err(error.clone()),
            None => {
                self.update_status(id).ok_or_else(|| Error::not_found(format!("update {id:?} not found")))
            }
        }
    }

    /// Whoever waited for updates that have ended has been told. Only those that the end of the run has aborted are remembered.
    pub(super) fn forget_ended_updates(&mut self) {
        let is_running = self.is_running();
        self.state.updates.ended.retain(|(_, ended)| !is_running && matches!(ended, Ended::Aborted(_)));
    }

    /// What a caller can see of an update; `None` if there is none of this id.
    pub(super) fn update_status(&self, id: &str) -> Option<Status> {
        if let Some(update) = self.state.updates.get(id) {
            let stage = match update.state {
                State::Admitted | State::Sent => Stage::Admitted,
                State::Accepted { .. } if self.is_running() => Stage::Accepted,
                // The run has closed before the update completed.
                State::Accepted { .. } => return Some(Status::failed(abort::workflow_completed())),
            };
            return Some(Status { stage, outcome: None });
        }
        let event = self.history.get(*self.completed_updates.get(id)?)?;
        match &event.attributes {
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                Some(Status { stage: Stage::Completed, outcome: completed.outcome.clone() })
            }
            _ => None,
        }
    }
}

impl Transaction<'_> {
    /// Takes an update, or finds that it is there already. One that has to wait for a workflow task gets a speculative one if
    /// none is pending. Nothing of this is in the history.
    ///
    /// # Errors
    ///
    /// FAILED_PRECONDITION if the run's workflow task keeps failing, or if the run has taken too many updates;
    /// RESOURCE_EXHAUSTED if too many have not ended, or if a worker is about to close the run.
    pub(crate) fn admit_update(&mut self, id: &str, request: Request) -> Result<(), Error> {
        self.keep_in_memory();
        let state = &self.run.state;
        if state.workflow_task_attempt >= FAILING_ATTEMPT {
            return Err(Error::workflow_not_ready(
                "Unable to perform workflow execution update due to Workflow Task in failed state.",
            ));
        }
        if state.close_attempted && state.has_started_workflow_task() {
            return Err(Error::workflow_closing());
        }
        if self.run.update_status(id).is_some() {
            return Ok(());
        }
        self.check_update_limits(&request)?;
        self.run.state.updates.in_flight.push(Update {
            id: id.to_owned(),
            request: Arc::new(request),
            state: State::Admitted,
            is_recorded: false,
        });
        if self.run.state.workflow_task.is_none() {
            self.schedule_workflow_task_of(WorkflowTaskKind::Speculative, None);
            self.dispatch_workflow_task();
        }
        Ok(())
    }

    fn check_update_limits(&self, request: &Request) -> Result<(), Error> {
        let in_flight = &self.run.state.updates.in_flight;
        let refuse =
            |text: String| Err(Error::resource_exhausted(ResourceExhaustedCause::ConcurrentLimit, text));
        if in_flight.len() >= self.limits().updates_in_flight {
            return refuse(format!(
                "limit on number of concurrent in-flight updates has been reached ({})",
                self.limits().updates_in_flight
            ));
        }
        let size: usize = in_flight.iter().map(|update| update.request.encoded_len()).sum();
        if size.saturating_add(request.encoded_len()) > self.limits().updates_in_flight_size {
            return refuse(format!(
                "limit on total payload size of in-flight updates has been reached ({} bytes)",
                self.limits().updates_in_flight_size
            ));
        }
        if self.run.update_count() >= self.limits().updates {
            return Err(Error::failed_precondition(format!(
                "The limit on the total number of distinct updates in this workflow has been reached ({}). Make sure any \
                 duplicate updates share an Update ID so the server can deduplicate them, and consider rejecting updates that \
                 you aren't going to process. You can also Continue-as-New to avoid this; we recommend you check \
                 Continue-as-New Suggested in your Workflow.",
                self.limits().updates
            )));
        }
        Ok(())
    }
}
