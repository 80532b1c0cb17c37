//! What a worker tells the simulation besides what it tells the server.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{enums::v1::WorkflowTaskFailedCause, failure::v1::Failure};

use crate::cluster;

/// Where a worker's events go. Called in the middle of the worker's work: it must not call the worker.
pub(crate) type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Something that a test wants to hear of at once, although a real server would only retry it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A workflow task failed: the workflow's code panicked, was nondeterministic, or is not registered.
    WorkflowTaskFailed {
        /// The workflow id.
        workflow_id: String,
        /// The run id.
        run_id: String,
        /// The workflow type.
        workflow_type: String,
        /// The cause, as the server records it.
        cause: WorkflowTaskFailedCause,
        /// What went wrong.
        failure: Failure,
    },
    /// An activity recorded a heartbeat whose details cannot be turned into payloads. The heartbeat is
    /// lost, so whatever the test finds out after this is not what would happen in production.
    HeartbeatDetailsLost {
        /// The activity type.
        activity_type: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The server refused a call that reports what the worker did. A real worker would only log it.
    CallRefused {
        /// The RPC.
        rpc: &'static str,
        /// Whose work the call was about: a workflow type or an activity type.
        type_name: String,
        /// The server's answer.
        error: cluster::Error,
    },
}
