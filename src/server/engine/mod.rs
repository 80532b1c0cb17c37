//! The server without its sockets: the cluster, its clock, and who waits for how long.
//!
//! Like the cluster, an [`Engine`] does no I/O and reads no clock: the machine's time is handed to it, and it says when it
//! wants to be called next. So all that is said here about time can be tested without waiting for any.
//!
//! # Two clocks
//!
//! The cluster lives in its own time, which is ahead of the machine's by whatever was skipped. Callers live in the machine's
//! time: how long a poll waits, and when a caller gives up, has nothing to do with what was skipped meanwhile.
//!
//! # What holds time
//!
//! Time is skipped to the next deadline of the cluster, one at a time, when it is not locked and nothing happens any more:
//! no worker has a task, none is about to poll again, and nobody has just been told the end of what it waited for. What goes on
//! for ever although nobody takes notice slows it down ([`pace`]).

mod clock;
mod pace;
mod test_service;
mod workers;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use temporalio_common::protos::temporal::api::enums::v1::ResourceExhaustedCause;

pub(super) use test_service::TestCall;

use self::{
    clock::{Clock, LONGEST_SLEEP},
    pace::Pace,
    test_service::Sleeps,
    workers::Workers,
};
use super::{journal::Entry, wall_clock::Wall};
use crate::{
    clock::Time,
    cluster::{Call, CallId, Cluster, Error},
    rpc::{Request, Response},
};

/// Something that comes in.
#[derive(Debug)]
pub(super) enum Input {
    /// A call of the cluster.
    Call(Incoming),
    /// A call of the TestService.
    Test(CallId, TestCall),
    /// A caller went away without waiting for the answer.
    Gone(CallId),
}

/// A call of the cluster on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: CallId,
    pub(super) request: Request,
    /// For how long the caller waits; `None` if for ever.
    pub(super) timeout: Option<Duration>,
    /// The request as it came, if it has to be kept.
    pub(super) encoded: Option<Bytes>,
}

/// What a caller gets.
#[derive(Debug)]
pub(super) enum Output {
    /// The answer of the cluster.
    Rpc(Response),
    /// The answer of the TestService, encoded.
    Test(Vec<u8>),
}

/// The cluster, its clock, and those who wait.
#[derive(Debug)]
pub(super) struct Engine {
    cluster: Cluster,
    clock: Clock,
    workers: Workers,
    sleeps: Sleeps,
    expiries: Expiries,
    /// How many calls may wait for their answer at once.
    most_parked: usize,
    /// Calls whose answer a client, and not a worker, waits for.
    awaited_by_clients: BTreeSet<CallId>,
    /// Until when whoever has just been answered is waited for.
    client_awaited: Option<Wall>,
    pace: Pace,
    answers: VecDeque<(CallId, Result<Output, Error>)>,
    /// What came in and has to be kept.
    entries: Option<Vec<Entry>>,
}

/// How long a client may take to say what comes next, once it knows the end of what it waited for.
const CLIENT_TURN: Duration = Duration::from_millis(50);

/// After so many skips in a row callers get their turn, whether or not anything else is to be skipped.
const SKIPS_IN_A_ROW: usize = 64;

impl Engine {
    /// A server that begins at `wall`, or at `start` if that is later. `locks` is how many locks keep time from being
    /// skipped at first, and `None` if it never is.
    pub(super) fn new(cluster: Cluster, wall: Wall, start: Option<Time>, locks: Option<u32>) -> Self {
        Self {
            cluster,
            clock: Clock::new(wall, start, locks),
            workers: Workers::default(),
            sleeps: Sleeps::default(),
            expiries: Expiries::default(),
            most_parked: usize::MAX,
            awaited_by_clients: BTreeSet::new(),
            client_awaited: None,
            pace: Pace::default(),
            answers: VecDeque::new(),
            entries: None,
        }
    }

    /// Lets no more than so many calls wait for their answer at once.
    pub(super) fn limit_parked(&mut self, most: usize) {
        self.most_parked = most;
    }

    /// From here on, keeps what comes in for [`Self::take_entries`]. If there was a server before this one, `last` is when
    /// something came in to it for the last time.
    pub(super) fn keep_entries(&mut self, last: Option<Time>) {
        self.entries = Some(last.map(Entry::restarted).into_iter().collect());
    }

    /// What came in since this was last asked for.
    pub(super) fn take_entries(&mut self) -> Vec<Entry> {
        self.entries.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Something comes in.
    pub(super) fn handle(&mut self, wall: Wall, input: Input) {
        let now = self.clock.now(wall);
        match input {
            Input::Call(call) => self.call(now, wall, call),
            Input::Test(id, call) => {
                self.pace.noticed();
                if let Some(answer) = self.sleeps.call(now, &mut self.clock, id, call) {
                    self.answers.push_back((id, answer.map(Output::Test)));
                }
            }
            Input::Gone(id) => {
                self.sleeps.forget(id);
                self.expiries.remove(id);
                self.awaited_by_clients.remove(&id);
                self.workers.gone(wall, id);
                self.keep(|| Entry::gone(now, id));
                self.cluster.handle_gone(now, id);
            }
        }
        self.collect(wall);
    }

    fn call(&mut self, now: Time, wall: Wall, call: Incoming) {
        let Incoming { id, request, timeout, encoded } = call;
        if may_wait(&request) && self.cluster.parked_calls() >= self.most_parked {
            let message = "too many calls wait for their answer already";
            let error = Error::resource_exhausted(ResourceExhaustedCause::ConcurrentLimit, message);
            self.answers.push_back((id, Err(error)));
            return;
        }
        let deadline = timeout.map(|timeout| now + timeout);
        if let Some(bytes) = encoded {
            self.keep(|| Entry::call(now, id, deadline, request.name(), bytes));
        }
        if self.clock.can_skip() {
            let is_poll = self.workers.called(wall, id, &request);
            if !is_poll && !matches!(request, Request::RecordWorkerHeartbeat(_)) {
                self.pace.noticed();
            }
            if matches!(
                request,
                Request::GetWorkflowExecutionHistory(_)
                    | Request::UpdateWorkflowExecution(_)
                    | Request::PollWorkflowExecutionUpdate(_)
                    | Request::QueryWorkflow(_)
            ) {
                self.awaited_by_clients.insert(id);
            }
        }
        self.cluster.handle_call(now, Call { id, request, deadline });
    }

    /// Time has passed. Does whatever is due, and skips time if nothing holds it.
    pub(super) fn tick(&mut self, wall: Wall) {
        while let Some(call) = self.expiries.pop(wall) {
            let now = self.clock.now(wall);
            self.awaited_by_clients.remove(&call);
            self.keep(|| Entry::expired(now, call));
            self.cluster.handle_expiry(now, call);
            self.collect(wall);
        }
        self.pass(wall);
        for _ in 0..SKIPS_IN_A_ROW {
            if self.held_until(wall) != Hold::Free {
                return;
            }
            let Some(target) = self.next_deadline() else { return };
            self.clock.skip_to(wall, target);
            self.pace.skipped(wall);
            self.pass(wall);
        }
    }

    /// Does what is due in the cluster's time.
    fn pass(&mut self, wall: Wall) {
        let due = |deadline: Option<Time>, now| deadline.is_some_and(|deadline| deadline <= now);
        let now = self.clock.now(wall);
        if due(self.cluster.next_deadline(), now) {
            self.keep(|| Entry::passed(now));
            self.cluster.handle_timeout(now);
            self.collect(wall);
        }
        for (call, answer) in self.sleeps.end(now, &mut self.clock) {
            self.answers.push_back((call, Ok(Output::Test(answer))));
        }
    }

    /// When [`Self::tick`] wants to be called; `None` if nothing is going to happen by itself.
    pub(super) fn next_wake(&mut self, wall: Wall) -> Option<Wall> {
        let deadline = self.next_deadline().map(|deadline| self.clock.wall_at(deadline));
        let skip = match self.held_until(wall) {
            Hold::Until(until) if deadline.is_some() => Some(until),
            Hold::Free => deadline.map(|_| wall),
            _ => None,
        };
        let next = [deadline, skip, self.expiries.next()].into_iter().flatten().min()?;
        Some(next.min(wall + LONGEST_SLEEP))
    }

    /// The next answer that is ready.
    pub(super) fn poll_answer(&mut self) -> Option<(CallId, Result<Output, Error>)> {
        self.answers.pop_front()
    }

    /// Answers every call that waits, as if its time were over, because the server is going to stop.
    pub(super) fn end_all_calls(&mut self, wall: Wall) {
        for call in self.expiries.take_all() {
            let now = self.clock.now(wall);
            self.keep(|| Entry::expired(now, call));
            self.cluster.handle_expiry(now, call);
        }
        for (call, answer) in self.sleeps.end_all() {
            self.answers.push_back((call, Ok(Output::Test(answer))));
        }
        self.collect(wall);
    }

    /// When something is going to happen by itself, in the cluster's time.
    fn next_deadline(&self) -> Option<Time> {
        self.cluster.next_deadline().into_iter().chain(self.sleeps.next_end()).min()
    }

    /// What keeps time from being skipped.
    fn held_until(&mut self, wall: Wall) -> Hold {
        if !self.clock.is_unlocked() || self.cluster.has_started_tasks() {
            return Hold::Indefinitely;
        }
        self.client_awaited = self.client_awaited.filter(|until| wall < *until);
        let worker = self.workers.awaited(wall, &self.cluster);
        let paced = self.pace.next(self.sleeps.next_end().is_some()).filter(|next| wall < *next);
        [self.client_awaited, worker, paced].into_iter().flatten().max().map_or(Hold::Free, Hold::Until)
    }

    /// Takes out what the cluster has ready.
    fn collect(&mut self, wall: Wall) {
        while let Some((call, patience)) = self.cluster.poll_patience() {
            self.expiries.insert(call, wall + patience);
        }
        while let Some((call, answer)) = self.cluster.poll_answer() {
            let was_parked = self.expiries.remove(call);
            if self.clock.can_skip() {
                if self.workers.answered(wall, call, answer.as_ref().ok()) {
                    self.pace.noticed();
                }
                if self.awaited_by_clients.remove(&call) && was_parked {
                    self.client_awaited = Some(wall + CLIENT_TURN);
                }
            }
            self.answers.push_back((call, answer.map(Output::Rpc)));
        }
    }

    fn keep(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(entries) = &mut self.entries {
            entries.push(entry());
        }
    }
}

/// Whether time is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Nothing holds it.
    Free,
    /// Until something comes in, or until then.
    Until(Wall),
    /// Until something comes in.
    Indefinitely,
}

/// Whether the answer to a request may have to wait.
fn may_wait(request: &Request) -> bool {
    matches!(
        request,
        Request::PollWorkflowTaskQueue(_)
            | Request::PollActivityTaskQueue(_)
            | Request::PollNexusTaskQueue(_)
            | Request::PollWorkflowExecutionUpdate(_)
            | Request::GetWorkflowExecutionHistory(_)
            | Request::QueryWorkflow(_)
            | Request::UpdateWorkflowExecution(_)
            | Request::ExecuteMultiOperation(_)
    )
}

/// When the calls that wait have waited for long enough, in the machine's time.
#[derive(Debug, Default)]
struct Expiries {
    by_time: BTreeSet<(Wall, CallId)>,
    by_call: BTreeMap<CallId, Wall>,
}

impl Expiries {
    fn insert(&mut self, call: CallId, at: Wall) {
        self.by_time.insert((at, call));
        self.by_call.insert(call, at);
    }

    /// Whether it was there.
    fn remove(&mut self, call: CallId) -> bool {
        match self.by_call.remove(&call) {
            Some(at) => self.by_time.remove(&(at, call)),
            None => false,
        }
    }

    fn next(&self) -> Option<Wall> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out a call whose time has come.
    fn pop(&mut self, wall: Wall) -> Option<CallId> {
        let &(at, call) = self.by_time.first()?;
        (at <= wall && self.remove(call)).then_some(call)
    }

    fn take_all(&mut self) -> Vec<CallId> {
        self.by_time.clear();
        std::mem::take(&mut self.by_call).into_keys().collect()
    }
}
