//! The engine at work: it is told what comes in and what time it is, and its answers go to whoever waits for them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::Code;

use super::{
    engine::{Engine, Incoming, Input, Output, TestCall},
    inbox::{ConnectionId, Inbox},
    journal::Writer,
    wall_clock::{Wall, WallClock},
};
use crate::{
    cluster::{CallId, Error},
    rpc::Request,
};

type Answer = Result<Output, Error>;

/// So many inputs are handled before whoever waits gets its answer.
const BATCH: usize = 256;

/// What reaches the driver.
enum Message {
    Input(Input, Option<oneshot::Sender<Answer>>),
    Stop,
}

/// How a connection reaches the engine. Clones share it.
#[derive(Clone)]
pub(super) struct Handle {
    inbox: Arc<Inbox<Message>>,
    connection: ConnectionId,
    calls: Arc<AtomicU64>,
    /// Whether requests have to be kept as they came.
    keeps: bool,
    /// Whether those that only read have to be kept, too: the namespaces that they name come into being.
    keeps_reads: bool,
}

impl Handle {
    /// The same for another connection.
    pub(super) fn of_connection(&self, connection: ConnectionId) -> Self {
        Self { connection, ..self.clone() }
    }

    /// Calls the cluster, and waits for its answer. A call whose future is dropped is withdrawn.
    ///
    /// # Errors
    ///
    /// The cluster's, and UNAVAILABLE if the server is about to stop.
    pub(super) async fn call(
        &self,
        request: Request,
        encoded: Bytes,
        timeout: Option<Duration>,
    ) -> Result<Output, Error> {
        let id = self.next_id();
        let encoded = (self.keeps && (self.keeps_reads || request.is_kept())).then_some(encoded);
        self.submit(id, Input::Call(Incoming { id, request, timeout, encoded })).await
    }

    /// Calls the TestService.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub(super) async fn test(&self, call: TestCall) -> Result<Output, Error> {
        let id = self.next_id();
        self.submit(id, Input::Test(id, call)).await
    }

    /// Has every waiting call answered, and every further one refused.
    pub(super) fn stop(&self) {
        self.inbox.push(self.connection, Message::Stop);
    }

    fn next_id(&self) -> CallId {
        CallId(self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn submit(&self, id: CallId, input: Input) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let mut withdrawal = Withdrawal { handle: self, id, is_answered: false };
        self.inbox.push(self.connection, Message::Input(input, Some(sender)));
        let answer = receiver.await;
        withdrawal.is_answered = true;
        answer.unwrap_or_else(|_| Err(Error::new(Code::Unavailable, "the server is shutting down")))
    }
}

/// Tells the engine of a caller that goes away before it has its answer.
struct Withdrawal<'a> {
    handle: &'a Handle,
    id: CallId,
    is_answered: bool,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            let gone = Message::Input(Input::Gone(self.id), None);
            self.handle.inbox.push(self.handle.connection, gone);
        }
    }
}

/// Runs an engine.
pub(super) struct Driver {
    engine: Engine,
    clock: WallClock,
    inbox: Arc<Inbox<Message>>,
    waiting: BTreeMap<CallId, oneshot::Sender<Answer>>,
    writer: Option<Writer>,
}

impl Driver {
    /// A driver and the way to reach it. `calls` is the highest call id that has been used already; `any_namespace`,
    /// whether calls bring the namespaces into being that they name.
    pub(super) fn new(
        engine: Engine,
        clock: WallClock,
        writer: Option<Writer>,
        calls: u64,
        any_namespace: bool,
    ) -> (Self, Handle) {
        let inbox = Arc::new(Inbox::new());
        let calls = Arc::new(AtomicU64::new(calls));
        let handle = Handle {
            inbox: inbox.clone(),
            connection: 0,
            calls,
            keeps: writer.is_some(),
            keeps_reads: any_namespace,
        };
        (Self { engine, clock, inbox, waiting: BTreeMap::new(), writer }, handle)
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(mut self) {
        loop {
            let wall = self.clock.now();
            let mut message = match self.engine.next_wake(wall) {
                None => Some(self.inbox.pop().await),
                Some(wake) if wake <= wall => {
                    // The connections have their turn, too.
                    tokio::task::yield_now().await;
                    self.inbox.try_pop()
                }
                Some(wake) => tokio::select! {
                    biased;
                    message = self.inbox.pop() => Some(message),
                    () = tokio::time::sleep(wake.since(wall)) => None,
                },
            };
            let wall = self.clock.now();
            for _ in 0..BATCH {
                match message {
                    Some(Message::Input(input, answer)) => self.handle(wall, input, answer),
                    Some(Message::Stop) => return self.stop(wall),
                    None => break,
                }
                message = self.inbox.try_pop();
            }
            self.engine.tick(wall);
            self.deliver();
        }
    }

    fn handle(&mut self, wall: Wall, input: Input, answer: Option<oneshot::Sender<Answer>>) {
        match (&input, answer) {
            (Input::Call(Incoming { id, .. }) | Input::Test(id, _), Some(answer)) => {
                self.waiting.insert(*id, answer);
            }
            (Input::Gone(id), _) if self.waiting.remove(id).is_none() => return,
            _ => {}
        }
        self.engine.handle(wall, input);
    }

    fn stop(mut self, wall: Wall) {
        self.inbox.close();
        self.engine.end_all_calls(wall);
        self.deliver();
    }

    /// Hands out the answers that are ready, if need be when what they come of has been written.
    fn deliver(&mut self) {
        let mut answers = Vec::new();
        while let Some((id, answer)) = self.engine.poll_answer() {
            answers.extend(self.waiting.remove(&id).map(|caller| (caller, answer)));
        }
        let send = move || {
            for (caller, answer) in answers {
                // Whoever is gone by now has said so, or is about to.
                let _ = caller.send(answer);
            }
        };
        match &self.writer {
            None => send(),
            Some(writer) => writer.write(self.engine.take_entries(), Box::new(send)),
        }
    }
}
