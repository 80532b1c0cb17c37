//! What connections have sent and the engine has not taken yet.
//!
//! Connections take turns: one that sends thousands of calls at once lets the others wait for one of them, not for all.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Names a connection.
pub(super) type ConnectionId = u64;

/// A queue for each connection, which are emptied in turns.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    state: Mutex<State<T>>,
    filled: Notify,
}

#[derive(Debug)]
struct State<T> {
    /// None of them is empty.
    queues: BTreeMap<ConnectionId, VecDeque<T>>,
    /// Whose turn was last.
    last: ConnectionId,
    is_closed: bool,
}

impl<T> Inbox<T> {
    pub(super) fn new() -> Self {
        let state = State { queues: BTreeMap::new(), last: 0, is_closed: false };
        Self { state: Mutex::new(state), filled: Notify::new() }
    }

    /// Adds something that a connection has sent. It is dropped if nobody is going to take it.
    pub(super) fn push(&self, connection: ConnectionId, message: T) {
        let mut state = self.lock();
        if !state.is_closed {
            state.queues.entry(connection).or_default().push_back(message);
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Takes the first thing that the next connection has sent.
    pub(super) fn try_pop(&self) -> Option<T> {
        let mut state = self.lock();
        let last = state.last;
        let after = state.queues.range((Bound::Excluded(last), Bound::Unbounded)).next();
        let (&next, _) = after.or_else(|| state.queues.first_key_value())?;
        state.last = next;
        let queue = state.queues.get_mut(&next)?;
        let message = queue.pop_front();
        if queue.is_empty() {
            state.queues.remove(&next);
        }
        message
    }

    /// Waits for something to take.
    pub(super) async fn pop(&self) -> T {
        loop {
            let filled = self.filled.notified();
            if let Some(message) = self.try_pop() {
                return message;
            }
            filled.await;
        }
    }

    /// Drops what nobody has taken, and all that comes.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.queues);
        drop(state);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_sends_much_does_not_go_first() {
        let inbox = Inbox::new();
        for number in 0..4 {
            inbox.push(1, ("flood", number));
        }
        inbox.push(2, ("other", 0));
        inbox.push(2, ("other", 1));
        inbox.push(3, ("third", 0));
        let order: Vec<_> = std::iter::from_fn(|| inbox.try_pop()).collect();
        assert_eq!(
            order,
            [
                ("flood", 0),
                ("other", 0),
                ("third", 0),
                ("flood", 1),
                ("other", 1),
                ("flood", 2),
                ("flood", 3)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken() {
        let inbox = Inbox::new();
        let (message, ()) = tokio::join!(inbox.pop(), async {
            tokio::task::yield_now().await;
            inbox.push(1, "message");
        });
        assert_eq!(message, "message");
        inbox.close();
        inbox.push(1, "too late");
        assert_eq!(inbox.try_pop(), None);
    }
}
