//! Futures that go on side by side, and which of those that can go on at one instant does so first.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{Stream, future::LocalBoxFuture, stream::FuturesUnordered};

use super::Service;
use crate::schedule::{Candidate, Lane};

/// A set of futures, as a stream of what they end with. Ends when it is empty, and goes on when something is pushed again.
pub(crate) enum Concurrent<'a, T> {
    /// As they are woken.
    Fifo(FuturesUnordered<LocalBoxFuture<'a, T>>),
    /// As the schedule chooses.
    Chosen(Chosen<'a, T>),
}

/// Futures that the schedule chooses from.
pub(crate) struct Chosen<'a, T> {
    service: Service,
    /// What they are, for people.
    what: &'static str,
    futures: BTreeMap<u64, LocalBoxFuture<'a, T>>,
    pushed: u64,
    ready: Arc<Ready>,
}

/// Which of them can go on.
#[derive(Default)]
struct Ready(Mutex<ReadyState>);

#[derive(Default)]
struct ReadyState {
    /// In the order in which they were woken.
    numbers: Vec<u64>,
    waker: Option<Waker>,
}

/// Wakes one of them.
struct WakeOne {
    number: u64,
    ready: Arc<Ready>,
}

impl<'a, T> Concurrent<'a, T> {
    /// An empty set of things that are called like this.
    pub(crate) fn new(service: &Service, what: &'static str) -> Self {
        if service.is_fifo() {
            return Self::Fifo(FuturesUnordered::new());
        }
        let (futures, ready) = (BTreeMap::new(), Arc::default());
        Self::Chosen(Chosen { service: service.clone(), what, futures, pushed: 0, ready })
    }

    /// Adds a future.
    pub(crate) fn push(&mut self, future: LocalBoxFuture<'a, T>) {
        match self {
            Self::Fifo(futures) => futures.push(future),
            Self::Chosen(chosen) => {
                chosen.pushed += 1;
                chosen.futures.insert(chosen.pushed, future);
                chosen.ready.add(chosen.pushed);
            }
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Fifo(futures) => futures.is_empty(),
            Self::Chosen(chosen) => chosen.futures.is_empty(),
        }
    }
}

impl<T> Stream for Concurrent<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match self.get_mut() {
            Self::Fifo(futures) => Pin::new(futures).poll_next(context),
            Self::Chosen(chosen) => chosen.poll_next(context),
        }
    }
}

impl<T> Chosen<'_, T> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            if self.futures.is_empty() {
                return Poll::Ready(None);
            }
            let numbers = self.ready.numbers(context, |number| self.futures.contains_key(number));
            let candidate =
                |number: &u64| Candidate { what: self.what, lane: Lane::numbered(self.what, *number) };
            let chosen = self.service.choose(&numbers.iter().map(candidate).collect::<Vec<_>>());
            let Some(&number) = numbers.get(chosen) else { return Poll::Pending };
            self.ready.remove(number);
            let waker = Waker::from(Arc::new(WakeOne { number, ready: self.ready.clone() }));
            let Some(future) = self.futures.get_mut(&number) else { continue };
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.futures.remove(&number);
                return Poll::Ready(Some(output));
            }
        }
    }
}

impl Ready {
    fn add(&self, number: u64) {
        let mut state = self.lock();
        if !state.numbers.contains(&number) {
            state.numbers.push(number);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Those that can go on and are still there. Whoever asks is woken when there are more.
    fn numbers(&self, context: &Context<'_>, is_there: impl Fn(&u64) -> bool) -> Vec<u64> {
        let mut state = self.lock();
        state.waker = Some(context.waker().clone());
        state.numbers.retain(is_there);
        state.numbers.clone()
    }

    fn remove(&self, number: u64) {
        self.lock().numbers.retain(|it| *it != number);
    }

    fn lock(&self) -> MutexGuard<'_, ReadyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.ready.add(self.number);
    }
}
