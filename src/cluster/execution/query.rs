//! Queries.

use std::collections::HashMap;

use temporalio_common::protos::temporal::api::{
    query::v1::WorkflowQueryResult, workflowservice::v1::PollWorkflowTaskQueueResponse,
};

use super::RunKey;
use crate::{
    clock::Time,
    cluster::{
        CallId, Cluster,
        calls::{CallContext, Reply, not_served},
        matching::Poller,
    },
    rpc::{Request, Response},
};

/// The queries that wait for a run.
#[derive(Debug, Default)]
pub(crate) struct PendingQueries {}

impl Cluster {
    /// Answers QueryWorkflow and RespondQueryTaskCompleted.
    pub(in crate::cluster) fn dispatch_query_request(
        &mut self,
        _now: Time,
        _context: CallContext,
        request: Request,
    ) -> Reply {
        not_served(&request)
    }

    /// Puts the buffered queries of a run into the workflow task that a worker has just started.
    pub(in crate::cluster) fn attach_queries(
        &mut self,
        _run: RunKey,
        _response: &mut PollWorkflowTaskQueueResponse,
    ) {
    }

    /// A completed workflow task brought answers to the queries that it carried.
    pub(in crate::cluster) fn take_query_results(
        &mut self,
        _now: Time,
        _run: RunKey,
        _results: HashMap<String, WorkflowQueryResult>,
    ) {
    }

    /// Hands the queries that no workflow task is going to answer to matching.
    pub(in crate::cluster) fn dispatch_queries(&mut self, _now: Time, _run: RunKey) {}

    /// Starts a query task for a poller; `None` if the query is over.
    pub(in crate::cluster) fn start_query_task_for(
        &mut self,
        _now: Time,
        _run: RunKey,
        _query: u64,
        _poller: &Poller,
    ) -> Option<Response> {
        None
    }

    /// The caller of a query went away.
    pub(in crate::cluster) fn forget_query(&mut self, _now: Time, _run: RunKey, _call: CallId) {}

    /// The caller of a query has waited for long enough.
    pub(in crate::cluster) fn expire_query(&mut self, _now: Time, _run: RunKey, _call: CallId) {}
}
