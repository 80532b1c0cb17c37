//! The calls about batch operations.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    batch::v1::{BatchOperationInfo, batch_operation_unpause_activities::Activity},
    common::v1::{Execution, WorkflowExecution},
    enums::v1::{BatchOperationState, ExecutionType, ResourceExhaustedCause, WorkflowExecutionStatus},
    workflowservice::v1::{
        DescribeBatchOperationRequest, DescribeBatchOperationResponse, ListBatchOperationsRequest,
        ListBatchOperationsResponse, StartBatchOperationRequest, StartBatchOperationResponse,
        StopBatchOperationRequest, StopBatchOperationResponse,
    },
};

use super::{
    Batch,
    operation::{self, Operation},
    validation,
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        execution::FollowUp,
        visibility::{Closed, Filter, Index, Page, Query, Record},
    },
};

/// How many operations of a namespace may be running.
const CONCURRENT: usize = 1;

impl Cluster {
    /// StartBatchOperation. The operation begins when the caller has its answer.
    pub(in crate::cluster) fn start_batch_operation(
        &mut self,
        now: Time,
        mut request: StartBatchOperationRequest,
    ) -> Result<StartBatchOperationResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        validation::check(&request)?;
        if !request.visibility_query.is_empty() {
            Query::check_syntax(&request.visibility_query)
                .map_err(|error| Error::invalid_argument(format!("invalid visibility query: {error}")))?;
        }
        if self.batches.iter(namespace).filter(|batch| batch.is_running()).count() >= CONCURRENT {
            return Err(Error::resource_exhausted(
                ResourceExhaustedCause::ConcurrentLimit,
                "Max concurrent batch operations is reached",
            ));
        }
        if let Some(known) = self.batches.find(namespace, &request.job_id)
            && let Some(known) = self.batches.get(known)
        {
            return Err(Error::already_started(
                format!(
                    "Workflow execution already finished. WorkflowId: {}, RunId: {}. Workflow Id reuse policy: reject \
                     duplicate workflow Id.",
                    known.job_id, known.run_id
                ),
                String::new(),
                known.run_id.clone(),
                known.run_id.clone(),
            ));
        }
        let operation =
            request.operation.take().ok_or_else(|| Error::invalid_argument("Operation is not set"))?;
        if let Operation::UnpauseActivitiesOperation(unpause) = &operation
            && let Some(Activity::Type(name)) = &unpause.activity
        {
            // Whoever asks for a type of activities means all executions that have a paused one.
            let value = format!("property:activityType={name}").replace('\\', "\\\\").replace('\'', "\\'");
            request.visibility_query = format!("TemporalPauseInfo = '{value}'");
        }
        let targets = request
            .target_executions
            .into_iter()
            .map(|target| WorkflowExecution { workflow_id: target.business_id, run_id: target.run_id });
        let run_id = self.shared.run_ids.uuid();
        let batch = self.batches.insert(Batch {
            namespace,
            job_id: request.job_id,
            run_id,
            reason: request.reason,
            operation,
            query: request.visibility_query,
            executions: request.executions.into_iter().chain(targets).collect(),
            start_time: now,
            close_time: None,
            state: BatchOperationState::Running,
            queue: Default::default(),
            total: 0,
            succeeded: 0,
            failed: 0,
        });
        self.follow_ups.push_back(FollowUp::StartBatch { batch });
        Ok(StartBatchOperationResponse::default())
    }

    /// StopBatchOperation: what has been done stays done.
    pub(in crate::cluster) fn stop_batch_operation(
        &mut self,
        now: Time,
        request: &StopBatchOperationRequest,
    ) -> Result<StopBatchOperationResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        check_job_id(&request.job_id)?;
        if request.reason.is_empty() {
            return Err(Error::invalid_argument("Reason is not set on request."));
        }
        let key = self.batches.find(namespace, &request.job_id);
        let batch = key.and_then(|key| self.batches.get_mut(key)).ok_or_else(|| unknown(&request.job_id))?;
        if !batch.is_running() {
            return Err(Error::already_completed());
        }
        batch.close(now, BatchOperationState::Failed);
        Ok(StopBatchOperationResponse::default())
    }

    /// DescribeBatchOperation.
    pub(in crate::cluster) fn describe_batch_operation(
        &self,
        request: &DescribeBatchOperationRequest,
    ) -> Result<DescribeBatchOperationResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        check_job_id(&request.job_id)?;
        let key = self.batches.find(namespace, &request.job_id);
        let batch = key.and_then(|key| self.batches.get(key)).ok_or_else(|| unknown(&request.job_id))?;
        // Nobody has counted what a stopped operation did.
        let counted = batch.state != BatchOperationState::Failed;
        let count = |count: usize| if counted { i64::try_from(count).unwrap_or(i64::MAX) } else { 0 };
        Ok(DescribeBatchOperationResponse {
            operation_type: operation::operation_type(&batch.operation) as i32,
            job_id: batch.job_id.clone(),
            state: batch.state as i32,
            start_time: Some(batch.start_time.to_proto()),
            close_time: batch.close_time.map(Time::to_proto),
            total_operation_count: count(batch.total),
            complete_operation_count: count(batch.succeeded),
            failure_operation_count: count(batch.failed),
            identity: operation::identity(&batch.operation).to_owned(),
            reason: batch.reason.clone(),
            query: batch.query.clone(),
            executions: batch
                .executions
                .iter()
                .map(|execution| Execution {
                    r#type: ExecutionType::Workflow as i32,
                    business_id: execution.workflow_id.clone(),
                    run_id: execution.run_id.clone(),
                })
                .collect(),
        })
    }

    /// ListBatchOperations: running ones first, then the latest, a page at a time.
    pub(in crate::cluster) fn list_batch_operations(
        &self,
        request: &ListBatchOperationsRequest,
    ) -> Result<ListBatchOperationsResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let page = Page::read(request.page_size, &request.next_page_token)?;
        let mut index = Index::default();
        for batch in self.batches.iter(namespace) {
            index.put(record(batch));
        }
        let mut response = ListBatchOperationsResponse::default();
        for (position, record) in index.matching(&Filter::All, page.behind()) {
            let key = self.batches.find(namespace, &record.execution.workflow_id);
            let Some(batch) = key.and_then(|key| self.batches.get(key)) else { continue };
            response.operation_info.push(BatchOperationInfo {
                job_id: batch.job_id.clone(),
                state: batch.state as i32,
                start_time: Some(batch.start_time.to_proto()),
                close_time: batch.close_time.map(Time::to_proto),
                operation_type: operation::operation_type(&batch.operation) as i32,
            });
            // A page that is full has a successor, even if nothing is left for it.
            if response.operation_info.len() == page.size() {
                response.next_page_token = Page::token(position)?;
                break;
            }
        }
        Ok(response)
    }
}

fn check_job_id(job_id: &str) -> Result<(), Error> {
    if job_id.is_empty() { Err(Error::invalid_argument("JobId is not set on request.")) } else { Ok(()) }
}

fn unknown(job_id: &str) -> Error {
    Error::not_found(format!("workflow not found for ID: {job_id}"))
}

/// What visibility knows of the workflow that a server has for an operation.
fn record(batch: &Batch) -> Record {
    let execution = WorkflowExecution { workflow_id: batch.job_id.clone(), run_id: batch.run_id.clone() };
    Record {
        root: None,
        execution,
        workflow_type: "temporal-sys-batch-workflow-protobuf".to_owned(),
        task_queue: "temporal-sys-per-ns-tq".to_owned(),
        status: match batch.state {
            BatchOperationState::Running => WorkflowExecutionStatus::Running,
            BatchOperationState::Completed => WorkflowExecutionStatus::Completed,
            _ => WorkflowExecutionStatus::Terminated,
        },
        start_time: batch.start_time,
        execution_time: batch.start_time,
        closed: batch.close_time.map(|time| Closed {
            time,
            history_length: 0,
            history_size_bytes: 0,
            state_transition_count: 0,
        }),
        parent: None,
        memo: Arc::default(),
        search_attributes: Default::default(),
        payloads: Arc::default(),
    }
}
