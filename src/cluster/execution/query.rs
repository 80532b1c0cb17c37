//! Queries: a worker is asked about the state of a run, without a trace in its history.
//!
//! A query that arrives while a workflow task is pending could be answered from a state that lacks the events which that
//! task delivers. It is *buffered*: the next workflow task that starts carries it. Any other query is *direct*: a worker gets
//! it as a task of its own, from the sticky queue if the run has one and its worker is there, else from the normal queue
//! with the whole history. A buffered query becomes direct when a workflow task completes that did not carry it, and no
//! other is pending.

use std::collections::BTreeMap;

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payloads, WorkflowType},
    enums::v1::{QueryRejectCondition, QueryResultType, ResourceExhaustedCause, WorkflowExecutionStatus},
    errordetails::v1::QueryFailedFailure,
    failure::v1::Failure,
    history::v1::History,
    query::v1::{QueryRejected, WorkflowQuery, WorkflowQueryResult},
    workflowservice::v1::{
        PollWorkflowTaskQueueResponse, QueryWorkflowRequest, QueryWorkflowResponse,
        RespondQueryTaskCompletedRequest, RespondQueryTaskCompletedResponse,
    },
};
use tonic::Code;

use super::{FollowUp, Run, RunKey, Transaction};
use crate::{
    clock::Time,
    cluster::{
        CallId, Cluster, Error,
        calls::{CallContext, Parked, Reply, reply},
        limits::Limits,
        matching::{Poller, QueueName, Task, TaskKind, WorkerVersion, first_page},
        requests,
        timers::Timer,
        token::{QueryTaskToken, Token as _},
    },
    rpc::Response,
};

/// How many queries may wait for a workflow task of one run.
const BUFFERED_QUERIES: usize = 1;

/// From this attempt on a workflow task counts as failing, and queries are refused.
const FAILING_ATTEMPT: i32 = 3;

/// The queries of one run that wait for a workflow task to carry them.
#[derive(Debug, Default)]
pub(crate) struct PendingQueries {
    buffered: Vec<BufferedQuery>,
}

#[derive(Debug)]
struct BufferedQuery {
    /// Its key in the workflow task that carries it.
    id: String,
    call: CallId,
    query: WorkflowQuery,
}

/// The queries of all runs that are handed to workers by themselves.
#[derive(Debug, Default)]
pub(crate) struct DirectQueries {
    pub(in crate::cluster) by_key: BTreeMap<u64, DirectQuery>,
}

#[derive(Debug)]
pub(in crate::cluster) struct DirectQuery {
    run: RunKey,
    call: CallId,
    query: WorkflowQuery,
    /// Whether the worker that has the run in its cache is asked.
    sticky: bool,
    /// Whether a worker has it.
    pub(in crate::cluster) is_started: bool,
}

impl DirectQueries {
    /// Whether the query still waits for its answer.
    pub(crate) fn contains(&self, query: u64) -> bool {
        self.by_key.contains_key(&query)
    }

    /// Whether the query still waits for the worker that has the run in its cache.
    pub(crate) fn is_sticky(&self, query: u64) -> bool {
        self.by_key.get(&query).is_some_and(|query| query.sticky)
    }
}

impl Run {
    /// Whether a query can be answered right away: no event has happened that a worker is still to see.
    fn is_ready_for_direct_queries(&self) -> bool {
        self.state.last_completed_started_event_id != 0
            && (!self.is_running() || self.state.workflow_task.is_none())
    }
}

impl Transaction<'_> {
    /// Has the buffered queries handed to workers by themselves if no workflow task is going to carry them. Called when a
    /// transaction ends.
    pub(super) fn unblock_queries(&mut self) {
        let waiting = !self.run.queries.buffered.is_empty();
        if waiting && (!self.run.is_running() || self.run.is_ready_for_direct_queries()) {
            let run = self.run.key;
            self.follow_up(FollowUp::DispatchQueries { run });
        }
    }
}

impl Cluster {
    /// QueryWorkflow.
    pub(in crate::cluster) fn query_workflow(
        &mut self,
        now: Time,
        context: CallContext,
        request: QueryWorkflowRequest,
    ) -> Reply {
        let execution = requests::execution(request.execution.as_ref())?;
        let reject_condition = request.query_reject_condition();
        let query =
            request.query.ok_or_else(|| Error::invalid_argument("WorkflowQuery is not set on request."))?;
        if query.query_type.is_empty() {
            return Err(Error::invalid_argument("QueryType is not set on request."));
        }
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        requests::check_blob(self.limits(), query.query_args.as_ref().map_or(0, Payloads::encoded_len))?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        let status = run.state.visible_status();
        if run.state.is_paused() || is_rejected(status, reject_condition) {
            return reply(QueryWorkflowResponse {
                query_rejected: Some(QueryRejected { status: status.into() }),
                ..Default::default()
            });
        }
        check_ready(run, context)?;
        let (key, direct) = (run.key, run.is_ready_for_direct_queries());
        if !direct && run.queries.buffered.len() >= BUFFERED_QUERIES {
            return Err(Error::resource_exhausted(
                ResourceExhaustedCause::BusyWorkflow,
                "consistent query buffer is full, this may be caused by too many queries and workflow not able to \
                 process query fast enough",
            ));
        }
        self.park_until(now, context, context.deadline, Parked::Query(key));
        if direct {
            self.ask_a_worker(now, key, context.id, query);
        } else {
            let id = self.shared.query_ids.uuid();
            if let Some(run) = self.runs.get_mut(key) {
                run.queries.buffered.push(BufferedQuery { id, call: context.id, query });
            }
        }
        Ok(None)
    }

    /// RespondQueryTaskCompleted: a worker answers a query that it got by itself.
    pub(in crate::cluster) fn respond_query_task_completed(
        &mut self,
        now: Time,
        request: RespondQueryTaskCompletedRequest,
    ) -> Result<RespondQueryTaskCompletedResponse, Error> {
        self.shared.namespaces.check_given(&request.namespace)?;
        let token = QueryTaskToken::from_bytes(&request.task_token)?;
        if self
            .shared
            .namespaces
            .by_id(&token.namespace_id)
            .is_none_or(|namespace| !request.namespace.is_empty() && namespace.name != request.namespace)
        {
            return Err(Error::invalid_argument(
                "Operation requested with a token from a different namespace.",
            ));
        }
        let asked = self
            .direct_queries
            .by_key
            .remove(&token.query)
            .ok_or_else(|| Error::not_found("query task not found, or already expired"))?;
        let answer = match request.completed_type() {
            _ if is_too_large(self.limits(), request.query_result.as_ref()) => {
                Err(query_failed("Blob data size exceeds limit.", None))
            }
            QueryResultType::Answered => Ok(answered(request.query_result)),
            QueryResultType::Failed => Err(query_failed(request.error_message, request.failure)),
            QueryResultType::Unspecified => {
                // The server takes that for a fault of its own, and asks again.
                self.ask_a_worker(now, asked.run, asked.call, asked.query);
                return Ok(RespondQueryTaskCompletedResponse::default());
            }
        };
        self.answer_parked(asked.call, answer);
        Ok(RespondQueryTaskCompletedResponse::default())
    }

    /// Puts the buffered queries of a run into the workflow task that a worker has just started.
    pub(in crate::cluster) fn attach_queries(
        &mut self,
        run: RunKey,
        response: &mut PollWorkflowTaskQueueResponse,
    ) {
        let Some(run) = self.runs.get(run) else { return };
        response.queries =
            run.queries.buffered.iter().map(|query| (query.id.clone(), query.query.clone())).collect();
    }

    /// A completed workflow task brought answers to the queries that it carried.
    pub(in crate::cluster) fn take_query_results(
        &mut self,
        run: RunKey,
        results: impl IntoIterator<Item = (String, WorkflowQueryResult)>,
    ) {
        let Some(found) = self.runs.get_mut(run) else { return };
        let mut results: BTreeMap<_, _> = results.into_iter().collect();
        let mut answers = Vec::new();
        found.queries.buffered.retain(|query| match results.remove(&query.id) {
            None => true,
            Some(result) => {
                answers.push((query.call, result));
                false
            }
        });
        for (call, result) in answers {
            let answer = match result.result_type() {
                _ if is_too_large(self.limits(), result.answer.as_ref()) => {
                    Err(Error::invalid_argument("Blob data size exceeds limit."))
                }
                QueryResultType::Answered => Ok(answered(result.answer)),
                QueryResultType::Failed => Err(query_failed(result.error_message, result.failure)),
                QueryResultType::Unspecified => {
                    Err(Error::new(Code::Internal, "query entered invalid state, this should be impossible"))
                }
            };
            self.answer_parked(call, answer);
        }
    }

    /// Hands the queries to workers that no workflow task is going to carry.
    pub(in crate::cluster) fn dispatch_queries(&mut self, now: Time, run: RunKey) {
        let Some(found) = self.runs.get_mut(run) else { return };
        let ready = found.is_ready_for_direct_queries();
        if !ready && found.is_running() {
            return;
        }
        for BufferedQuery { call, query, .. } in std::mem::take(&mut found.queries.buffered) {
            if ready {
                self.ask_a_worker(now, run, call, query);
            } else {
                self.answer_parked(call, Err(closed_before_first_task()));
            }
        }
    }

    /// Hands a query to the worker that has the run in its cache, or to any.
    fn ask_a_worker(&mut self, now: Time, run: RunKey, call: CallId, query: WorkflowQuery) {
        let Some(found) = self.runs.get(run) else { return };
        if let Some(sticky) = &found.state.sticky {
            let timeout = sticky.schedule_to_start_timeout;
            let queue = QueueName {
                namespace: found.namespace,
                kind: TaskKind::Workflow,
                name: sticky.queue.clone(),
                workers: WorkerVersion::None,
            };
            if self.matching.is_alive(&queue, now) {
                let key = self.shared.next_stamp();
                self.timers.arm(now + timeout, Timer::StickyQuery { query: key });
                self.hand_over(
                    now,
                    key,
                    queue,
                    DirectQuery { run, call, query, sticky: true, is_started: false },
                );
                return;
            }
        }
        self.ask_any_worker(now, run, call, query);
    }

    /// Hands a query to any worker of the normal queue. If the run has a sticky queue, its worker is not there.
    fn ask_any_worker(&mut self, now: Time, run: RunKey, call: CallId, query: WorkflowQuery) {
        if self.runs.get(run).is_some_and(|run| run.is_running() && run.state.sticky.is_some()) {
            self.change(now, run, |tx| tx.run.state.sticky = None);
        }
        let Some(found) = self.runs.get(run) else { return };
        let queue = QueueName {
            namespace: found.namespace,
            kind: TaskKind::Workflow,
            name: found.info.task_queue.clone(),
            workers: found.state.workers(),
        };
        let key = self.shared.next_stamp();
        self.hand_over(now, key, queue, DirectQuery { run, call, query, sticky: false, is_started: false });
    }

    fn hand_over(&mut self, now: Time, key: u64, queue: QueueName, query: DirectQuery) {
        let run = query.run;
        self.direct_queries.by_key.insert(key, query);
        self.add_task(now, queue, Task::Query { run, query: key });
    }

    /// The worker that has the run in its cache did not answer in time: another one is asked.
    pub(in crate::cluster) fn time_out_sticky_query(&mut self, now: Time, query: u64) {
        if let Some(DirectQuery { run, call, query, .. }) = self.direct_queries.by_key.remove(&query) {
            self.ask_any_worker(now, run, call, query);
        }
    }

    /// What a poller gets that takes a query; `None` if nobody waits for its answer any more.
    pub(in crate::cluster) fn start_query_task_for(
        &mut self,
        run: RunKey,
        query: u64,
        poller: &Poller,
    ) -> Option<Response> {
        let run = self.runs.get(run)?;
        let asked = self.direct_queries.by_key.get_mut(&query)?;
        asked.is_started = true;
        let namespace_id = self.shared.namespaces.get(run.namespace)?.id.clone();
        let token = QueryTaskToken { namespace_id, run_id: run.run_id.clone(), query };
        let (events, next_page_token) =
            if poller.sticky { (Vec::new(), Vec::new()) } else { first_page(run, 1) };
        let response = PollWorkflowTaskQueueResponse {
            task_token: token.to_bytes(),
            workflow_execution: Some(run.execution()),
            workflow_type: Some(WorkflowType { name: run.info.workflow_type.clone() }),
            previous_started_event_id: run.state.last_completed_started_event_id,
            attempt: 1,
            history: Some(History::default()),
            next_page_token,
            query: Some(asked.query.clone()),
            workflow_execution_task_queue: Some(run.info.normal_task_queue()),
            ..Default::default()
        };
        Some(Response::with_events(response, events))
    }

    /// The caller of a query went away.
    pub(in crate::cluster) fn forget_query(&mut self, run: RunKey, call: CallId) {
        if let Some(run) = self.runs.get_mut(run) {
            run.queries.buffered.retain(|query| query.call != call);
        }
        self.direct_queries.by_key.retain(|_, query| query.call != call);
    }

    /// The caller of a query has waited for long enough.
    pub(in crate::cluster) fn expire_query(&mut self, run: RunKey, call: CallId) {
        self.forget_query(run, call);
        let error = Error::new(Code::DeadlineExceeded, "query timed out before a worker could process it");
        self.answer_parked(call, Err(error));
    }
}

/// Whether the caller does not want an answer from a run in this state.
fn is_rejected(status: WorkflowExecutionStatus, condition: QueryRejectCondition) -> bool {
    match condition {
        QueryRejectCondition::NotOpen => status != WorkflowExecutionStatus::Running,
        QueryRejectCondition::NotCompletedCleanly => {
            !matches!(status, WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Completed)
        }
        QueryRejectCondition::Unspecified | QueryRejectCondition::None => false,
    }
}

/// Refuses a query that no worker could answer.
fn check_ready(run: &Run, context: CallContext) -> Result<(), Error> {
    if !run.is_running() && run.state.last_completed_started_event_id == 0 {
        return Err(closed_before_first_task());
    }
    let in_time = context.deadline.is_some_and(|deadline| run.info.execution_time <= deadline);
    if run.state.waits_for_first_workflow_task() && !in_time {
        return Err(Error::workflow_not_ready("Workflow task is not scheduled yet."));
    }
    if run.state.workflow_task_attempt >= FAILING_ATTEMPT {
        return Err(Error::workflow_not_ready(
            "Unable to query workflow due to Workflow Task in failed state.",
        ));
    }
    Ok(())
}

fn closed_before_first_task() -> Error {
    Error::workflow_not_ready("Workflow execution closed before WorkflowTaskStarted event")
}

fn is_too_large(limits: &Limits, answer: Option<&Payloads>) -> bool {
    answer.is_some_and(|answer| answer.encoded_len() > limits.blob_size)
}

fn answered(query_result: Option<Payloads>) -> Response {
    QueryWorkflowResponse { query_result, ..Default::default() }.into()
}

fn query_failed(message: impl Into<String>, failure: Option<Failure>) -> Error {
    Error::detailed(Code::InvalidArgument, message, "QueryFailedFailure", &QueryFailedFailure { failure })
}

#[cfg(test)]
mod tests;
