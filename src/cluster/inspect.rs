//! What a simulation wants to see of the cluster, for its reports.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    history::v1::HistoryEvent, workflow::v1::PendingActivityInfo,
};

use super::{
    Cluster,
    execution::activity::{self, RetriedAttempt},
    matching::{QueueName, TaskKind},
};
use crate::clock::Time;

/// One run, as it is at some moment.
#[derive(Debug, Clone)]
pub(crate) struct RunSnapshot {
    pub(crate) namespace: String,
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    pub(crate) events: Vec<Arc<HistoryEvent>>,
    /// What its history does not tell of.
    pub(crate) retried_attempts: Vec<RetriedAttempt>,
    /// The activities that have not closed, as DescribeWorkflowExecution shows them.
    pub(crate) pending_activities: Vec<PendingActivityInfo>,
    /// The run's workflow task, if it has one.
    pub(crate) workflow_task: Option<PendingWorkflowTask>,
    /// The task queue of the run's workflow tasks.
    pub(crate) task_queue: String,
    /// Whether a worker polls that task queue.
    pub(crate) is_polled: bool,
}

/// A workflow task that has not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingWorkflowTask {
    pub(crate) attempt: i32,
    /// Whether a worker has it.
    pub(crate) is_started: bool,
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
                workers: run.state.workers(),
            };
            RunSnapshot {
                namespace: namespace.to_owned(),
                workflow_id: run.workflow_id.clone(),
                run_id: run.run_id.clone(),
                events: run.history.since(1).cloned().collect(),
                retried_attempts: run.retried_attempts.clone(),
                pending_activities: if run.is_running() { activity::describe(run, now) } else { Vec::new() },
                workflow_task: run
                    .state
                    .workflow_task
                    .as_ref()
                    .filter(|_| run.is_running())
                    .map(|task| PendingWorkflowTask { attempt: task.attempt, is_started: task.is_started() }),
                task_queue: run.info.task_queue.clone(),
                is_polled: self.matching.is_alive(&queue, now),
            }
        };
        self.runs.iter().map(snapshot).collect()
    }

    /// The id of the first run that is open.
    pub(crate) fn open_run(&self) -> Option<&str> {
        self.runs.iter().find(|run| run.is_running()).map(|run| run.run_id.as_str())
    }

    /// Whether a run is open.
    pub(crate) fn is_open(&self, run_id: &str) -> bool {
        self.runs.by_run_id(run_id).is_some_and(|run| run.is_running())
    }

    /// Whether a worker has an activity of an open run.
    pub(crate) fn has_started_activity(&self) -> bool {
        let mut open = self.runs.iter().filter(|run| run.is_running());
        open.any(|run| run.has_started_activity())
    }
}
