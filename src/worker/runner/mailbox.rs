//! How workflow tasks get from the poller to the run that they are for.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Poll, Waker},
};

use temporalio_common::protos::temporal::api::{
    history::v1::HistoryEvent, workflowservice::v1::PollWorkflowTaskQueueResponse,
};
use tokio::sync::OwnedSemaphorePermit;

/// A workflow task, and the slot that it takes up while it is under way.
pub(super) struct Delivery {
    /// The task; its history is empty.
    pub(super) task: Box<PollWorkflowTaskQueueResponse>,
    /// The events of its history.
    pub(super) events: Vec<Arc<HistoryEvent>>,
    pub(super) slot: OwnedSemaphorePermit,
}

/// What comes in for a run.
pub(super) enum Mail {
    /// A workflow task.
    Task(Delivery),
    /// Something other than the SDK has woken the workflow's code.
    WokenFromOutside,
    /// Leave the cache.
    Evict,
}

/// What has come in for one run. The runner puts in, the run takes out.
#[derive(Default)]
pub(super) struct Mailbox {
    deliveries: RefCell<VecDeque<Delivery>>,
    evict: Cell<bool>,
    woken_from_outside: Cell<bool>,
    idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Mailbox {
    pub(super) fn deliver(&self, delivery: Delivery) {
        self.deliveries.borrow_mut().push_back(delivery);
        self.wake();
    }

    /// Asks the run to leave the cache as soon as it has nothing to do.
    pub(super) fn evict(&self) {
        self.evict.set(true);
        self.wake();
    }

    /// Tells the run, if it is idle, that something other than the SDK has woken its code.
    pub(super) fn wake_from_outside(&self) {
        if self.is_idle() {
            self.woken_from_outside.set(true);
            self.wake();
        }
    }

    /// Whether the run waits for its next task, and was not asked to leave.
    pub(super) fn is_idle(&self) -> bool {
        self.idle.get() && !self.evict.get() && self.deliveries.borrow().is_empty()
    }

    /// The next thing that comes in; tasks go first.
    pub(super) async fn next(&self) -> Mail {
        poll_fn(|context| {
            if let Some(delivery) = self.deliveries.borrow_mut().pop_front() {
                self.idle.set(false);
                return Poll::Ready(Mail::Task(delivery));
            }
            if self.woken_from_outside.take() {
                return Poll::Ready(Mail::WokenFromOutside);
            }
            if self.evict.get() {
                return Poll::Ready(Mail::Evict);
            }
            self.idle.set(true);
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What is left when the run has ended.
    pub(super) fn take_all(&self) -> VecDeque<Delivery> {
        self.deliveries.take()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}
