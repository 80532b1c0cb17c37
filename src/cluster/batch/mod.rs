//! Batch operations: the same thing done to many workflow executions.
//!
//! A server does these with a workflow of its own, which takes up to 50 executions a second. Here an operation is a queue
//! of executions and a timer: the first 50 are taken when it starts, and one more every fiftieth of a second. What it does
//! to each goes the way of the RPC that does it to one.
//!
//! | file | what it answers |
//! |---|---|
//! | `validation` | which requests are refused |
//! | `run` | which executions are taken, and when |
//! | `operation` | what is done to each, and what counts as done |
//! | `requests` | how operations are started, stopped, described and listed |

mod operation;
mod requests;
mod run;
mod validation;

use std::collections::{BTreeMap, VecDeque};

use operation::Operation;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, enums::v1::BatchOperationState,
};

use super::namespaces::NamespaceKey;
use crate::clock::Time;

/// Names one batch operation inside the cluster. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BatchKey(usize);

/// All batch operations of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    batches: Vec<Batch>,
    by_id: BTreeMap<(NamespaceKey, String), BatchKey>,
}

/// One batch operation.
#[derive(Debug)]
struct Batch {
    namespace: NamespaceKey,
    /// The id that its caller gave it, which names it for ever.
    job_id: String,
    /// A UUID, as of the workflow that a server would have for it.
    run_id: String,
    reason: String,
    operation: Operation,
    /// Which executions are meant, if they are not named.
    query: String,
    /// The executions that are named.
    executions: Vec<WorkflowExecution>,
    start_time: Time,
    close_time: Option<Time>,
    state: BatchOperationState,
    /// The executions that are left.
    queue: VecDeque<WorkflowExecution>,
    total: usize,
    succeeded: usize,
    failed: usize,
}

impl Batches {
    fn insert(&mut self, batch: Batch) -> BatchKey {
        let key = BatchKey(self.batches.len());
        self.by_id.insert((batch.namespace, batch.job_id.clone()), key);
        self.batches.push(batch);
        key
    }

    fn get(&self, key: BatchKey) -> Option<&Batch> {
        self.batches.get(key.0)
    }

    fn get_mut(&mut self, key: BatchKey) -> Option<&mut Batch> {
        self.batches.get_mut(key.0)
    }

    fn find(&self, namespace: NamespaceKey, job_id: &str) -> Option<BatchKey> {
        self.by_id.get(&(namespace, job_id.to_owned())).copied()
    }

    fn iter(&self, namespace: NamespaceKey) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(move |batch| batch.namespace == namespace)
    }

    /// Whether an operation has not ended.
    pub(crate) fn is_running(&self, key: BatchKey) -> bool {
        self.get(key).is_some_and(Batch::is_running)
    }
}

impl Batch {
    fn is_running(&self) -> bool {
        self.state == BatchOperationState::Running
    }

    fn close(&mut self, now: Time, state: BatchOperationState) {
        self.state = state;
        self.close_time = Some(now);
    }
}
