//! What clients do, and when.

use std::{fmt, time::Duration};

use futures_util::future::join_all;
use proptest::{collection, prelude::*};
use serde::{Deserialize, Serialize};

use crate::{policy::serde_text, simulation::Simulation};

/// Something that a client does at some time. `C` says what: a type of the test's own, with a variant for each signal,
/// update or cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed<C> {
    /// When, counted from the start of the simulation.
    #[serde(with = "serde_text")]
    pub at: Duration,
    /// What.
    pub call: C,
}

/// What clients do in the course of a simulation, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallSequence<C>(pub Vec<Timed<C>>);

impl<C> CallSequence<C> {
    /// The calls, in the order of time.
    pub fn calls(&self) -> impl Iterator<Item = &C> {
        self.0.iter().map(|timed| &timed.call)
    }

    /// Makes each call at its time, and answers what came of each, in the order of the calls. None waits for the answer to
    /// the one before: clients know nothing of one another.
    pub async fn play<T>(self, simulation: &Simulation, make: impl AsyncFn(C) -> T) -> Vec<T> {
        let make = &make;
        let calls = self.0.into_iter().map(|Timed { at, call }| async move {
            simulation.sleep(at.saturating_sub(simulation.elapsed())).await;
            make(call).await
        });
        join_all(calls).await
    }
}

/// Sequences of at most so many calls, each at one of these [`times`](super::instants). They shrink to few calls at whole
/// seconds.
pub fn call_sequences<C: fmt::Debug>(
    call: impl Strategy<Value = C>,
    times: impl Strategy<Value = Duration>,
    most: usize,
) -> impl Strategy<Value = CallSequence<C>> {
    let timed = (times, call).prop_map(|(at, call)| Timed { at, call });
    collection::vec(timed, 0..=most).prop_map(|mut calls| {
        calls.sort_by_key(|timed| timed.at);
        CallSequence(calls)
    })
}
