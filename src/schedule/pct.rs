//! Probabilistic concurrency testing.
//!
//! The algorithm of Burckhardt, Kothari, Musuvathi and Nagarakatte ("A randomized scheduler with probabilistic guarantees of
//! finding bugs", 2010), with lanes for its threads. A lane gets its priority when it first could go, as there is no telling
//! beforehand how many there will be.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Candidate, Lane, MAX_DEPTH, Pct};
use crate::rng::Stream;

/// The priorities of all lanes that ever could go.
#[derive(Debug)]
pub(super) struct Priorities {
    stream: Stream,
    lanes: BTreeMap<Lane, u64>,
    /// At which choices whoever would go falls back, and to which priority.
    falls: BTreeMap<u64, u64>,
}

/// The priorities that lanes get to begin with are above those to which they fall.
const HIGH: u64 = 1 << 63;

impl Priorities {
    pub(super) fn new(pct: Pct, mut stream: Stream) -> Self {
        let choices = u64::from(pct.choices.max(1));
        let falls = u64::from(pct.depth.clamp(1, MAX_DEPTH) - 1);
        // Two that are drawn for one choice count as one.
        let falls = (0..falls).map(|priority| (stream.below(choices), priority)).collect();
        Self { stream, lanes: BTreeMap::new(), falls }
    }

    /// Which candidate goes first at the choice with this number.
    pub(super) fn choose(&mut self, number: usize, candidates: &[Candidate]) -> usize {
        for candidate in candidates {
            let stream = &mut self.stream;
            self.lanes.entry(candidate.lane).or_insert_with(|| stream.next_u64() | HIGH);
        }
        let first = self.highest(candidates);
        let Some(priority) = self.falls.remove(&(number as u64)) else { return first };
        self.lanes.insert(candidates[first].lane, priority);
        self.highest(candidates)
    }

    fn highest(&self, candidates: &[Candidate]) -> usize {
        let ranked = candidates.iter().enumerate();
        let priority = |lane| self.lanes.get(lane).copied().unwrap_or(0);
        ranked.max_by_key(|(index, it)| (priority(&it.lane), Reverse(*index))).map_or(0, |(index, _)| index)
    }
}
