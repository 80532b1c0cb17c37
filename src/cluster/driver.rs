//! What a server needs of the cluster that it drives, and a simulation does not: who holds time, who waits for how long, and what
//! need not be kept.

use std::time::Duration;

pub(crate) use super::{limits::RETENTION, matching::TaskKind};

use super::{
    CallId, Cluster,
    execution::Run,
    matching::{QueueName, WorkerVersion},
};
use crate::{clock::Time, rpc::Request};

impl Cluster {
    /// The next call that was parked, and for how long it may wait, if
    /// [`Config::driver_ends_long_polls`](super::Config::driver_ends_long_polls).
    pub(crate) fn poll_patience(&mut self) -> Option<(CallId, Duration)> {
        self.calls.patience.pop_front()
    }

    /// A parked call has waited for as long as [`Self::poll_patience`] said.
    pub(crate) fn handle_expiry(&mut self, now: Time, call: CallId) {
        self.expire_call(now, call);
        self.settle(now);
    }

    /// Whether a worker has a workflow task, an activity task or a query, and is going to answer. Needs
    /// [`Config::skips_time`](super::Config::skips_time).
    ///
    /// What the cluster does by itself (starting children, delivering signals and requests to cancel, telling parents) is
    /// done within the call that brings it about, so nothing of that kind is ever under way here.
    pub(crate) fn has_started_tasks(&mut self) -> bool {
        while let Some(run) = self.changed_runs.pop_first() {
            if self.runs.get(run).is_some_and(Run::has_started_tasks) {
                // It is to be looked at again even if it does not change.
                self.changed_runs.insert(run);
                return true;
            }
        }
        self.direct_queries.by_key.values().any(|query| query.is_started)
    }

    /// Whether a task waits in a task queue.
    pub(crate) fn has_task_in(&self, namespace: &str, kind: TaskKind, name: &str) -> bool {
        let Ok(namespace) = self.shared.namespaces.find(namespace) else { return false };
        let queue = QueueName { namespace, kind, name: name.to_owned(), workers: WorkerVersion::default() };
        let mut versions = self.matching.versions(&queue).into_iter();
        versions.any(|queue| self.matching.tasks(queue).any(|(_, task)| self.is_current(task)))
    }

    /// How many calls wait for their answer.
    pub(crate) fn parked_calls(&self) -> usize {
        self.calls.parked.len()
    }
}

impl Run {
    fn has_started_tasks(&self) -> bool {
        self.is_running() && (self.state.has_started_workflow_task() || self.has_started_activity())
    }
}

impl Request {
    /// Whether it has to be done again when the server is started again. Not if it changes nothing: answered or not, everything
    /// goes on as if it had never come. Nor if it is about what a real server has in its memory only.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(
            self,
            Self::GetSystemInfo(_)
                | Self::GetClusterInfo(_)
                | Self::DescribeNamespace(_)
                | Self::ListNamespaces(_)
                | Self::DescribeWorkflowExecution(_)
                | Self::GetWorkflowExecutionHistory(_)
                | Self::GetWorkflowExecutionHistoryReverse(_)
                | Self::DescribeTaskQueue(_)
                | Self::RecordWorkerHeartbeat(_)
                | Self::DescribeWorker(_)
                | Self::ListWorkers(_)
                | Self::CountWorkers(_)
                | Self::ListTaskQueuePartitions(_)
                | Self::DescribeSchedule(_)
                | Self::ListScheduleMatchingTimes(_)
                | Self::ListSchedules(_)
                | Self::CountSchedules(_)
                | Self::DescribeBatchOperation(_)
                | Self::ListBatchOperations(_)
                | Self::ListWorkflowExecutions(_)
                | Self::CountWorkflowExecutions(_)
                | Self::ScanWorkflowExecutions(_)
                | Self::ListArchivedWorkflowExecutions(_)
                | Self::ListOpenWorkflowExecutions(_)
                | Self::ListClosedWorkflowExecutions(_)
                | Self::GetSearchAttributes(_)
                | Self::ListSearchAttributes(_)
        )
    }
}
