//! Calls that wait for their answer.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    CallId, Cluster, Error, LongPolls,
    execution::RunKey,
    limits,
    matching::{QueueName, empty_poll},
    timers::Timer,
};
use crate::{clock::Time, rpc::Response};

/// What is known about a call besides what it asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallContext {
    /// The name under which the answer comes out.
    pub(crate) id: CallId,
    /// When the caller stops waiting; `None` if it waits for ever.
    pub(crate) deadline: Option<Time>,
}

/// What a handler answers at once: a response, an error, or `None` if it has parked the call.
pub(crate) type Reply = Result<Option<Response>, Error>;

/// A response as a handler answers it.
pub(crate) fn reply<R: Into<Response>>(response: R) -> Reply {
    Ok(Some(response.into()))
}

/// What a parked call waits for.
#[derive(Debug, Clone)]
pub(crate) enum Parked {
    /// A task.
    Poll(QueueName),
    /// More of a history.
    History(super::reads::HistoryWait),
    /// The answer to a query.
    Query(RunKey),
    /// An update of this run.
    Update(RunKey),
}

/// The parked calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(super) parked: BTreeMap<CallId, Parked>,
    /// For how long calls that were parked lately may wait, for the driver.
    pub(super) patience: VecDeque<(CallId, Duration)>,
}

impl Calls {
    /// Whether a call is parked.
    pub(crate) fn contains(&self, call: CallId) -> bool {
        self.parked.contains_key(&call)
    }

    /// What a call waits for.
    pub(crate) fn get(&self, call: CallId) -> Option<&Parked> {
        self.parked.get(&call)
    }
}

impl Cluster {
    /// Parks a call until [`Self::answer_parked`] or, if long polls expire, for the `longest` time.
    pub(super) fn park(&mut self, now: Time, context: CallContext, longest: Duration, parked: Parked) {
        let expires = (self.shared.config.long_polls != LongPolls::Endless).then(|| {
            let before_deadline =
                context.deadline.map(|deadline| deadline.since(now).saturating_sub(limits::LONG_POLL_TAIL));
            now + before_deadline.map_or(longest, |before| before.min(longest))
        });
        self.park_until(now, context, expires, parked);
    }

    /// Parks a call until [`Self::answer_parked`], with an expiry at `deadline` whatever the configuration.
    pub(super) fn park_until(
        &mut self,
        now: Time,
        context: CallContext,
        deadline: Option<Time>,
        parked: Parked,
    ) {
        match deadline {
            None => {}
            Some(deadline) if self.shared.config.driver_ends_long_polls => {
                self.calls.patience.push_back((context.id, deadline.since(now)));
            }
            Some(deadline) => self.timers.arm(deadline, Timer::CallExpiry { call: context.id }),
        }
        self.calls.parked.insert(context.id, parked);
    }

    /// Answers a call that is parked. If it is not, nothing happens.
    pub(super) fn answer_parked(&mut self, call: CallId, answer: Result<Response, Error>) {
        if self.calls.parked.remove(&call).is_some() {
            self.answers.push_back((call, answer));
        }
    }

    /// Forgets a call whose caller went away.
    pub(super) fn forget_call(&mut self, now: Time, call: CallId) {
        match self.calls.parked.remove(&call) {
            Some(Parked::Poll(queue)) => {
                self.matching.remove_poller(&queue, call, now);
            }
            Some(Parked::History(wait)) => self.stop_waiting(wait.run, call),
            Some(Parked::Query(run)) => self.forget_query(run, call),
            Some(Parked::Update(run)) => {
                self.take_updater(run, call);
            }
            None => {}
        }
    }

    /// A parked call has waited for as long as it may.
    pub(super) fn expire_call(&mut self, now: Time, call: CallId) {
        match self.calls.get(call).cloned() {
            Some(Parked::Poll(queue)) => {
                self.matching.remove_poller(&queue, call, now);
                self.answer_parked(call, Ok(empty_poll(queue.kind)));
            }
            Some(Parked::History(wait)) => {
                self.stop_waiting(wait.run, call);
                let answer = self.empty_history(&wait);
                self.answer_parked(call, answer);
            }
            Some(Parked::Query(run)) => self.expire_query(run, call),
            Some(Parked::Update(run)) => self.expire_update_call(run, call),
            None => {}
        }
    }

    /// Whether the caller of a long poll is going to wait for long enough.
    pub(super) fn check_long_poll_deadline(now: Time, context: CallContext) -> Result<(), Error> {
        match context.deadline {
            Some(deadline) if deadline.since(now) < limits::LONG_POLL_MINIMUM => {
                Err(Error::failed_precondition("Context timeout is too short."))
            }
            _ => Ok(()),
        }
    }
}
