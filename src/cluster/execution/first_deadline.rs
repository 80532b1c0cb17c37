//! The one armed timer that stands for many deadlines.

use crate::clock::Time;

/// Which timer of a run stands for the first of its deadlines of one kind.
///
/// However many deadlines there are, one timer is enough: it is armed anew whenever another deadline becomes the first, and
/// the ones armed before it mean nothing from then on.
#[derive(Debug, Default)]
pub(super) struct FirstDeadline {
    at: Option<Time>,
    generation: u64,
}

impl FirstDeadline {
    /// Takes notice of what the first deadline is at the end of a transaction. If it has changed, answers for when to arm
    /// a timer and the generation by which [`Self::is_armed`] knows it.
    pub(super) fn follow(&mut self, first: Option<Time>) -> Option<(Time, u64)> {
        if self.at == first {
            return None;
        }
        self.at = first;
        self.generation += 1;
        first.map(|at| (at, self.generation))
    }

    /// Whether the timer of this generation stands for the first deadline.
    pub(super) fn is_armed(&self, generation: u64) -> bool {
        self.at.is_some() && self.generation == generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_void_once_another_deadline_is_the_first() {
        let at = |nanos| Some(Time::from_nanos(nanos));
        let mut first = FirstDeadline::default();
        assert_eq!(first.follow(None), None);
        let (_, late) = first.follow(at(9)).expect("there is a deadline");
        assert_eq!(first.follow(at(9)), None);
        let (_, early) = first.follow(at(5)).expect("there is an earlier one");
        assert!(first.is_armed(early) && !first.is_armed(late));
        let (_, again) = first.follow(at(9)).expect("the earlier one is gone");
        assert!(first.is_armed(again) && !first.is_armed(early) && !first.is_armed(late));
        assert_eq!(first.follow(None), None);
        assert!(!first.is_armed(again));
    }
}
