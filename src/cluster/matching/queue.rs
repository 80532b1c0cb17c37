//! One task queue: its backlog, its waiting pollers, and who polled lately.

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;

use crate::{
    clock::Time,
    cluster::{CallId, execution::RunKey, limits, namespaces::NamespaceKey},
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
    /// Whether it polls a sticky queue, so that it has the run in its cache.
    pub(crate) sticky: bool,
}

#[derive(Debug, Default)]
struct TaskQueue {
    /// The tasks that wait for a poller, by priority and age.
    backlog: BTreeMap<(i32, u64), Task>,
    pollers: VecDeque<Poller>,
    /// When each worker polled last, by identity.
    polled: IndexMap<String, Time>,
    last_poll: Option<Time>,
}

/// All task queues of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    queues: IndexMap<QueueName, TaskQueue>,
    /// Counts the tasks that had to wait.
    sequence: u64,
}

impl Matching {
    /// Adds a task to the backlog, behind all of the same priority and of those with a smaller number.
    pub(super) fn push(&mut self, queue: QueueName, priority: i32, task: Task) {
        self.sequence += 1;
        self.queues.entry(queue).or_default().backlog.insert((priority, self.sequence), task);
    }

    /// Takes the first task of the backlog.
    pub(super) fn pop(&mut self, queue: &QueueName) -> Option<Task> {
        self.queues.get_mut(queue)?.backlog.pop_first().map(|(_, task)| task)
    }

    /// The poller that has waited longest.
    pub(super) fn first_poller(&self, queue: &QueueName) -> Option<&Poller> {
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

    /// When each worker polled the queue last, by identity.
    pub(crate) fn pollers(&self, queue: &QueueName) -> impl Iterator<Item = (&str, Time)> {
        self.queues
            .get(queue)
            .into_iter()
            .flat_map(|queue| queue.polled.iter().map(|(identity, &time)| (identity.as_str(), time)))
    }

    /// How many tasks wait for a poller. Some of them may be over.
    pub(crate) fn backlog(&self, queue: &QueueName) -> usize {
        self.queues.get(queue).map_or(0, |queue| queue.backlog.len())
    }

    /// Forgets who polled a queue, and answers the calls that wait there.
    pub(crate) fn unload(&mut self, queue: &QueueName) -> Vec<CallId> {
        let Some(queue) = self.queues.get_mut(queue) else { return Vec::new() };
        queue.last_poll = None;
        queue.polled.clear();
        queue.pollers.drain(..).map(|poller| poller.call).collect()
    }
}
