//! What a driver that skips time has to wait for: work that happens outside of the cluster.

use super::{
    Cluster,
    matching::{QueueName, Task, TaskKind, WorkerVersion},
};

impl Cluster {
    /// Whether a worker has a workflow task, an activity task or a query, and is going to answer.
    ///
    /// What the cluster does by itself (starting children, delivering signals and requests to cancel, telling parents) is
    /// done within the call that brings it about, so nothing of that kind is ever under way here.
    pub(crate) fn has_started_tasks(&self) -> bool {
        let mut open = self.runs.iter().filter(|run| run.is_running());
        self.direct_queries.any_is_started()
            || open.any(|run| {
                run.state.has_started_workflow_task()
                    || run.activities.iter().any(|activity| activity.is_started())
            })
    }

    /// Whether a task waits in a task queue.
    pub(crate) fn has_task_in(&self, namespace: &str, kind: TaskKind, name: &str) -> bool {
        let Ok(namespace) = self.shared.namespaces.find(namespace) else { return false };
        let queue = QueueName { namespace, kind, name: name.to_owned(), workers: WorkerVersion::default() };
        let mut versions = self.matching.versions(&queue).into_iter();
        versions.any(|queue| self.matching.backlog_of(queue).any(|task| self.is_current(task)))
    }

    /// How many calls wait for their answer.
    pub(crate) fn parked_calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether a task that waits still means something.
    fn is_current(&self, task: Task) -> bool {
        let open = |run| self.runs.get(run).filter(|run| run.is_running());
        match task {
            Task::Workflow { run, stamp } => open(run)
                .and_then(|run| run.state.workflow_task.as_ref())
                .is_some_and(|task| task.stamp == stamp && !task.is_started()),
            Task::Activity { run, scheduled_event_id, attempt, stamp } => {
                open(run).is_some_and(|run| run.is_activity_task_current(scheduled_event_id, attempt, stamp))
            }
            Task::Query { query, .. } => self.direct_queries.contains(query),
        }
    }
}
