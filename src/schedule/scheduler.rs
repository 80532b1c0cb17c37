//! A schedule at work: asked whenever there is more than one thing that could go first.

use super::{Schedule, pct::Priorities};
use crate::rng::{Seed, Stream, fnv1a};

/// Something that could go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// Whose it is.
    pub(crate) lane: Lane,
}

/// Somebody who does one thing after the other: an activity attempt, a run, a poller. What is in one lane goes first in,
/// first out where priorities decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lane(u64);

/// What was chosen when there was more than one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Which of them, from 0: that is what first in, first out would take.
    pub(crate) chosen: u32,
    /// How many there were.
    pub(crate) of: u32,
    /// What went first.
    pub(crate) went: &'static str,
    /// What first in, first out would have taken.
    pub(crate) instead_of: &'static str,
}

/// Chooses, and remembers what it chose.
#[derive(Debug)]
pub(crate) struct Scheduler {
    strategy: Strategy,
    choices: Vec<Choice>,
}

#[derive(Debug)]
enum Strategy {
    Fifo,
    Random(Stream),
    Pct(Box<Priorities>),
    Choices(std::collections::BTreeMap<u32, u32>),
}

impl Lane {
    /// The lane of something with a number.
    pub(crate) fn numbered(kind: &str, number: u64) -> Self {
        Self(fnv1a(kind.as_bytes()) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The lane of something with a name.
    pub(crate) fn named(kind: &str, name: impl AsRef<[u8]>) -> Self {
        Self::numbered(kind, fnv1a(name.as_ref()))
    }
}

impl Scheduler {
    pub(crate) fn new(schedule: &Schedule, seed: Seed) -> Self {
        let strategy = match schedule {
            Schedule::Fifo => Strategy::Fifo,
            Schedule::Random => Strategy::Random(seed.stream("schedule")),
            Schedule::Pct(pct) => Strategy::Pct(Box::new(Priorities::new(*pct, seed.stream("schedule")))),
            Schedule::Choices(choices) => Strategy::Choices(choices.clone()),
        };
        Self { strategy, choices: Vec::new() }
    }

    /// Whether everything goes first in, first out, and nobody needs to ask.
    pub(crate) fn is_fifo(&self) -> bool {
        matches!(self.strategy, Strategy::Fifo)
    }

    /// Which of the candidates goes first. They are in the order of first in, first out. Less than two are no choice.
    pub(crate) fn choose(&mut self, candidates: &[Candidate]) -> usize {
        if candidates.len() < 2 || self.is_fifo() {
            return 0;
        }
        let number = self.choices.len();
        let last = candidates.len() - 1;
        let chosen = match &mut self.strategy {
            Strategy::Fifo => 0,
            Strategy::Random(stream) => stream.below(candidates.len() as u64) as usize,
            Strategy::Pct(priorities) => priorities.choose(number, candidates),
            Strategy::Choices(choices) => u32::try_from(number)
                .ok()
                .and_then(|number| choices.get(&number))
                .map_or(0, |it| *it as usize),
        }
        .min(last);
        self.choices.push(Choice {
            chosen: chosen as u32,
            of: candidates.len() as u32,
            went: candidates[chosen].what,
            instead_of: candidates[0].what,
        });
        chosen
    }

    /// What was chosen so far.
    pub(crate) fn choices(&self) -> &[Choice] {
        &self.choices
    }
}
