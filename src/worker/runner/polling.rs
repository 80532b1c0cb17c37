//! The polls for tasks: one for the task queue, one for the sticky queue, one for activities.
//!
//! A worker needs no more than one poll a queue here: it takes no virtual time to hand a task over and to
//! poll again. It polls its task queue again before it works on a task from there, as a worker does that polls
//! several times at once: a child that the task starts finds it waiting.

use std::{future::pending, pin::Pin, rc::Rc, sync::Arc, task::Poll, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{LocalBoxFuture, MaybeDone, OptionFuture, maybe_done},
    poll,
};
use temporalio_common::protos::temporal::api::{
    enums::v1::TaskQueueKind,
    taskqueue::v1::{TaskQueue, TaskQueueMetadata},
    workflowservice::v1::{
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Delivery, Shared};
use crate::{clock::Time, cluster::Error, faults::StalledQueue, worker::stalls};

/// What a poll brought; `None` if the server had nothing for too long.
type Polled<T> = Result<Option<T>, Error>;

type ActivityTask = (Box<PollActivityTaskQueueResponse>, OwnedSemaphorePermit);

/// The polls for workflow tasks.
pub(super) struct WorkflowTasks {
    shared: Rc<Shared>,
    slots: Arc<Semaphore>,
    sticky_queue: Option<String>,
    sticky: Option<LocalBoxFuture<'static, Polled<Delivery>>>,
    /// The poll for the task queue, which keeps its task until somebody wants it.
    normal: Option<MaybeDone<LocalBoxFuture<'static, Polled<Delivery>>>>,
}

impl WorkflowTasks {
    pub(super) fn new(shared: &Rc<Shared>, sticky_queue: Option<String>) -> Self {
        // Each of the two polls takes up a slot while it waits.
        let least = if sticky_queue.is_some() { 2 } else { 1 };
        let slots = shared.worker.options.max_concurrent_workflow_tasks.max(least);
        Self {
            shared: shared.clone(),
            slots: Arc::new(Semaphore::new(slots)),
            sticky_queue,
            sticky: None,
            normal: None,
        }
    }

    /// The next workflow task, from the sticky queue first. The error is in words for people.
    pub(super) async fn next(&mut self) -> Result<Option<Delivery>, String> {
        if self.shared.worker.workflows.is_empty() {
            return pending().await;
        }
        if let Some(name) = &self.sticky_queue
            && self.sticky.is_none()
        {
            self.sticky = Some(self.poll(TaskQueue {
                name: name.clone(),
                kind: TaskQueueKind::Sticky.into(),
                normal_name: self.shared.worker.options.task_queue.clone(),
            }));
        }
        if self.normal.is_none() {
            self.poll_task_queue().await;
        }
        let polled = tokio::select! {
            biased;
            Some(polled) = OptionFuture::from(self.sticky.as_mut()) => {
                self.sticky = None;
                Some(polled)
            }
            Some(()) = OptionFuture::from(self.normal.as_mut()) => {
                let polled = self.normal.as_mut().and_then(|poll| Pin::new(poll).take_output());
                self.poll_task_queue().await;
                polled
            }
        };
        match polled {
            Some(polled) => polled.map_err(|error| in_words(&self.shared, "workflow tasks", &error)),
            None => Ok(None),
        }
    }

    /// Takes back the polls; gives the tasks that have come already.
    pub(super) fn close(self) -> Vec<Delivery> {
        let sticky = self.sticky.and_then(|poll| poll.now_or_never());
        let normal = self.normal.and_then(|mut poll| {
            let _ = (&mut poll).now_or_never();
            Pin::new(&mut poll).take_output()
        });
        [sticky, normal].into_iter().flatten().filter_map(|polled| polled.ok().flatten()).collect()
    }

    /// Sends a poll for the task queue, without waiting for its answer.
    async fn poll_task_queue(&mut self) {
        let mut poll = maybe_done(self.poll(normal(&self.shared.worker.options.task_queue)));
        let _: Poll<()> = poll!(&mut poll);
        self.normal = Some(poll);
    }

    fn poll(&self, task_queue: TaskQueue) -> LocalBoxFuture<'static, Polled<Delivery>> {
        let (shared, slots) = (self.shared.clone(), self.slots.clone());
        let queue = match task_queue.kind() {
            TaskQueueKind::Sticky => StalledQueue::Sticky,
            _ => StalledQueue::Workflow,
        };
        Box::pin(async move {
            let poll = || poll_workflow_tasks(&shared, slots.clone(), task_queue.clone());
            stalls::unless_stalled(&shared, queue, poll).await
        })
    }
}

async fn poll_workflow_tasks(
    shared: &Shared,
    slots: Arc<Semaphore>,
    task_queue: TaskQueue,
) -> Polled<Delivery> {
    let slot = acquire(slots).await;
    let (task, events) = shared
        .poll(PollWorkflowTaskQueueRequest {
            namespace: shared.namespace.clone(),
            task_queue: Some(task_queue),
            identity: shared.identity.clone(),
            deployment_options: shared.worker.options.deployment(),
            ..Default::default()
        })
        .await?;
    Ok((!task.task_token.is_empty()).then(|| Delivery { task, events, slot }))
}

/// The poll for activity tasks.
pub(super) struct ActivityTasks {
    shared: Rc<Shared>,
    poll: Option<LocalBoxFuture<'static, Polled<ActivityTask>>>,
    /// When the next poll may go out.
    next_poll: Option<Time>,
}

impl ActivityTasks {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        Self { shared: shared.clone(), poll: None, next_poll: None }
    }

    /// The next activity task, and the slot for it. The error is in words for people.
    pub(super) async fn next(&mut self) -> Result<Option<ActivityTask>, String> {
        if self.shared.worker.activities.is_empty() {
            return pending().await;
        }
        if self.poll.is_none() {
            let not_before = self.reserve();
            let shared = self.shared.clone();
            self.poll = Some(Box::pin(async move {
                let poll = || poll_activity_tasks(&shared, not_before);
                stalls::unless_stalled(&shared, StalledQueue::Activity, poll).await
            }));
        }
        let polled = match &mut self.poll {
            Some(poll) => poll.await,
            None => return Ok(None),
        };
        self.poll = None;
        polled.map_err(|error| in_words(&self.shared, "activity tasks", &error))
    }

    /// When a poll may go out if the worker is to keep to its rate; the one after it goes out later.
    fn reserve(&mut self) -> Option<Time> {
        let rate = self.shared.worker.options.max_worker_activities_per_second?;
        let now = self.shared.service.now();
        let time = self.next_poll.map_or(now, |next| next.max(now));
        // A rate so low that the interval cannot be expressed is no poll in the time of any test.
        let interval = Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX);
        self.next_poll = Some(time + interval);
        (time > now).then_some(time)
    }

    /// Takes back the poll; gives the task that has come already.
    pub(super) fn close(self) -> Option<ActivityTask> {
        self.poll?.now_or_never()?.ok()?
    }
}

async fn poll_activity_tasks(shared: &Shared, not_before: Option<Time>) -> Polled<ActivityTask> {
    if not_before.is_some() {
        shared.sleep_until(not_before).await;
    }
    let slot = acquire(shared.activity_slots.clone()).await;
    let options = &shared.worker.options;
    let limit = options.max_task_queue_activities_per_second;
    let (task, _) = shared
        .poll(PollActivityTaskQueueRequest {
            namespace: shared.namespace.clone(),
            task_queue: Some(normal(&options.task_queue)),
            identity: shared.identity.clone(),
            task_queue_metadata: limit.map(|max| TaskQueueMetadata { max_tasks_per_second: Some(max) }),
            deployment_options: options.deployment(),
            ..Default::default()
        })
        .await?;
    Ok((!task.task_token.is_empty()).then_some((task, slot)))
}

fn in_words(shared: &Shared, what: &str, error: &Error) -> String {
    format!(
        "the worker of task queue {} (namespace {}) cannot poll for {what}: {error}",
        shared.worker.options.task_queue, shared.namespace
    )
}

fn normal(name: &str) -> TaskQueue {
    TaskQueue { name: name.to_owned(), kind: TaskQueueKind::Normal.into(), normal_name: String::new() }
}

/// A slot, once there is one.
pub(super) async fn acquire(slots: Arc<Semaphore>) -> OwnedSemaphorePermit {
    match slots.acquire_owned().await {
        Ok(slot) => slot,
        Err(_) => unreachable!("the semaphore of a worker's slots is never closed"),
    }
}
