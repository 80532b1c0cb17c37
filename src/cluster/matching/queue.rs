//! One task queue: its backlog, its waiting pollers, and who polled lately.

use std::collections::{BTreeMap, VecDeque};

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp, deployment::v1::WorkerDeploymentVersion,
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
    /// Counts the timers that were armed for the rate limit.
    generation: u64,
    /// The timer that will look at the queue again.
    armed: Option<(u64, Time)>,
}

/// All task queues of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    queues: IndexMap<QueueName, TaskQueue>,
    /// Counts the tasks that had to wait.
    sequence: u64,
    /// The workers whose polls were ended because they shut down, by their instance keys, and when that was.
    shut_down: BTreeMap<String, Time>,
}

impl Matching {
    /// Adds a task to the backlog, behind all of the same priority and of those with a smaller number.
    pub(super) fn push(&mut self, queue: QueueName, priority: i32, task: Task) {
        self.sequence += 1;
        self.queues.entry(queue).or_default().backlog.insert((priority, self.sequence), task);
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
    pub(super) fn rate_limit_timer(&mut self, queue: &QueueName, now: Time) -> Option<(Time, Timer)> {
        let (index, _, queue) = self.queues.get_full_mut(queue)?;
        if queue.backlog.is_empty() || queue.pollers.is_empty() {
            return None;
        }
        let deadline = queue.rate_limit.as_ref()?.ready_at(now)?;
        if queue.armed.is_some_and(|(_, armed)| armed == deadline) {
            return None;
        }
        queue.generation += 1;
        queue.armed = Some((queue.generation, deadline));
        Some((deadline, Timer::TaskQueueRate { queue: index, generation: queue.generation }))
    }

    /// Whether the timer of a queue's rate limit is the latest one.
    pub(crate) fn is_armed(&self, queue: usize, generation: u64) -> bool {
        self.queues
            .get_index(queue)
            .and_then(|(_, queue)| queue.armed)
            .is_some_and(|(armed, _)| armed == generation)
    }

    /// The queue whose timer has fired.
    pub(super) fn fired(&mut self, queue: usize) -> Option<QueueName> {
        let (name, queue) = self.queues.get_index_mut(queue)?;
        queue.armed = None;
        Some(name.clone())
    }

    /// Takes the first task of the backlog.
    pub(crate) fn pop(&mut self, queue: &QueueName) -> Option<Task> {
        self.queues.get_mut(queue)?.backlog.pop_first().map(|(_, task)| task)
    }

    /// The tasks of the backlog that have the priority of the first one.
    pub(crate) fn first_tasks(&self, queue: &QueueName) -> impl Iterator<Item = &Task> {
        let backlog = self.queues.get(queue).map(|queue| &queue.backlog);
        let first = backlog.and_then(|backlog| backlog.first_key_value()).map(|((priority, _), _)| *priority);
        let tasks = backlog.into_iter().flatten();
        tasks.take_while(move |((priority, _), _)| Some(*priority) == first).map(|(_, task)| task)
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

    /// When each worker polled the queue last, by identity.
    pub(crate) fn pollers(&self, queue: &QueueName) -> impl Iterator<Item = (&str, Time)> {
        self.queues
            .get(queue)
            .into_iter()
            .flat_map(|queue| queue.polled.iter().map(|(identity, &time)| (identity.as_str(), time)))
    }

    /// The tasks that wait for a poller. Some of them may be over.
    #[cfg(feature = "server")]
    pub(crate) fn backlog_of(&self, queue: &QueueName) -> impl Iterator<Item = Task> {
        self.queues.get(queue).into_iter().flat_map(|queue| queue.backlog.values().copied())
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
