//! A batch operation at work.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, enums::v1::BatchOperationState,
};

use super::{BatchKey, operation};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, timers::Timer, visibility::Query},
};

/// How many executions an operation takes a second; so many are taken at once.
const PER_SECOND: usize = 50;

impl Cluster {
    /// Finds the executions that the operation means, and takes the first of them.
    pub(in crate::cluster) fn start_batch(&mut self, now: Time, key: BatchKey) {
        let Some(batch) = self.batches.get(key) else { return };
        let found =
            if batch.query.is_empty() { Ok(batch.executions.clone()) } else { self.executions_of_batch(key) };
        let Some(batch) = self.batches.get_mut(key) else { return };
        match found {
            Ok(executions) => {
                batch.total = executions.len();
                batch.queue = executions.into();
                self.take_executions(now, key, PER_SECOND);
            }
            // A query that nothing can be found with.
            Err(_) => batch.close(now, BatchOperationState::Failed),
        }
    }

    /// Takes the next execution.
    pub(in crate::cluster) fn continue_batch(&mut self, now: Time, key: BatchKey) {
        self.take_executions(now, key, 1);
    }

    fn take_executions(&mut self, now: Time, key: BatchKey, count: usize) {
        for _ in 0..count {
            let Some(batch) = self.batches.get_mut(key).filter(|batch| batch.is_running()) else { return };
            let Some(execution) = batch.queue.pop_front() else { break };
            let (namespace, operation) = (batch.namespace, batch.operation.clone());
            let reason = batch.reason.clone();
            let done = self.operate(now, namespace, execution, &operation, &reason);
            let Some(batch) = self.batches.get_mut(key) else { return };
            match done {
                Ok(()) => batch.succeeded += 1,
                Err(_) => batch.failed += 1,
            }
        }
        let Some(batch) = self.batches.get_mut(key) else { return };
        if batch.queue.is_empty() {
            batch.close(now, BatchOperationState::Completed);
        } else {
            self.timers.arm(now + Duration::from_secs(1) / PER_SECOND as u32, Timer::Batch { batch: key });
        }
    }

    /// The executions that match the query of an operation, in the order of a list.
    fn executions_of_batch(&mut self, key: BatchKey) -> Result<Vec<WorkflowExecution>, Error> {
        self.settle_visibility();
        let Some(batch) = self.batches.get(key) else { return Ok(Vec::new()) };
        let query = if operation::is_for_open_executions(&batch.operation) {
            format!("({}) AND (ExecutionStatus='Running' OR ExecutionStatus='Paused')", batch.query)
        } else {
            batch.query.clone()
        };
        let query = Query::parse(&query, self.registry(batch.namespace)?)
            .map_err(|error| error.answer("ListWorkflowExecutions"))?;
        let index = self.visibility.get(batch.namespace);
        Ok(index
            .into_iter()
            .flat_map(|index| index.matching(&query.filter, None))
            .map(|(_, record)| record.execution.clone())
            .collect())
    }
}
