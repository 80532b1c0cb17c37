//! A call between its request and its answer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::Sleep;

use super::Service;
use crate::{
    clock::Time,
    cluster::{CallId, Error},
    rpc::{Request, Response},
};

/// Resolves to the answer of a call. Dropped before that, it withdraws the call.
pub(crate) struct Pending {
    service: Service,
    id: CallId,
    deadline: Option<Time>,
    /// Armed when the call has to wait.
    sleep: Option<Pin<Box<Sleep>>>,
    done: bool,
    /// What was asked, if that went wrong on its way.
    request: Option<Request>,
}

impl Pending {
    pub(super) fn new(service: Service, id: CallId, deadline: Option<Time>) -> Self {
        Self { service, id, deadline, sleep: None, done: false, request: None }
    }

    /// What was asked, if the call has failed because something went wrong on its way.
    pub(super) fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }
}

impl Future for Pending {
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        {
            let mut state = this.service.lock();
            let waiting = state.waiting.entry(this.id).or_default();
            if let Some(answer) = waiting.answer.take() {
                this.request = waiting.request.take();
                state.waiting.remove(&this.id);
                this.done = true;
                return Poll::Ready(answer);
            }
            waiting.waker = Some(cx.waker().clone());
        }
        let Some(deadline) = this.deadline else { return Poll::Pending };
        let service = &this.service;
        let sleep =
            this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(service.instant(deadline))));
        match sleep.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(Error::deadline_exceeded())),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let now = self.service.now();
        let mut state = self.service.lock();
        state.withdraw(now, self.id);
        self.service.settle(state);
    }
}
