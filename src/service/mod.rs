//! The frontend of the cluster: callers on one side, [`Cluster`] on the other, virtual time between them.
//!
//! A call goes into the cluster at once and is answered when the cluster has an answer: within the call
//! for most, much later for a long poll. Nothing here knows a rule of the server; what it adds is who
//! waits for what, and when the cluster is told that time has passed.

mod arrival;
mod call;
mod client_ids;
mod concurrent;
mod in_memory;
mod interception;
pub(crate) mod wire;

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

pub(crate) use call::Pending;
pub(crate) use concurrent::Concurrent;
pub(crate) use in_memory::in_memory;
pub(crate) use interception::{Caller, Interceptor, Passage};

use crate::{
    clock::Time,
    cluster::{Answer, Call, CallId, Cluster, Error},
    rng::Seed,
    rpc::{Request, Response, Rpc},
    schedule::Candidate,
};
use arrival::{Arrivals, OnItsWay, matters_when};
use client_ids::ClientIds;
use interception::{Rewriter, intercept};

/// A cluster that can be called. Clones share the cluster.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Wakes [`Service::drive`] when the cluster's next deadline may have changed.
    deadline_changed: Notify,
    /// Wakes [`Service::stepped`].
    stepped: Notify,
    /// Virtual time at `epoch`.
    start: Time,
    epoch: Instant,
    /// By how many nanoseconds the clock was set forward.
    ahead: AtomicU64,
    /// Wakes [`Service::reaches`] when it is.
    clock_stepped: Notify,
}

struct State {
    cluster: Cluster,
    calls: u64,
    waiting: BTreeMap<CallId, Waiting>,
    rewriters: Vec<Rewriter>,
    interceptors: Vec<Interceptor>,
    /// The requests that reach the cluster later.
    arrivals: Arrivals,
    /// When something last happened: a call came in or a deadline passed.
    last_event: Time,
    /// Calls and deadlines so far.
    steps: u64,
    /// What [`Service::drive`] sleeps for.
    armed: Option<Time>,
    client_ids: ClientIds,
    budget: Option<Budget>,
    trace: Option<Vec<TraceEntry>>,
}

/// What a worker asks.
#[derive(Debug)]
pub(crate) enum Asked {
    /// For the first time.
    Once(Request),
    /// Once more: what [`Failed`] gave back.
    Again(Request),
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// What was asked, if that went wrong on its way, so that it can be asked again.
    pub(crate) request: Option<Request>,
}

/// One call, as [`Service::take_trace`] reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceEntry {
    /// When it came in.
    pub(crate) time: Time,
    /// The RPC.
    pub(crate) rpc: &'static str,
}

/// How many more steps the cluster may take, and whom to tell when it has taken them.
struct Budget {
    steps: u64,
    exhausted: Box<dyn Fn() + Send>,
}

/// A caller whose answer is outstanding, or has arrived and was not fetched yet.
#[derive(Default)]
struct Waiting {
    answer: Option<Answer>,
    /// What the caller gets in place of the answer.
    lost: Option<Error>,
    /// What it asked, if that went wrong on its way.
    request: Option<Request>,
    waker: Option<Waker>,
}

impl Service {
    /// Puts a cluster behind a frontend whose clock shows `start` now and runs with tokio's.
    ///
    /// Must be called within a tokio runtime whose clock is paused.
    pub(crate) fn new(cluster: Cluster, seed: Seed, start: Time) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                cluster,
                calls: 0,
                waiting: BTreeMap::new(),
                rewriters: Vec::new(),
                interceptors: Vec::new(),
                arrivals: Arrivals::default(),
                last_event: start,
                steps: 0,
                armed: None,
                client_ids: ClientIds::new(seed),
                budget: None,
                trace: None,
            }),
            deadline_changed: Notify::new(),
            stepped: Notify::new(),
            start,
            epoch: Instant::now(),
            ahead: AtomicU64::new(0),
            clock_stepped: Notify::new(),
        }))
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Time {
        self.0.start + self.ahead() + self.0.epoch.elapsed()
    }

    fn ahead(&self) -> Duration {
        Duration::from_nanos(self.0.ahead.load(Ordering::Relaxed))
    }

    /// Sets the clock of the cluster forward. What was due in the time between is due at once.
    pub(crate) fn step_clock(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let ahead = self.0.ahead.load(Ordering::Relaxed).saturating_add(nanos);
        self.0.ahead.store(ahead, Ordering::Relaxed);
        let now = self.now();
        let mut state = self.lock();
        state.last_event = now;
        state.cluster.step_clock(now);
        drop(state);
        self.0.deadline_changed.notify_one();
        self.0.clock_stepped.notify_waiters();
    }

    /// Calls an RPC and waits for its answer, however long it takes. A call whose future is dropped is
    /// withdrawn.
    pub(crate) fn call<R: Rpc>(&self, request: R) -> impl Future<Output = Result<Box<R::Response>, Error>> {
        // In its box from the start: the future would keep room for the whole of it.
        let request = Box::new(request).into_request();
        async move {
            let response = self.submit(Caller::Simulation, request, None).await?;
            R::response(response).ok_or_else(|| mismatched(R::NAME))
        }
    }

    /// The same for a worker, whose calls may go wrong.
    pub(crate) async fn call_from_worker(&self, asked: Asked) -> Result<Response, Failed> {
        let mut call = match asked {
            Asked::Once(request) => self.submit(Caller::Worker, request, None),
            Asked::Again(request) => self.pass(Caller::Worker, request, None),
        };
        (&mut call).await.map_err(|error| Failed { error, request: call.take_request() })
    }

    /// Calls an RPC whose caller stops waiting at `deadline`.
    pub(crate) fn submit(&self, caller: Caller, mut request: Request, deadline: Option<Time>) -> Pending {
        for rewrite in &mut self.lock().rewriters {
            rewrite(&mut request);
        }
        self.pass(caller, request, deadline)
    }

    /// Lets a call on its way that has been rewritten.
    fn pass(&self, caller: Caller, request: Request, deadline: Option<Time>) -> Pending {
        let now = self.now();
        let mut state = self.lock();
        let id = state.next_call();
        let rpc = request.name();
        if let Some(trace) = &mut state.trace {
            trace.push(TraceEntry { time: now, rpc });
        }
        let mut waiting = Waiting::default();
        match intercept(&mut state.interceptors, now, caller, &request) {
            Passage::Deliver => state.send(now, id, request, deadline),
            Passage::Delay(delay) => state.arrivals.insert(now + delay, id, OnItsWay { request, deadline }),
            Passage::Refuse(error) => {
                if state.step(now) {
                    waiting.answer = Some(Err(error));
                    waiting.request = Some(request);
                }
            }
            Passage::LoseAnswer(error) => {
                waiting.lost = Some(error);
                waiting.request = Some(request.clone());
                state.send(now, id, request, deadline);
            }
            Passage::Twice => {
                state.send(now, id, request.clone(), deadline);
                // Nobody waits for the second answer.
                let again = state.next_call();
                state.send(now, again, request, deadline);
            }
            Passage::Repeat(after) => {
                let mut repeated = request.clone();
                state.send(now, id, request, deadline);
                state.client_ids.renew(&mut repeated);
                let again = state.next_call();
                state.arrivals.insert(now + after, again, OnItsWay { request: repeated, deadline: None });
            }
            Passage::Overtaken(by, error) => {
                let late = state.next_call();
                state.arrivals.insert(now + by, late, OnItsWay { request, deadline: None });
                waiting.answer = Some(Err(error));
            }
        }
        state.waiting.insert(id, waiting);
        self.settle(state);
        Pending::new(self.clone(), id, deadline)
    }

    /// From here on, has each request rewritten before anything else happens to it.
    pub(crate) fn rewrite(&self, rewrite: impl FnMut(&mut Request) + Send + 'static) {
        self.lock().rewriters.push(Box::new(rewrite));
    }

    /// From here on, asks the interceptor about each call.
    pub(crate) fn intercept(&self, interceptor: Interceptor) {
        self.lock().interceptors.push(interceptor);
    }

    /// Calls an RPC by its names on the wire.
    pub(crate) async fn call_encoded(
        &self,
        service: &str,
        rpc: &str,
        request: &[u8],
        deadline: Option<Time>,
    ) -> Result<Vec<u8>, Error> {
        let request = wire::decode(service, rpc, request)?;
        Ok(self.submit(Caller::Client, request, deadline).await?.encode())
    }

    /// Does what [`Self::call_encoded`] does, for a client that draws the ids of its requests at random.
    pub(crate) async fn call_from_client(
        &self,
        service: &str,
        rpc: &str,
        request: &[u8],
        deadline: Option<Time>,
    ) -> Result<Vec<u8>, Error> {
        let mut request = wire::decode(service, rpc, request)?;
        self.lock().client_ids.replace(&mut request);
        Ok(self.submit(Caller::Client, request, deadline).await?.encode())
    }

    /// Tells the cluster whenever a deadline of its own has come. Never ends; nothing that takes time
    /// happens in the cluster unless this is polled.
    pub(crate) async fn drive(&self) {
        loop {
            let changed = self.0.deadline_changed.notified();
            let deadline = {
                let mut state = self.lock();
                state.armed = state.next_deadline();
                state.armed
            };
            match deadline {
                None => changed.await,
                // Whoever can go on at this instant does so first: what they send can go first as well.
                Some(deadline) if deadline <= self.now() && !self.is_fifo() => {
                    once_more().await;
                    self.pass_one();
                }
                Some(deadline) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = self.sleep_until(deadline) => self.pass_deadlines(),
                },
            }
        }
    }

    /// Sleeps until a virtual time, by a clock that nobody sets forward meanwhile.
    pub(crate) async fn sleep_until(&self, time: Time) {
        tokio::time::sleep_until(self.instant(time)).await;
    }

    /// Sleeps for so long from now on.
    pub(crate) fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.sleep_until(self.now() + duration)
    }

    /// Resolves when the clock of the cluster shows this time, or has been set beyond it.
    pub(crate) async fn reaches(&self, time: Time) {
        loop {
            let stepped = self.0.clock_stepped.notified();
            tokio::select! {
                biased;
                () = self.sleep_until(time) => return,
                () = stepped => {}
            }
        }
    }

    /// The instant of tokio's clock at a virtual time; the start, if that was before it.
    fn instant(&self, time: Time) -> Instant {
        self.0.epoch + time.since(self.0.start + self.ahead()).min(FAR)
    }

    /// Whether everything that happens at one instant happens first in, first out.
    pub(crate) fn is_fifo(&self) -> bool {
        self.lock().cluster.is_fifo()
    }

    /// Chooses which of these goes first.
    pub(crate) fn choose(&self, candidates: &[Candidate]) -> usize {
        self.lock().cluster.choose(candidates)
    }

    /// Looks at the cluster.
    pub(crate) fn with_cluster<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&self.lock().cluster)
    }

    /// When something is going to happen by itself; `None` if nothing is.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.lock().next_deadline()
    }

    /// When something last happened: a call came in or a deadline of the cluster passed.
    pub(crate) fn last_event(&self) -> Time {
        self.lock().last_event
    }

    /// How many calls came in and deadlines passed so far.
    pub(crate) fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// Lets the cluster take no more than so many steps. What comes after them is not answered, and
    /// `exhausted` is called.
    pub(crate) fn set_budget(&self, steps: u64, exhausted: impl Fn() + Send + 'static) {
        self.lock().budget = Some(Budget { steps, exhausted: Box::new(exhausted) });
    }

    /// Resolves at the next step.
    pub(crate) async fn stepped(&self) {
        self.0.stepped.notified().await;
    }

    /// From here on, notes every call.
    pub(crate) fn start_trace(&self) {
        self.lock().trace = Some(Vec::new());
    }

    /// The calls noted since [`Self::start_trace`].
    pub(crate) fn take_trace(&self) -> Vec<TraceEntry> {
        self.lock().trace.take().unwrap_or_default()
    }

    /// Passes every deadline that has come, each at its own time: tokio wakes up at whole milliseconds
    /// only, the cluster's deadlines lie anywhere.
    fn pass_deadlines(&self) {
        let now = self.now();
        loop {
            let mut state = self.lock();
            match state.next_deadline() {
                Some(deadline) if deadline <= now => {
                    if !state.cluster.is_fifo() {
                        return;
                    }
                    let time = deadline.max(state.last_event);
                    if let Some((id, OnItsWay { request, deadline })) = state.arrivals.take(deadline, 0) {
                        state.deliver(time, id, request, deadline);
                    } else if state.step(time) {
                        state.cluster.handle_timeout(time);
                    } else {
                        return;
                    }
                    self.settle(state);
                }
                _ => return,
            }
        }
    }

    /// Lets one thing happen of what is due first, if anything is due: the schedule chooses which.
    fn pass_one(&self) {
        let mut state = self.lock();
        let Some(due) = state.next_deadline().filter(|due| *due <= self.now()) else { return };
        let time = due.max(state.last_event);
        let mut candidates = state.arrivals.candidates(due);
        let arriving = candidates.len();
        candidates.extend(state.cluster.due(due));
        let chosen = state.cluster.choose(&candidates);
        if let Some((id, OnItsWay { request, deadline })) = state.arrivals.take(due, chosen) {
            state.deliver(time, id, request, deadline);
        } else if state.step(time) {
            state.cluster.fire_due(due, chosen - arriving);
        }
        self.settle(state);
    }

    /// Hands out the answers that the cluster has ready and looks at its next deadline.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        let mut wakers = Vec::new();
        while let Some((id, answer)) = state.cluster.poll_answer() {
            // A caller that went away has no entry any more.
            if let Some(waiting) = state.waiting.get_mut(&id) {
                waiting.answer = Some(waiting.lost.take().map_or(answer, Err));
                wakers.extend(waiting.waker.take());
            }
        }
        let deadline_changed = state.next_deadline() != state.armed;
        drop(state);
        if deadline_changed {
            self.0.deadline_changed.notify_one();
        }
        self.0.stepped.notify_waiters();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// Lets a request reach the cluster at once; or as soon as it was chosen to go first, if that can matter.
    fn send(&mut self, now: Time, id: CallId, request: Request, deadline: Option<Time>) {
        if self.cluster.is_fifo() || !matters_when(&request) {
            self.deliver(now, id, request, deadline);
        } else {
            self.arrivals.insert(now, id, OnItsWay { request, deadline });
        }
    }

    /// Gives a request to the cluster.
    fn deliver(&mut self, now: Time, id: CallId, request: Request, deadline: Option<Time>) {
        if self.step(now) {
            self.cluster.handle_call(now, Call { id, request, deadline });
        }
    }

    /// When the cluster wants to be called, or a delayed request reaches it.
    fn next_deadline(&self) -> Option<Time> {
        self.cluster.next_deadline().into_iter().chain(self.arrivals.next()).min()
    }

    /// Forgets a call whose caller went away.
    fn withdraw(&mut self, now: Time, id: CallId) {
        self.waiting.remove(&id);
        self.arrivals.withdraw(id);
        self.cluster.handle_gone(now, id);
    }

    /// Counts a step of the cluster; `false` if there is no budget left for it.
    fn step(&mut self, time: Time) -> bool {
        self.steps += 1;
        self.last_event = time;
        match &self.budget {
            Some(budget) if self.steps > budget.steps => {
                (budget.exhausted)();
                false
            }
            _ => true,
        }
    }
}

/// Lets everything that can go on do so once.
async fn once_more() {
    let mut is_later = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_later, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The error of a call that was answered with what answers another RPC.
pub(crate) fn mismatched(rpc: &str) -> Error {
    Error::internal(format!("{rpc} was answered with another RPC's response"))
}

/// Tokio clamps sleeps beyond about 30 years; a deadline further away is never reached anyway.
const FAR: Duration = Duration::from_secs(200 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests;
