//! Callers that wait for an update to come somewhere.

use temporalio_common::protos::temporal::api::{
    common::v1::{Link, link},
    enums::v1::EventType,
    failure::v1::Failure,
    update::v1::{UpdateRef, outcome},
    workflowservice::v1::{
        PollWorkflowExecutionUpdateResponse, StartWorkflowExecutionResponse, UpdateWorkflowExecutionResponse,
    },
};

use super::{
    super::{Run, RunKey},
    Stage,
    registry::Status,
};
use crate::{
    clock::Time,
    cluster::{
        Answer, CallId, Cluster, Error, LongPolls,
        calls::{CallContext, Parked, Reply},
        limits,
        start::answer_update_with_start,
    },
};

/// A caller that waits for an update.
#[derive(Debug, Clone)]
pub(crate) struct Waiter {
    pub(crate) call: CallId,
    pub(crate) update_id: String,
    /// How far the update has to come.
    pub(crate) stage: Stage,
    pub(crate) asked: Asked,
}

/// What the caller has asked, and so how it is answered.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// UpdateWorkflowExecution, with the request id of the update.
    Update { request_id: String },
    /// PollWorkflowExecutionUpdate. `ends_empty` if it ends because of its caller's deadline, and so without an answer.
    Poll { ends_empty: bool },
    /// ExecuteMultiOperation, of which the start has been answered like this.
    UpdateWithStart { request_id: String, start: Box<StartWorkflowExecutionResponse> },
}

impl Cluster {
    /// Answers a caller at once if the update is where it wants it, or else when it is.
    pub(in crate::cluster) fn wait_for_update(
        &mut self,
        now: Time,
        context: CallContext,
        run: RunKey,
        mut waiter: Waiter,
    ) -> Reply {
        let found = self.runs.get(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        let result = found.update_result(&waiter.update_id);
        if result.as_ref().map_or(true, |status| status.stage >= waiter.stage) {
            return self.answer(found, &waiter, result).map(Some);
        }
        let mut expires = now + limits::UPDATE_LONG_POLL;
        if let (Asked::Poll { ends_empty }, Some(deadline)) = (&mut waiter.asked, context.deadline) {
            let end = now + deadline.since(now).saturating_sub(limits::LONG_POLL_TAIL);
            *ends_empty = end < expires;
            expires = expires.min(end);
        }
        if let Some(run) = self.runs.get_mut(run) {
            run.update_waiters.push(waiter);
        }
        let expires = (self.shared.config.long_polls != LongPolls::Endless).then_some(expires);
        self.park_until(now, context, expires, Parked::Update(run));
        Ok(None)
    }

    /// Answers the callers whose updates have come to where they want them, or have ended.
    pub(in crate::cluster) fn wake_updaters(&mut self, key: RunKey) {
        let Some(run) = self.runs.get_mut(key) else { return };
        for waiter in std::mem::take(&mut run.update_waiters) {
            let Some(run) = self.runs.get(key) else { return };
            let result = run.update_result(&waiter.update_id);
            if result.as_ref().is_ok_and(|status| status.stage < waiter.stage) {
                if let Some(run) = self.runs.get_mut(key) {
                    run.update_waiters.push(waiter);
                }
                continue;
            }
            let answer = self.answer(run, &waiter, result);
            self.answer_parked(waiter.call, answer);
        }
        if let Some(run) = self.runs.get_mut(key) {
            run.forget_ended_updates();
        }
    }

    /// The caller has waited for long enough: it is told how far the update is.
    pub(in crate::cluster) fn expire_update_call(&mut self, key: RunKey, call: CallId) {
        let Some(waiter) = self.take_updater(key, call) else { return };
        let Some(run) = self.runs.get(key) else { return };
        let answer = match waiter.asked {
            Asked::Poll { ends_empty: true } => Ok(PollWorkflowExecutionUpdateResponse::default().into()),
            _ => self.answer(run, &waiter, run.update_result(&waiter.update_id)),
        };
        self.answer_parked(call, answer);
    }

    /// The caller waits no longer. Its update goes on.
    pub(in crate::cluster) fn take_updater(&mut self, run: RunKey, call: CallId) -> Option<Waiter> {
        let waiters = &mut self.runs.get_mut(run)?.update_waiters;
        let index = waiters.iter().position(|waiter| waiter.call == call)?;
        Some(waiters.remove(index))
    }

    /// What there is to say of an update that the run has completed before anybody asked. It comes without links.
    pub(in crate::cluster) fn completed_update(
        &self,
        run: &Run,
        update_id: &str,
    ) -> Option<UpdateWorkflowExecutionResponse> {
        if !run.has_completed_update(update_id) {
            return None;
        }
        let status = run.update_status(update_id)?;
        Some(UpdateWorkflowExecutionResponse {
            update_ref: Some(update_ref(run, update_id)),
            outcome: status.outcome,
            stage: status.stage as i32,
            link: None,
        })
    }

    fn answer(&self, run: &Run, waiter: &Waiter, result: Result<Status, Error>) -> Answer {
        let updated = |status: Status, request_id: &str| UpdateWorkflowExecutionResponse {
            update_ref: Some(update_ref(run, &waiter.update_id)),
            link: self.update_link(run, request_id, &status),
            outcome: status.outcome,
            stage: status.stage as i32,
        };
        match &waiter.asked {
            Asked::Update { request_id } => Ok(updated(result?, request_id).into()),
            Asked::Poll { .. } => {
                let status = result?;
                Ok(PollWorkflowExecutionUpdateResponse {
                    outcome: status.outcome,
                    stage: status.stage as i32,
                    update_ref: Some(update_ref(run, &waiter.update_id)),
                }
                .into())
            }
            Asked::UpdateWithStart { request_id, start } => {
                answer_update_with_start((**start).clone(), result.map(|status| updated(status, request_id)))
            }
        }
    }

    /// A link to the event that tells of the update, or to the run if the update has failed. One that has only been admitted
    /// is nowhere to be found.
    fn update_link(&self, run: &Run, request_id: &str, status: &Status) -> Option<Link> {
        let outcome = status.outcome.as_ref().and_then(|outcome| outcome.value.as_ref());
        if let Some(outcome::Value::Failure(failure)) = outcome
            && *failure != Failure::default()
        {
            let workflow = link::Workflow {
                namespace: self.shared.namespaces.name(run.namespace).to_owned(),
                workflow_id: run.workflow_id.clone(),
                run_id: run.run_id.clone(),
                reason: "Update rejected".to_owned(),
            };
            return Some(Link { variant: Some(link::Variant::Workflow(workflow)) });
        }
        let accepted = EventType::WorkflowExecutionUpdateAccepted;
        (status.stage >= Stage::Accepted).then(|| self.request_id_link(run, request_id, accepted))
    }
}

fn update_ref(run: &Run, update_id: &str) -> UpdateRef {
    UpdateRef { workflow_execution: Some(run.execution()), update_id: update_id.to_owned() }
}
