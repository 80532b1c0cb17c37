//! The Temporal server, as a deterministic state machine.
//!
//! `cluster` contains no I/O, reads no clock and draws no randomness but from its seed. The methods of
//! [`Cluster`] are of three kinds:
//!
//! * `handle_*` put something in: a call, a caller that went away, the passing of time;
//! * `poll_*` take something out: answers to calls;
//! * the others only look.
//!
//! A call may be answered at once or much later (a long poll); either way its answer comes out of
//! [`Cluster::poll_answer`] under the [`CallId`] that it came in with.

mod cron;
mod duration_text;
mod error;
mod schedules;
mod time_zone;

use std::collections::VecDeque;

pub(crate) use error::Error;

use crate::{
    clock::Time,
    rng::Seed,
    rpc::{Request, Response},
};

/// Names one call between its request and its answer. The caller chooses it and must not reuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub(crate) u64);

/// What a call is answered with.
pub(crate) type Answer = Result<Response, Error>;

/// What can be chosen about a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Whether a long poll that finds nothing ends with an empty answer, as on a real server: 60 s for
    /// tasks, 20 s for histories, or 1 s before the caller's deadline. When `false` such a call waits for
    /// ever, so that an idle client is no reason for virtual time to move.
    pub(crate) long_polls_expire: bool,
}

/// A call on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The name under which the answer comes out.
    pub(crate) id: CallId,
    /// What is asked.
    pub(crate) request: Request,
    /// When the caller stops waiting; `None` if it waits for ever.
    pub(crate) deadline: Option<Time>,
}

/// A whole Temporal cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    config: Config,
    answers: VecDeque<(CallId, Answer)>,
}

impl Cluster {
    /// A cluster with the namespace `default` and nothing in it.
    pub(crate) fn new(config: Config, _seed: Seed) -> Self {
        Self { config, answers: VecDeque::new() }
    }

    /// A caller asks something.
    pub(crate) fn handle_call(&mut self, now: Time, call: Call) {
        let _ = (now, &self.config);
        self.answers.push_back((call.id, Err(Error::unimplemented(call.request.name()))));
    }

    /// A caller went away without waiting for the answer.
    pub(crate) fn handle_gone(&mut self, _now: Time, _call: CallId) {}

    /// Time has come to [`Self::next_deadline`], or passed it.
    pub(crate) fn handle_timeout(&mut self, _now: Time) {}

    /// The next answer that is ready, in the order in which they became ready.
    pub(crate) fn poll_answer(&mut self) -> Option<(CallId, Answer)> {
        self.answers.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` if nothing is going to happen by itself.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        None
    }
}
