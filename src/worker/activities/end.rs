//! What an attempt tells the server at its end.

use futures_util::FutureExt as _;
use temporalio_common::protos::{
    coresdk::activity_result::activity_execution_result::Status,
    temporal::api::{
        common::v1::{Payload, Payloads},
        enums::v1::ActivityTaskFailedCause,
        failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        workflowservice::v1::{
            RecordActivityTaskHeartbeatRequest, RespondActivityTaskCanceledRequest,
            RespondActivityTaskCompletedRequest, RespondActivityTaskFailedRequest,
        },
    },
};

use crate::{cluster::Error, rpc::Rpc as _, worker::shared::Shared};

/// The request that ends an attempt.
pub(super) enum AttemptEnd {
    Completed(RespondActivityTaskCompletedRequest),
    Failed(RespondActivityTaskFailedRequest),
    Canceled(RespondActivityTaskCanceledRequest),
}

impl AttemptEnd {
    /// The end that this status calls for; `None` if somebody else will complete the activity. `details` are
    /// those of the last heartbeat. With `shut_down`, a cancellation is the worker's own and a failure for
    /// the server, which is to try again.
    pub(super) fn new(
        shared: &Shared,
        task_token: Vec<u8>,
        status: Status,
        details: Option<Vec<Payload>>,
        shut_down: bool,
    ) -> Option<Self> {
        let (namespace, identity) = (shared.namespace.clone(), shared.identity.clone());
        let deployment_options = shared.worker.options.deployment();
        let details = details.map(|payloads| Payloads { payloads });
        let end = match status {
            Status::WillCompleteAsync(_) => return None,
            Status::Completed(success) => Self::Completed(RespondActivityTaskCompletedRequest {
                task_token,
                result: success.result.map(|payload| Payloads { payloads: vec![payload] }),
                identity,
                namespace,
                deployment_options,
                ..Default::default()
            }),
            Status::Failed(failed) => {
                let cause = ActivityTaskFailedCause::ActivityWorkerUnhandledFailure;
                Self::failed(shared, task_token, cause, failed.failure, details)
            }
            Status::Cancelled(_) if shut_down => {
                let cause = ActivityTaskFailedCause::ActivityWorkerUnhandledFailure;
                Self::failed(shared, task_token, cause, Some(worker_shutdown()), details)
            }
            Status::Cancelled(cancelled) => Self::Canceled(RespondActivityTaskCanceledRequest {
                task_token,
                details: cancelled.failure.and_then(cancellation_details),
                identity,
                namespace,
                deployment_options,
                ..Default::default()
            }),
        };
        Some(end.within_limits(shared))
    }

    /// The end of an attempt whose payloads the worker does not send.
    pub(super) fn payloads_too_large(shared: &Shared, task_token: Vec<u8>, failure: Failure) -> Self {
        let cause = ActivityTaskFailedCause::PayloadsTooLarge;
        Self::failed(shared, task_token, cause, Some(failure), None)
    }

    fn failed(
        shared: &Shared,
        task_token: Vec<u8>,
        cause: ActivityTaskFailedCause,
        failure: Option<Failure>,
        last_heartbeat_details: Option<Payloads>,
    ) -> Self {
        Self::Failed(RespondActivityTaskFailedRequest {
            task_token,
            failure,
            identity: shared.identity.clone(),
            namespace: shared.namespace.clone(),
            last_heartbeat_details,
            deployment_options: shared.worker.options.deployment(),
            cause: cause.into(),
            ..Default::default()
        })
    }

    /// The same end, or a failure in its place if it carries too much.
    fn within_limits(self, shared: &Shared) -> Self {
        let limits = &shared.payload_limits;
        match self {
            Self::Completed(request) => match limits.check(&request) {
                Ok(()) => Self::Completed(request),
                Err(failure) => Self::payloads_too_large(shared, request.task_token, *failure),
            },
            Self::Canceled(request) => match limits.check(&request) {
                Ok(()) => Self::Canceled(request),
                Err(failure) => Self::payloads_too_large(shared, request.task_token, *failure),
            },
            // Only the details: a failure that is too long is cut off by the server.
            Self::Failed(mut request) => {
                let details = request.last_heartbeat_details.take();
                let heartbeat = RecordActivityTaskHeartbeatRequest { details, ..Default::default() };
                match limits.check(&heartbeat) {
                    Ok(()) => {
                        request.last_heartbeat_details = heartbeat.details;
                        Self::Failed(request)
                    }
                    Err(failure) => Self::payloads_too_large(shared, request.task_token, *failure),
                }
            }
        }
    }

    /// Sends it. The error comes with the name of the RPC.
    pub(super) fn send(self, shared: &Shared) -> impl Future<Output = Result<(), (&'static str, Error)>> {
        let request = match self {
            Self::Completed(request) => Box::new(request).into_request(),
            Self::Failed(request) => Box::new(request).into_request(),
            Self::Canceled(request) => Box::new(request).into_request(),
        };
        let rpc = request.name();
        shared.send(request).map(move |answered| answered.map(drop).map_err(|error| (rpc, error)))
    }
}

/// The failure of an attempt that a worker cut short when it shut down.
fn worker_shutdown() -> Failure {
    Failure {
        message: "Worker is shutting down and this activity did not complete in time".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            r#type: "WorkerShutdown".to_owned(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn cancellation_details(failure: Failure) -> Option<Payloads> {
    match failure.failure_info {
        Some(FailureInfo::CanceledFailureInfo(info)) => info.details,
        _ => None,
    }
}
