//! Checks that many requests have in common.

use temporalio_common::protos::temporal::api::{
    common::v1::{Callback, TimeSkippingConfig, WorkflowExecution, callback},
    taskqueue::v1::TaskQueue,
};
use tonic::Code;

use super::{error::Error, limits::Limits};
use crate::rules::names;

pub(crate) use super::start::check_links;

/// Refuses what is longer than an id may be.
pub(crate) fn check_length(limits: &Limits, text: &str, message: &str) -> Result<(), Error> {
    if text.len() > limits.id_length { Err(Error::invalid_argument(message)) } else { Ok(()) }
}

/// The task queue of a request.
///
/// # Errors
///
/// INVALID_ARGUMENT if it is absent, has no name, or a name that is too long or reserved.
pub(crate) fn task_queue<'a>(
    limits: &Limits,
    task_queue: Option<&'a TaskQueue>,
) -> Result<&'a TaskQueue, Error> {
    names::check_task_queue(task_queue, limits.id_length).map_err(Error::invalid_argument)
}

/// The execution that a request names.
///
/// # Errors
///
/// INVALID_ARGUMENT if it is absent, has no workflow id, or has a run id that is no UUID.
pub(crate) fn execution(execution: Option<&WorkflowExecution>) -> Result<&WorkflowExecution, Error> {
    let execution = execution.ok_or_else(|| Error::invalid_argument("Execution is not set on request."))?;
    if execution.workflow_id.is_empty() {
        return Err(Error::invalid_argument("WorkflowId is not set on request."));
    }
    check_run_id(&execution.run_id)?;
    Ok(execution)
}

/// Refuses a run id that is no UUID. None at all is fine.
pub(crate) fn check_run_id(run_id: &str) -> Result<(), Error> {
    if run_id.is_empty() || uuid::Uuid::try_parse(run_id).is_ok() {
        Ok(())
    } else {
        Err(Error::invalid_argument("Invalid RunId."))
    }
}

/// The same in the words of the RPCs that look at it last.
pub(crate) fn check_run_uuid(run_id: &str) -> Result<(), Error> {
    check_run_id(run_id).map_err(|_| Error::invalid_argument("RunId is not valid UUID."))
}

/// Refuses to skip time for a single workflow: the whole cluster is on virtual time, and a server does not do it unless it
/// is told to.
pub(crate) fn check_time_skipping(config: Option<&TimeSkippingConfig>) -> Result<(), Error> {
    match config {
        Some(_) => {
            Err(Error::new(Code::Unimplemented, "The Time-Skipping feature is not enabled for namespace."))
        }
        None => Ok(()),
    }
}

/// Refuses callbacks: a server takes those whose address it has been told to trust, and by default that is none.
///
/// # Errors
///
/// INVALID_ARGUMENT or UNIMPLEMENTED, in the server's words.
pub(crate) fn check_callbacks(callbacks: &[Callback]) -> Result<(), Error> {
    match callbacks.first().map(|callback| &callback.variant) {
        None => Ok(()),
        Some(Some(callback::Variant::Nexus(nexus))) => Err(Error::invalid_argument(format!(
            "invalid url: url does not match any configured callback address: {}",
            nexus.url
        ))),
        Some(Some(callback::Variant::Internal(_))) => {
            Err(Error::invalid_argument("unsupported callback variant: *common.Callback_Internal_"))
        }
        Some(Some(callback::Variant::NexusHandler(_))) => {
            Err(Error::unimplemented("a completion callback to a Nexus handler"))
        }
        Some(None) => Err(Error::new(Code::Unimplemented, "unknown callback variant: <nil>")),
    }
}

/// Refuses a payload field that is larger than a blob may be.
pub(crate) fn check_blob(limits: &Limits, size: usize) -> Result<(), Error> {
    if size > limits.blob_size {
        Err(Error::invalid_argument("Blob data size exceeds limit."))
    } else {
        Ok(())
    }
}
