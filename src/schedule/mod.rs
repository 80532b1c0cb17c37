//! The order of what could happen at the same instant.
//!
//! A cluster promises no order for much of what it does: which of two signals arrives first, whether a timer fires before the
//! activity that takes just as long reports back, which of the tasks of a queue a worker gets. By default a simulation takes
//! everything first in, first out. A [`Schedule`] takes another order, drawn from the seed or given choice by choice, and
//! never one that a real cluster could not show: what somebody does only after the answer to something else stays behind it,
//! and so do the signals that one workflow sends.
//!
//! ```
//! use temporal_sim::{Simulation, Worker, schedule::Schedule};
//! use temporal_sim_fixtures::subscription::Subscription;
//!
//! let subscriptions = Worker::new("subscriptions").workflow::<Subscription>();
//! Simulation::builder().worker(subscriptions).schedule(Schedule::Random).run(async |sim| {
//!     // Start workflows and signal them: what happens at one instant happens in an order drawn from the seed.
//!     sim.sleep(std::time::Duration::from_secs(1)).await;
//!     Ok(())
//! });
//! ```
//!
//! What is chosen between:
//!
//! * calls of clients and workers that reach the cluster at the same instant, and the cluster's timers and timeouts that are
//!   due at that instant;
//! * the tasks that one change of a run leads to, and the children that it starts;
//! * the tasks of a queue's backlog that have the same priority, and the pollers that wait at a queue;
//! * the activities and the workflows of a worker that can go on at the same instant, and the workers.

mod pct;
mod scheduler;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub(crate) use scheduler::{Candidate, Choice, Lane, Scheduler};

/// How it is chosen what goes first. Part of a [`Plan`](crate::faults::Plan), or given to
/// [`Builder::schedule`](crate::Builder::schedule).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// First in, first out.
    #[default]
    Fifo,
    /// Each time any, drawn from the seed.
    Random,
    /// Probabilistic concurrency testing: everybody has a priority drawn from the seed, and whoever has the highest goes
    /// first; at a few choices, also drawn, whoever would go loses its priority. A mistake that needs few orderings to come
    /// out is found more often than by [`Random`](Self::Random).
    Pct(Pct),
    /// First in, first out, but for these choices: the number of the choice, from 0, and which goes first, from 0. What a
    /// failure reports, and what a schedule shrinks to.
    Choices(BTreeMap<u32, u32>),
}

/// The parameters of probabilistic concurrency testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pct {
    /// Of how many orderings the mistake is made that is looked for: one less is the number of choices at which a priority
    /// is lost. From 1 to 100; default 3.
    pub depth: u32,
    /// Among how many choices, from the first, these are drawn. Default 100.
    pub choices: u32,
}

impl Default for Pct {
    fn default() -> Self {
        Self { depth: 3, choices: 100 }
    }
}

/// No schedule looks for mistakes that are made of more orderings.
pub(crate) const MAX_DEPTH: u32 = 100;

impl Schedule {
    /// Probabilistic concurrency testing for mistakes that are made of so many orderings.
    pub fn pct(depth: u32) -> Self {
        Self::Pct(Pct { depth, ..Pct::default() })
    }

    /// First in, first out, but for these choices.
    pub fn choices(choices: impl IntoIterator<Item = (u32, u32)>) -> Self {
        Self::Choices(choices.into_iter().collect())
    }
}

/// The choices of a simulation that were not first in, first out, as [`Schedule::Choices`] takes them, with what they meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deviations {
    /// Between how many choices there was something to choose.
    pub(crate) points: usize,
    pub(crate) choices: BTreeMap<u32, Choice>,
}

impl Deviations {
    /// Those of a simulation that has chosen like this.
    pub(crate) fn of(choices: &[Choice]) -> Self {
        let numbered = choices.iter().enumerate().filter(|(_, choice)| choice.chosen > 0);
        let numbered = numbered.filter_map(|(number, choice)| Some((u32::try_from(number).ok()?, *choice)));
        Self { points: choices.len(), choices: numbered.collect() }
    }

    /// Whether everything went first in, first out.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// How often there was more than one thing that could go first.
    pub fn choice_points(&self) -> usize {
        self.points
    }

    /// The schedule that chooses the same again.
    pub fn schedule(&self) -> Schedule {
        Schedule::choices(self.choices.iter().map(|(number, choice)| (*number, choice.chosen)))
    }
}

/// More choices than this help nobody.
const SHOWN: usize = 8;

/// One line for each choice, up to a few.
impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { points, choices } = self;
        write!(f, "{} of {points} choices not first in, first out", choices.len())?;
        for (number, Choice { went, instead_of, .. }) in choices.iter().take(SHOWN) {
            write!(f, "\n  choice {number}: {went} before {instead_of}")?;
        }
        match choices.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
