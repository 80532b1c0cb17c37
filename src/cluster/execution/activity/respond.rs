//! The calls of a worker that has an activity task: heartbeats and answers, by task token or by activity id.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payloads, WorkerVersionStamp},
    failure::v1::{Failure, failure::FailureInfo},
    workflowservice::v1::{
        RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatByIdResponse,
        RecordActivityTaskHeartbeatRequest, RecordActivityTaskHeartbeatResponse,
        RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledByIdResponse,
        RespondActivityTaskCanceledRequest, RespondActivityTaskCanceledResponse,
        RespondActivityTaskCompletedByIdRequest, RespondActivityTaskCompletedByIdResponse,
        RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse,
        RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedByIdResponse,
        RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse,
    },
};

use super::heartbeat::HeartbeatAnswer;
use crate::{
    clock::Time,
    cluster::{
        Cluster, Error,
        execution::{Run, RunKey, Transaction},
        failure,
        limits::Limits,
        requests,
        token::{ActivityTaskToken, Token as _},
    },
};

/// The part of a too large failure that is kept when a worker reports it, in bytes.
const KEPT_OF_REPORTED_FAILURE: usize = 512 * 1024;

/// How a worker names the activity that it speaks of.
#[derive(Debug)]
struct ActivityName {
    run: RunKey,
    which: Which,
    /// The build of the worker that answers for it, if it says so.
    worker_version: Option<WorkerVersionStamp>,
}

#[derive(Debug)]
enum Which {
    /// By a task token.
    Task { scheduled_event_id: i64, attempt: i32 },
    /// By the id that the workflow gave it.
    Id(String),
}

/// What a worker reports of an attempt.
#[derive(Debug)]
enum Report {
    Completed(Option<Payloads>),
    Failed { failure: Option<Box<Failure>>, heartbeat_details: Option<Payloads> },
    Canceled(Option<Payloads>),
}

impl Report {
    /// A report whose payload is too large to be accepted: a failure that is not retried.
    fn too_large(message: &str) -> Self {
        Self::Failed { failure: Some(Box::new(failure::server(message, true))), heartbeat_details: None }
    }
}

fn is_too_large(limits: &Limits, payloads: Option<&Payloads>) -> bool {
    payloads.is_some_and(|payloads| payloads.encoded_len() > limits.blob_size)
}

fn completed(limits: &Limits, result: Option<Payloads>) -> Report {
    if is_too_large(limits, result.as_ref()) {
        return Report::too_large("Complete result exceeds size limit.");
    }
    Report::Completed(result)
}

fn canceled(limits: &Limits, details: Option<Payloads>) -> Report {
    if is_too_large(limits, details.as_ref()) {
        return Report::too_large("Cancel details exceed size limit.");
    }
    Report::Canceled(details)
}

/// The report, and what the worker is told to be wrong with it.
fn failed(
    limits: &Limits,
    failure: Option<Failure>,
    heartbeat_details: Option<Payloads>,
) -> Result<(Report, Vec<Failure>), Error> {
    let is_application =
        |failure: &Failure| matches!(failure.failure_info, Some(FailureInfo::ApplicationFailureInfo(_)));
    if failure.as_ref().is_some_and(|failure| !is_application(failure)) {
        return Err(Error::invalid_argument("Failure must have ApplicationFailureInfo."));
    }
    let mut complaints = Vec::new();
    let heartbeat_details = if is_too_large(limits, heartbeat_details.as_ref()) {
        complaints.push(failure::server("Heartbeat details exceed size limit.", true));
        None
    } else {
        heartbeat_details
    };
    let failure = match failure {
        Some(failure) if failure.encoded_len() > limits.blob_size => {
            let kept = failure::exceeding_limit(&failure, true, KEPT_OF_REPORTED_FAILURE);
            complaints.push(kept.clone());
            Some(kept)
        }
        failure => failure,
    };
    Ok((Report::Failed { failure: failure.map(Box::new), heartbeat_details }, complaints))
}

impl Cluster {
    /// A heartbeat, by task token.
    pub(in crate::cluster) fn record_activity_task_heartbeat(
        &mut self,
        now: Time,
        request: RecordActivityTaskHeartbeatRequest,
    ) -> Result<RecordActivityTaskHeartbeatResponse, Error> {
        let activity = self.activity_of_token(&request.namespace, &request.task_token)?;
        let answer = self.heartbeat(now, &activity, request.details, &request.identity)?;
        Ok(RecordActivityTaskHeartbeatResponse {
            cancel_requested: answer.cancel_requested,
            activity_paused: answer.paused,
            activity_reset: answer.reset,
        })
    }

    /// A heartbeat, by activity id.
    pub(in crate::cluster) fn record_activity_task_heartbeat_by_id(
        &mut self,
        now: Time,
        request: RecordActivityTaskHeartbeatByIdRequest,
    ) -> Result<RecordActivityTaskHeartbeatByIdResponse, Error> {
        let activity = self.activity_by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        let answer = self.heartbeat(now, &activity, request.details, &request.identity)?;
        Ok(RecordActivityTaskHeartbeatByIdResponse {
            cancel_requested: answer.cancel_requested,
            activity_paused: answer.paused,
            activity_reset: answer.reset,
        })
    }

    /// The attempt succeeded, by task token.
    pub(in crate::cluster) fn respond_activity_task_completed(
        &mut self,
        now: Time,
        request: RespondActivityTaskCompletedRequest,
    ) -> Result<RespondActivityTaskCompletedResponse, Error> {
        let activity = self.activity_of_token(&request.namespace, &request.task_token)?;
        let activity = ActivityName { worker_version: request.worker_version, ..activity };
        self.report(now, &activity, completed(self.limits(), request.result), &request.identity)?;
        Ok(RespondActivityTaskCompletedResponse::default())
    }

    /// The activity succeeded, by activity id.
    pub(in crate::cluster) fn respond_activity_task_completed_by_id(
        &mut self,
        now: Time,
        request: RespondActivityTaskCompletedByIdRequest,
    ) -> Result<RespondActivityTaskCompletedByIdResponse, Error> {
        let activity = self.activity_by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        self.report(now, &activity, completed(self.limits(), request.result), &request.identity)?;
        Ok(RespondActivityTaskCompletedByIdResponse::default())
    }

    /// The attempt failed, by task token.
    pub(in crate::cluster) fn respond_activity_task_failed(
        &mut self,
        now: Time,
        request: RespondActivityTaskFailedRequest,
    ) -> Result<RespondActivityTaskFailedResponse, Error> {
        let activity = self.activity_of_token(&request.namespace, &request.task_token)?;
        let activity = ActivityName { worker_version: request.worker_version, ..activity };
        let (report, failures) = failed(self.limits(), request.failure, request.last_heartbeat_details)?;
        self.report(now, &activity, report, &request.identity)?;
        Ok(RespondActivityTaskFailedResponse { failures })
    }

    /// The attempt failed, by activity id.
    pub(in crate::cluster) fn respond_activity_task_failed_by_id(
        &mut self,
        now: Time,
        request: RespondActivityTaskFailedByIdRequest,
    ) -> Result<RespondActivityTaskFailedByIdResponse, Error> {
        let activity = self.activity_by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        let (report, failures) = failed(self.limits(), request.failure, request.last_heartbeat_details)?;
        self.report(now, &activity, report, &request.identity)?;
        Ok(RespondActivityTaskFailedByIdResponse { failures })
    }

    /// The worker gave in to a request for cancellation, by task token.
    pub(in crate::cluster) fn respond_activity_task_canceled(
        &mut self,
        now: Time,
        request: RespondActivityTaskCanceledRequest,
    ) -> Result<RespondActivityTaskCanceledResponse, Error> {
        let activity = self.activity_of_token(&request.namespace, &request.task_token)?;
        let activity = ActivityName { worker_version: request.worker_version, ..activity };
        self.report(now, &activity, canceled(self.limits(), request.details), &request.identity)?;
        Ok(RespondActivityTaskCanceledResponse::default())
    }

    /// The worker gave in to a request for cancellation, by activity id.
    pub(in crate::cluster) fn respond_activity_task_canceled_by_id(
        &mut self,
        now: Time,
        request: RespondActivityTaskCanceledByIdRequest,
    ) -> Result<RespondActivityTaskCanceledByIdResponse, Error> {
        let activity = self.activity_by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        self.report(now, &activity, canceled(self.limits(), request.details), &request.identity)?;
        Ok(RespondActivityTaskCanceledByIdResponse::default())
    }

    fn heartbeat(
        &mut self,
        now: Time,
        activity: &ActivityName,
        details: Option<Payloads>,
        identity: &str,
    ) -> Result<HeartbeatAnswer, Error> {
        if is_too_large(self.limits(), details.as_ref()) {
            self.report(now, activity, Report::too_large("Heartbeat details exceed size limit."), identity)?;
            // The worker is to stop, since nobody waits for what it does.
            return Ok(HeartbeatAnswer { cancel_requested: true, ..Default::default() });
        }
        self.transact(now, activity.run, |tx| {
            let scheduled_event_id = find_started(tx.run, &activity.which)?;
            Ok(tx.heartbeat_activity(scheduled_event_id, details, identity))
        })
    }

    fn report(
        &mut self,
        now: Time,
        activity: &ActivityName,
        report: Report,
        identity: &str,
    ) -> Result<(), Error> {
        requests::check_length(self.limits(), identity, "Identity length exceeds limit.")?;
        self.transact(now, activity.run, |tx| match report {
            Report::Completed(result) => {
                let scheduled_event_id = match &activity.which {
                    Which::Task { .. } => find_started(tx.run, &activity.which)?,
                    Which::Id(activity_id) => find_or_start(tx, activity_id, identity)?,
                };
                tx.note_worker_of_activity(scheduled_event_id, &activity.worker_version);
                tx.complete_activity(scheduled_event_id, result, identity);
                Ok(())
            }
            Report::Failed { failure, heartbeat_details } => {
                let scheduled_event_id = find_started(tx.run, &activity.which)?;
                let failure = failure.map(|failure| *failure);
                tx.note_worker_of_activity(scheduled_event_id, &activity.worker_version);
                tx.fail_activity(scheduled_event_id, failure, heartbeat_details, identity);
                Ok(())
            }
            Report::Canceled(details) => {
                let scheduled_event_id = find_started(tx.run, &activity.which)?;
                tx.note_worker_of_activity(scheduled_event_id, &activity.worker_version);
                tx.cancel_activity(scheduled_event_id, details, identity)
            }
        })
    }

    /// The activity task that a token stands for, whether it still exists or not.
    fn activity_of_token(&self, namespace: &str, token: &[u8]) -> Result<ActivityName, Error> {
        self.shared.namespaces.check_given(namespace)?;
        let token = ActivityTaskToken::from_bytes(token)?;
        let run = self.run_of_token(namespace, &token.namespace_id, &token.workflow_id, &token.run_id)?;
        let which = Which::Task { scheduled_event_id: token.scheduled_event_id, attempt: token.attempt };
        Ok(ActivityName { run: run.key, which, worker_version: None })
    }

    fn activity_by_id(
        &self,
        namespace: &str,
        workflow_id: &str,
        run_id: &str,
        activity_id: String,
    ) -> Result<ActivityName, Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        if activity_id.is_empty() {
            return Err(Error::invalid_argument("ActivityId is not set on request."));
        }
        if workflow_id.is_empty() {
            // This would be an activity outside any workflow, and there are none.
            return Err(Error::not_found(format!("activity not found for ID: {activity_id}")));
        }
        requests::check_run_id(run_id)?;
        let run = self.runs.find(namespace, workflow_id, run_id)?;
        Ok(ActivityName { run: run.key, which: Which::Id(activity_id), worker_version: None })
    }
}

/// The ActivityTaskScheduled event of a pending activity.
///
/// # Errors
///
/// NOT_FOUND if the run is closed, or if it waits for no such activity.
fn find(run: &Run, which: &Which) -> Result<i64, Error> {
    if !run.is_running() {
        return Err(Error::already_completed());
    }
    match which {
        Which::Task { scheduled_event_id, attempt } => run
            .activities
            .get(*scheduled_event_id)
            .filter(|activity| activity.attempt == *attempt)
            .map(|activity| activity.scheduled_event_id)
            .ok_or_else(activity_task_not_found),
        Which::Id(activity_id) => {
            run.activities.find(activity_id).map(|activity| activity.scheduled_event_id).ok_or_else(|| {
                Error::not_found(format!(
                    "cannot find pending activity with ActivityID {activity_id}, \
                     check workflow execution history for more details"
                ))
            })
        }
    }
}

/// The same of an activity whose attempt a worker has started.
fn find_started(run: &Run, which: &Which) -> Result<i64, Error> {
    let scheduled_event_id = find(run, which)?;
    run.activities
        .get(scheduled_event_id)
        .filter(|activity| activity.is_started())
        .map(|activity| activity.scheduled_event_id)
        .ok_or_else(activity_task_not_found)
}

/// The same of any activity. Whoever completes one by its id may do so although no worker has started it: then it counts
/// as started at this instant.
fn find_or_start(tx: &mut Transaction<'_>, activity_id: &str, identity: &str) -> Result<i64, Error> {
    let scheduled_event_id = find(tx.run, &Which::Id(activity_id.to_owned()))?;
    tx.start_activity(scheduled_event_id, String::new(), identity, None);
    Ok(scheduled_event_id)
}

fn activity_task_not_found() -> Error {
    Error::not_found("invalid activityID or activity already timed out or invoking workflow is completed")
}
