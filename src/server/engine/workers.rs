//! Workers between two calls.
//!
//! A worker that has just been given a task, or has just reported one, is about to poll again: it is not gone, it is on its
//! way. To skip time at that moment would let tasks time out for which it is coming.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    cluster::{CallId, Cluster, driver::TaskKind},
    rpc::{Request, Response, ResponseMessage},
    server::wall_clock::Wall,
};

/// How long a worker may take to poll again.
const RETURN: Duration = Duration::from_millis(50);
/// How long it may take if a task waits for it.
const RETURN_FOR_TASK: Duration = Duration::from_secs(1);

/// Of so many tasks it is known which worker has them. Those that are never reported would pile up.
const TASKS: usize = 10_000;

/// A task queue that workers poll.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Queue {
    namespace: String,
    kind: TaskKind,
    name: String,
}

/// What is known of the workers of a queue.
#[derive(Debug)]
struct Polled {
    /// How many of their polls wait.
    waiting: usize,
    /// When they last polled, got a task or reported one.
    seen: Wall,
}

/// What the server knows of its workers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    queues: BTreeMap<Queue, Polled>,
    /// The queue of each poll that waits.
    polls: BTreeMap<CallId, Queue>,
    /// The queue of each task that a worker has, by its token.
    tasks: BTreeMap<Vec<u8>, Queue>,
}

impl Workers {
    /// A call comes in. Tells whether it asks for a task.
    pub(super) fn called(&mut self, wall: Wall, call: CallId, request: &Request) -> bool {
        if let Some(queue) = polled(request) {
            let polled = self.queues.entry(queue.clone()).or_insert(Polled { waiting: 0, seen: wall });
            polled.waiting += 1;
            polled.seen = wall;
            self.polls.insert(call, queue);
            return true;
        }
        if let Some(queue) = reported(request).and_then(|token| self.tasks.remove(token)) {
            self.queues.entry(queue).or_insert(Polled { waiting: 0, seen: wall }).seen = wall;
        }
        false
    }

    /// A call has its answer. Tells whether that is a task for a worker.
    pub(super) fn answered(&mut self, wall: Wall, call: CallId, response: Option<&Response>) -> bool {
        let Some(queue) = self.ended(wall, call) else { return false };
        match response.and_then(task_token) {
            Some(token) if !token.is_empty() => {
                if self.tasks.len() >= TASKS {
                    // Their workers are waited for as any others are that have just polled.
                    self.tasks.clear();
                }
                self.tasks.insert(token.to_vec(), queue);
                true
            }
            _ => false,
        }
    }

    /// A caller went away.
    pub(super) fn gone(&mut self, wall: Wall, call: CallId) {
        self.ended(wall, call);
    }

    fn ended(&mut self, wall: Wall, call: CallId) -> Option<Queue> {
        let queue = self.polls.remove(&call)?;
        if let Some(polled) = self.queues.get_mut(&queue) {
            polled.waiting = polled.waiting.saturating_sub(1);
            polled.seen = wall;
        }
        Some(queue)
    }

    /// Until when to wait for workers that are on their way; `None` if none is.
    pub(super) fn awaited(&mut self, wall: Wall, cluster: &Cluster) -> Option<Wall> {
        self.queues.retain(|_, polled| polled.waiting > 0 || wall < polled.seen + RETURN_FOR_TASK);
        if self.queues.is_empty() {
            // Tasks that were never reported have timed out.
            self.tasks.clear();
        }
        let away = self.queues.iter().filter(|(_, polled)| polled.waiting == 0);
        away.map(|(queue, polled)| {
            let has_task = cluster.has_task_in(&queue.namespace, queue.kind, &queue.name);
            polled.seen + if has_task { RETURN_FOR_TASK } else { RETURN }
        })
        .filter(|until| wall < *until)
        .max()
    }
}

/// The queue that a request polls.
fn polled(request: &Request) -> Option<Queue> {
    let (namespace, kind, queue) = match request {
        Request::PollWorkflowTaskQueue(poll) => (&poll.namespace, TaskKind::Workflow, &poll.task_queue),
        Request::PollActivityTaskQueue(poll) => (&poll.namespace, TaskKind::Activity, &poll.task_queue),
        _ => return None,
    };
    Some(Queue { namespace: namespace.clone(), kind, name: queue.as_ref()?.name.clone() })
}

/// The token of the task that a request reports.
fn reported(request: &Request) -> Option<&[u8]> {
    Some(match request {
        Request::RespondWorkflowTaskCompleted(report) => &report.task_token,
        Request::RespondWorkflowTaskFailed(report) => &report.task_token,
        Request::RespondQueryTaskCompleted(report) => &report.task_token,
        Request::RespondActivityTaskCompleted(report) => &report.task_token,
        Request::RespondActivityTaskFailed(report) => &report.task_token,
        Request::RespondActivityTaskCanceled(report) => &report.task_token,
        _ => return None,
    })
}

/// The token of the task that an answer hands out.
fn task_token(response: &Response) -> Option<&[u8]> {
    match &response.message {
        ResponseMessage::PollWorkflowTaskQueue(task) => Some(&task.task_token),
        ResponseMessage::PollActivityTaskQueue(task) => Some(&task.task_token),
        _ => None,
    }
}
