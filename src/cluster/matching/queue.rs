//! One task queue: its backlog, its waiting pollers, and who polled lately.

use std::collections::{BTreeMap, VecDeque};

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp, deployment::v1::WorkerDeploymentVersion, enums::v1::TaskQueueType,
};

use super::{WorkerVersion, rate_limit::RateLimit};
use crate::{
    clock::Time,
    cluster::{CallId, execution::RunKey, limits, namespaces::NamespaceKey, timers::Timer},
    index_map::IndexMap,
};

/// Tasks of different kinds do not meet, even if their queues have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TaskKind {
    Workflow,
    Activity,
    /// There are workers that ask for these, but never any tasks.
    Nexus,
}

impl TaskKind {
    /// Of a type that a request names; workflow tasks if it names none.
    pub(crate) fn of(task_queue_type: TaskQueueType) -> Self {
        match task_queue_type {
            TaskQueueType::Activity => Self::Activity,
            TaskQueueType::Nexus => Self::Nexus,
            TaskQueueType::Workflow | TaskQueueType::Unspecified => Self::Workflow,
        }
    }
}

/// Names a task queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct QueueName {
    pub(crate) namespace: NamespaceKey,
    pub(crate) kind: TaskKind,
    pub(crate) name: String,
    /// Of the workers that ask there.
    pub(crate) workers: WorkerVersion,
}

/// A task on its way to a poller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// The workflow task of a run that has this stamp.
    Workflow { run: RunKey, stamp: u64 },
    /// An attempt of an activity.
    Activity { run: RunKey, scheduled_event_id: i64, attempt: i32, stamp: i32 },
    /// A query that no workflow task is going to answer.
    Query { run: RunKey, query: u64 },
}

/// A worker that asks for a task.
#[derive(Debug, Clone)]
pub(crate) struct Poller {
    /// The call to answer.
    pub(crate) call: CallId,
    pub(crate) identity: String,
    /// The worker's instance key; empty if it says none.
    pub(crate) worker: String,
    /// Whether it polls a sticky queue, so that it has the run in its cache.
    pub(crate) sticky: bool,
    /// The version of the worker, if it is one of a worker deployment.
    pub(crate) version: Option<WorkerDeploymentVersion>,
    /// The build of the worker, if it says one and is of no deployment.
    pub(crate) stamp: Option<WorkerVersionStamp>,
}

#[derive(Debug, Default)]
struct TaskQueue {
    /// The tasks that wait for a poller, by priority and age.
    backlog: BTreeMap<(i32, u64), Task>,
    pollers: VecDeque<Poller>,
    /// When each worker polled last, by identity.
    polled: IndexMap<String, Time>,
    last_poll: Option<Time>,
    /// What the worker that polled last wants the whole queue to keep to.
    rate_limit: Option<RateLimit>,
    /// The timer that will look at the queue again.
    armed: Option<(u64, Time)>,
    /// Tasks that are over are swept out of the backlog when it has grown to this length.
    sweep_at: usize,
}

/// All task queues of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    queues: IndexMap<QueueName, TaskQueue>,
    /// Counts the tasks that had to wait.
    sequence: u64,
    /// Counts the timers that were armed for rate limits.
    generation: u64,
    /// The queues whose rate limits have a timer, by its generation.
    armed: BTreeMap<u64, QueueName>,
    /// Idle queues are forgotten when there are so many.
    unload_at: usize,
    /// The workers whose polls were ended because they shut down, by their instance keys, and when that was.
    shut_down: BTreeMap<String, Time>,
}

/// Below this many there is nothing worth looking for: tasks that are over, workers that are gone, queues that are idle.
const SWEEP_AT_LEAST: usize = 128;

impl Matching {
    /// Adds a task to the backlog, behind all of the same priority and of those with a smaller number. Answers whether it is
    /// time to [`Self::sweep`] the queue.
    #[must_use]
    pub(super) fn push(&mut self, queue: QueueName, priority: i32, task: Task) -> bool {
        self.sequence += 1;
        let queue = self.queues.entry(queue).or_default();
        queue.backlog.insert((priority, self.sequence), task);
        queue.backlog.len() >= queue.sweep_at.max(SWEEP_AT_LEAST)
    }

    /// Drops the tasks of a backlog that are over: where nobody polls, nobody else does.
    pub(super) fn sweep(&mut self, queue: &QueueName, is_current: impl Fn(&Task) -> bool) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.backlog.retain(|_, task| is_current(task));
            queue.sweep_at = queue.backlog.len() * 2;
        }
    }

    /// Whether there are so many queues that it is time to [`Self::unload_idle`].
    pub(super) fn is_crowded(&self) -> bool {
        self.queues.len() >= self.unload_at.max(SWEEP_AT_LEAST)
    }

    /// Forgets the queues that hold no task which is not over, and that nobody has polled for a while. That a version of a
    /// worker has polled is remembered for ever, as a server does.
    pub(super) fn unload_idle(&mut self, now: Time, is_current: impl Fn(&Task) -> bool) {
        self.queues.retain(|name, queue| {
            let is_polled = !queue.pollers.is_empty()
                || queue.last_poll.is_some_and(|last| now.since(last) < limits::IDLE_TASK_QUEUE);
            is_polled
                || name.workers != WorkerVersion::None
                || queue.armed.is_some()
                || queue.backlog.values().any(&is_current)
        });
        self.unload_at = self.queues.len() * 2;
    }

    /// Takes over what a poller says of the rate of its queue.
    pub(crate) fn set_rate_limit(&mut self, queue: &QueueName, now: Time, per_second: Option<f64>) {
        if per_second.is_none() && self.queues.get(queue).is_none_or(|queue| queue.rate_limit.is_none()) {
            return;
        }
        let queue = self.queues.entry(queue.clone()).or_default();
        queue.rate_limit = per_second.map(|rate| match &queue.rate_limit {
            Some(limit) => limit.changed(now, rate),
            None => RateLimit::new(rate),
        });
    }

    /// The rate that the workers of a queue have set, in tasks per second.
    pub(super) fn rate_limit(&self, queue: &QueueName) -> Option<f64> {
        Some(self.queues.get(queue)?.rate_limit.as_ref()?.per_second)
    }

    /// Whether the rate limit of a queue lets a task go.
    pub(super) fn lets_go(&self, queue: &QueueName, now: Time) -> bool {
        self.queues
            .get(queue)
            .and_then(|queue| queue.rate_limit.as_ref())
            .is_none_or(|limit| limit.ready_at(now) == Some(now))
    }

    /// A task has gone to a poller.
    pub(super) fn count_against_rate_limit(&mut self, queue: &QueueName, now: Time) {
        if let Some(limit) = self.queues.get_mut(queue).and_then(|queue| queue.rate_limit.as_mut()) {
            limit.consume(now);
        }
    }

    /// The timer to arm for a queue in which tasks and pollers wait for the rate limit, and its deadline.
    pub(super) fn rate_limit_timer(&mut self, name: &QueueName, now: Time) -> Option<(Time, Timer)> {
        let queue = self.queues.get_mut(name)?;
        if queue.backlog.is_empty() || queue.pollers.is_empty() {
            return None;
        }
        let deadline = queue.rate_limit.as_ref()?.ready_at(now)?;
        if queue.armed.is_some_and(|(_, armed)| armed == deadline) {
            return None;
        }
        self.generation += 1;
        if let Some((earlier, _)) = queue.armed.replace((self.generation, deadline)) {
            self.armed.remove(&earlier);
        }
        self.armed.insert(self.generation, name.clone());
        Some((deadline, Timer::TaskQueueRate { generation: self.generation }))
    }

    /// Whether this timer is the latest one of some queue's rate limit.
    pub(crate) fn is_armed(&self, generation: u64) -> bool {
        self.armed.contains_key(&generation)
    }

    /// The queue whose timer has fired.
    pub(super) fn fired(&mut self, generation: u64) -> Option<QueueName> {
        let name = self.armed.remove(&generation)?;
        self.queues.get_mut(&name)?.armed = None;
        Some(name)
    }

    /// Takes the first task of the backlog.
    pub(crate) fn pop(&mut self, queue: &QueueName) -> Option<Task> {
        self.queues.get_mut(queue)?.backlog.pop_first().map(|(_, task)| task)
    }

    /// The tasks of the backlog with their priorities, the one that goes first first. Some of them may be over.
    pub(crate) fn tasks(&self, queue: &QueueName) -> impl Iterator<Item = (i32, &Task)> {
        let backlog = self.queues.get(queue).into_iter().flat_map(|queue| &queue.backlog);
        backlog.map(|((priority, _), task)| (*priority, task))
    }

    /// The tasks of the backlog that have the priority of the first one.
    pub(crate) fn first_tasks(&self, queue: &QueueName) -> impl Iterator<Item = &Task> {
        let first = self.tasks(queue).next().map(|(priority, _)| priority);
        self.tasks(queue).take_while(move |(priority, _)| Some(*priority) == first).map(|(_, task)| task)
    }

    /// Takes the task of the backlog that has this place, from 0.
    pub(crate) fn pop_nth(&mut self, queue: &QueueName, place: usize) -> Option<Task> {
        let backlog = &mut self.queues.get_mut(queue)?.backlog;
        let key = *backlog.keys().nth(place)?;
        backlog.remove(&key)
    }

    /// The pollers that wait, in the order in which they came.
    pub(crate) fn waiting_pollers(&self, queue: &QueueName) -> Vec<Poller> {
        self.queues.get(queue).map(|queue| queue.pollers.iter().cloned().collect()).unwrap_or_default()
    }

    /// Takes the tasks out of the backlog that fit.
    pub(crate) fn take(&mut self, queue: &QueueName, fits: impl Fn(&Task) -> bool) -> Vec<Task> {
        let Some(queue) = self.queues.get_mut(queue) else { return Vec::new() };
        let keys: Vec<_> = queue.backlog.iter().filter(|(_, task)| fits(task)).map(|(&key, _)| key).collect();
        keys.iter().filter_map(|key| queue.backlog.remove(key)).collect()
    }

    /// Whether somebody has ever polled the queue.
    pub(crate) fn is_known(&self, queue: &QueueName) -> bool {
        self.queues.get(queue).is_some_and(|queue| queue.last_poll.is_some())
    }

    /// How many queues, and how many of their workers, there is something to say of.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.queues.len(), self.queues.values().map(|queue| queue.polled.len()).sum())
    }

    /// How many tasks wait in all queues.
    #[cfg(test)]
    pub(crate) fn waiting_tasks(&self) -> usize {
        self.queues.values().map(|queue| queue.backlog.len()).sum()
    }

    /// Takes a task out of whatever queue has one.
    #[cfg(test)]
    pub(crate) fn pop_anything(&mut self) -> Option<Task> {
        self.queues.values_mut().find_map(|queue| queue.backlog.pop_first()).map(|(_, task)| task)
    }

    /// The poller that has waited longest.
    pub(crate) fn first_poller(&self, queue: &QueueName) -> Option<&Poller> {
        self.queues.get(queue)?.pollers.front()
    }

    /// Lets a poller wait.
    pub(super) fn park(&mut self, queue: QueueName, poller: Poller) {
        self.queues.entry(queue).or_default().pollers.push_back(poller);
    }

    /// A poller has got a task, has waited for long enough, or went away.
    pub(crate) fn remove_poller(&mut self, queue: &QueueName, call: CallId, now: Time) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.pollers.retain(|poller| poller.call != call);
            queue.last_poll = Some(now);
        }
    }

    /// Somebody polls.
    pub(super) fn note_poll(&mut self, queue: &QueueName, identity: &str, now: Time) {
        let queue = match self.queues.get_mut(queue) {
            Some(queue) => queue,
            None => self.queues.entry(queue.clone()).or_default(),
        };
        queue.last_poll = Some(now);
        match queue.polled.get_mut(identity) {
            Some(time) => *time = now,
            None => {
                queue.polled.insert(identity.to_owned(), now);
                queue.forget_pollers(now);
            }
        }
    }

    /// Whether somebody polls the queue, or did so not long ago.
    pub(crate) fn is_alive(&self, queue: &QueueName, now: Time) -> bool {
        self.queues.get(queue).is_some_and(|queue| {
            !queue.pollers.is_empty()
                || queue.last_poll.is_some_and(|last| now.since(last) < limits::STICKY_POLLER_ALIVE)
        })
    }

    /// The queues of all versions of workers that a task queue has, the one of workers without a version first.
    pub(crate) fn versions<'a>(&'a self, queue: &QueueName) -> Vec<&'a QueueName> {
        let is_same = |other: &&QueueName| {
            (other.namespace, other.kind, &other.name) == (queue.namespace, queue.kind, &queue.name)
        };
        let mut queues: Vec<_> = self.queues.keys().filter(is_same).collect();
        queues.sort();
        queues
    }

    /// When each worker polled the queue last, by identity. Whoever did so long ago does not count any more.
    pub(crate) fn pollers(&self, queue: &QueueName, now: Time) -> impl Iterator<Item = (&str, Time)> {
        self.queues.get(queue).into_iter().flat_map(move |queue| {
            let polled = queue.polled.iter().map(|(identity, &time)| (identity.as_str(), time));
            polled.filter(move |&(identity, time)| queue.counts(identity, time, now))
        })
    }

    /// How many tasks wait for a poller. Some of them may be over.
    pub(crate) fn backlog(&self, queue: &QueueName) -> usize {
        self.queues.get(queue).map_or(0, |queue| queue.backlog.len())
    }

    /// A worker has shut down. Answers the polls that it has out.
    pub(crate) fn shut_down(&mut self, worker: &str, now: Time) -> Vec<CallId> {
        self.shut_down.retain(|_, &mut at| now.since(at) < limits::SHUT_DOWN_WORKER);
        self.shut_down.insert(worker.to_owned(), now);
        let pollers = self.queues.values().flat_map(|queue| &queue.pollers);
        pollers.filter(|poller| poller.worker == worker).map(|poller| poller.call).collect()
    }

    /// Whether a poll comes from a worker that has shut down lately.
    pub(crate) fn is_shut_down(&self, poller: &Poller, now: Time) -> bool {
        !poller.worker.is_empty()
            && self.shut_down.get(&poller.worker).is_some_and(|&at| now.since(at) < limits::SHUT_DOWN_WORKER)
    }

    /// Forgets that a worker has ever polled a queue.
    pub(crate) fn forget_identity(&mut self, queue: &QueueName, identity: &str) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.polled.shift_remove(identity);
        }
    }

    /// Forgets who polled a queue, and answers the calls that wait there.
    pub(crate) fn unload(&mut self, queue: &QueueName) -> Vec<CallId> {
        let Some(queue) = self.queues.get_mut(queue) else { return Vec::new() };
        queue.last_poll = None;
        queue.polled.clear();
        queue.pollers.drain(..).map(|poller| poller.call).collect()
    }
}

impl TaskQueue {
    /// Whether a worker that polled last at `time` is one of the queue's: it polled lately, or still does.
    fn counts(&self, identity: &str, time: Time, now: Time) -> bool {
        now.since(time) < limits::POLLER_HISTORY || self.pollers.iter().any(|it| it.identity == identity)
    }

    /// Forgets the workers that have not polled for a while, when there could be many of them.
    fn forget_pollers(&mut self, now: Time) {
        // Whenever the number is a power of two, so that it costs little for each of them.
        if self.polled.len() >= SWEEP_AT_LEAST && self.polled.len().is_power_of_two() {
            let mut polled = std::mem::take(&mut self.polled);
            polled.retain(|identity, time| self.counts(identity, *time, now));
            self.polled = polled;
        }
    }
}
