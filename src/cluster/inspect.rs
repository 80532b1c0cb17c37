//! What a simulation wants to see of the cluster, for its reports.

use temporalio_common::protos::temporal::api::{
    history::v1::HistoryEvent, workflow::v1::PendingActivityInfo,
};

use super::{
    Cluster,
    execution::activity,
    matching::{QueueName, TaskKind},
};
use crate::clock::Time;

/// One run, as it is at some moment.
#[derive(Debug, Clone)]
pub(crate) struct RunSnapshot {
    pub(crate) namespace: String,
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    pub(crate) events: Vec<HistoryEvent>,
    /// The activities that have not closed, as DescribeWorkflowExecution shows them.
    pub(crate) pending_activities: Vec<PendingActivityInfo>,
    /// The task queue of the run's workflow tasks.
    pub(crate) task_queue: String,
    /// Whether a worker polls that task queue.
    pub(crate) is_polled: bool,
}

impl Cluster {
    /// All runs, open and closed, in the order in which they started.
    pub(crate) fn runs(&self, now: Time) -> Vec<RunSnapshot> {
        let snapshot = |run: &super::execution::Run| {
            let namespace = self.shared.namespaces.name(run.namespace);
            let queue = QueueName {
                namespace: run.namespace,
                kind: TaskKind::Workflow,
                name: run.info.task_queue.clone(),
            };
            RunSnapshot {
                namespace: namespace.to_owned(),
                workflow_id: run.workflow_id.clone(),
                run_id: run.run_id.clone(),
                events: run.history.since(1).to_vec(),
                pending_activities: if run.is_running() { activity::describe(run, now) } else { Vec::new() },
                task_queue: run.info.task_queue.clone(),
                is_polled: self.matching.is_alive(&queue, now),
            }
        };
        self.runs.iter().map(snapshot).collect()
    }
}
