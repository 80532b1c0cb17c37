//! Matching: task queues, and the pollers that wait at them.
//!
//! A task carries no state of a run. Whether it still means something is decided when a poller takes it:
//! [`Cluster::start_task`] answers nothing for a task that is over, and the poller goes on waiting.

mod describe;
mod nexus;
mod poll;
mod queue;
mod rate_limit;
mod version;

pub(in crate::cluster) use poll::first_page;
pub(crate) use queue::{Matching, Poller, QueueName, Task, TaskKind};
pub(crate) use version::{WorkerVersion, deployment_version};

use temporalio_common::protos::temporal::api::{
    common::v1::Priority,
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        PollActivityTaskQueueResponse, PollNexusTaskQueueResponse, PollWorkflowTaskQueueResponse,
    },
};

use super::{
    Cluster,
    calls::{CallContext, Parked, Reply},
    execution::RunKey,
    limits,
};
use crate::{clock::Time, rpc::Response};

/// The answer to a poll that has found nothing.
pub(crate) fn empty_poll(kind: TaskKind) -> Response {
    match kind {
        TaskKind::Workflow => PollWorkflowTaskQueueResponse::default().into(),
        TaskKind::Activity => PollActivityTaskQueueResponse::default().into(),
        TaskKind::Nexus => PollNexusTaskQueueResponse::default().into(),
    }
}

impl Cluster {
    /// Gives a task to the first poller that waits at the queue, or keeps it for the next.
    pub(super) fn add_task(&mut self, now: Time, queue: QueueName, task: Task) {
        match self.next_poller(&queue) {
            Some(poller) if self.matching.lets_go(&queue, now) => {
                if let Some(response) = self.start_task(now, &task, &poller) {
                    self.matching.count_against_rate_limit(&queue, now);
                    self.matching.remove_poller(&queue, poller.call, now);
                    self.answer_parked(poller.call, Ok(response));
                }
            }
            waiting => {
                let priority = self.priority(&task);
                let waiting = waiting.is_some();
                self.keep_task(now, &queue, priority, task);
                if waiting {
                    self.await_rate_limit(now, &queue);
                }
            }
        }
    }

    /// Keeps a task for the next poller. Every now and then, drops those of the queue that are over.
    fn keep_task(&mut self, now: Time, queue: &QueueName, priority: i32, task: Task) {
        if self.matching.push(queue.clone(), priority, task) {
            let mut matching = std::mem::take(&mut self.matching);
            matching.sweep(queue, |task| self.is_current(task));
            self.matching = matching;
        }
        self.unload_idle_queues(now);
    }

    /// Every now and then, forgets the task queues that nobody uses any more.
    fn unload_idle_queues(&mut self, now: Time) {
        if self.matching.is_crowded() {
            let mut matching = std::mem::take(&mut self.matching);
            matching.unload_idle(now, |task| self.is_current(task));
            self.matching = matching;
        }
    }

    /// Whether a task that waits still means something. One for which this is `false` will never mean anything again.
    pub(super) fn is_current(&self, task: &Task) -> bool {
        let open = |run| self.runs.get(run).filter(|run| run.is_running());
        match *task {
            Task::Workflow { run, stamp } => open(run)
                .and_then(|run| run.state.workflow_task.as_ref())
                .is_some_and(|task| task.stamp == stamp && !task.is_started()),
            Task::Activity { run, scheduled_event_id, attempt, stamp } => {
                open(run).is_some_and(|run| run.is_activity_task_current(scheduled_event_id, attempt, stamp))
            }
            Task::Query { query, .. } => self.direct_queries.contains(query),
        }
    }

    /// The rate limit of a queue may let tasks go again.
    pub(super) fn rate_limit_passed(&mut self, now: Time, generation: u64) {
        let Some(queue) = self.matching.fired(generation) else { return };
        while self.matching.lets_go(&queue, now)
            && let Some(poller) = self.next_poller(&queue)
            && let Some(task) = self.next_task(&queue)
        {
            if let Some(response) = self.start_task(now, &task, &poller) {
                self.matching.count_against_rate_limit(&queue, now);
                self.matching.remove_poller(&queue, poller.call, now);
                self.answer_parked(poller.call, Ok(response));
            }
        }
        self.await_rate_limit(now, &queue);
    }

    fn await_rate_limit(&mut self, now: Time, queue: &QueueName) {
        if let Some((deadline, timer)) = self.matching.rate_limit_timer(queue, now) {
            self.timers.arm(deadline, timer);
        }
    }

    /// Gives a poller the first task of the queue that is not over, or lets it wait.
    pub(super) fn poll(
        &mut self,
        now: Time,
        context: CallContext,
        queue: QueueName,
        poller: Poller,
    ) -> Reply {
        if self.matching.is_shut_down(&poller, now) {
            return Ok(Some(empty_poll(queue.kind)));
        }
        self.matching.note_poll(&queue, &poller.identity, now);
        while self.matching.lets_go(&queue, now)
            && let Some(task) = self.next_task(&queue)
        {
            if let Some(response) = self.start_task(now, &task, &poller) {
                self.matching.count_against_rate_limit(&queue, now);
                return Ok(Some(response));
            }
        }
        self.matching.park(queue.clone(), poller);
        self.unload_idle_queues(now);
        self.await_rate_limit(now, &queue);
        self.park(now, context, limits::TASK_LONG_POLL, Parked::Poll(queue));
        Ok(None)
    }

    /// The priority of a task: 1 goes first, and what has none goes as 3.
    fn priority(&self, task: &Task) -> i32 {
        const DEFAULT: i32 = 3;
        let run = match *task {
            Task::Workflow { run, .. } | Task::Activity { run, .. } | Task::Query { run, .. } => run,
        };
        let Some(run) = self.runs.get(run) else { return DEFAULT };
        let scheduled = match *task {
            Task::Activity { scheduled_event_id, .. } => run.history.get(scheduled_event_id),
            _ => None,
        };
        let own = match scheduled.and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::ActivityTaskScheduledEventAttributes(activity)) => activity.priority.as_ref(),
            _ => None,
        };
        let key = |priority: Option<&Priority>| {
            priority.map(|priority| priority.priority_key).filter(|&priority| priority > 0)
        };
        key(own).or_else(|| key(run.state.options.priority.as_ref())).unwrap_or(DEFAULT)
    }

    /// Starts a task for a poller; `None` if the task is over.
    fn start_task(&mut self, now: Time, task: &Task, poller: &Poller) -> Option<Response> {
        match *task {
            Task::Workflow { run, stamp } => self.start_workflow_task_for(now, run, stamp, poller),
            Task::Activity { run, scheduled_event_id, attempt, stamp } => {
                self.start_activity_task_for(now, run, scheduled_event_id, attempt, stamp, poller)
            }
            Task::Query { run, query } => self.start_query_task_for(run, query, poller),
        }
    }

    /// Hands a scheduled workflow task to the queue it was scheduled to. A sticky queue whose worker has
    /// gone is passed over; its schedule-to-start timeout goes on all the same.
    pub(super) fn dispatch_workflow_task(&mut self, now: Time, run: RunKey, stamp: u64) {
        let Some(found) = self.runs.get(run) else { return };
        let Some(task) = found.state.workflow_task.as_ref().filter(|task| task.stamp == stamp) else {
            return;
        };
        let mut queue = QueueName {
            namespace: found.namespace,
            kind: TaskKind::Workflow,
            name: task.task_queue.name.clone(),
            workers: if task.is_sticky() { WorkerVersion::None } else { found.state.workers() },
        };
        if task.is_sticky() && !self.matching.is_alive(&queue, now) {
            queue.name.clone_from(&found.info.task_queue);
            queue.workers = found.state.workers();
        }
        self.add_task(now, queue, Task::Workflow { run, stamp });
    }
}
