//! The smallest case that still fails.

use std::fmt::Debug;

use proptest::strategy::ValueTree;

use crate::{faults::Plan, schedule::Schedule};

/// A plan and an input, and the ways to make them smaller.
pub(super) type Tree<I> = Box<dyn ValueTree<Value = (Plan, I)>>;

/// What is left when nothing can be left out any more.
pub(super) struct Smallest<I> {
    pub(super) plan: Plan,
    pub(super) input: I,
    /// How it fails.
    pub(super) message: String,
    /// How many were tried.
    pub(super) runs: usize,
}

/// Tries smaller and smaller cases, at most so many, and answers the smallest that fails. `pin` says what a case has chosen
/// whose schedule is drawn from the seed.
pub(super) fn smallest<I: Clone + Debug>(
    mut tree: Tree<I>,
    message: String,
    most: usize,
    mut fails: impl FnMut(&Plan, &I) -> Option<String>,
    pin: impl FnOnce(&Plan, &I) -> Schedule,
) -> Smallest<I> {
    let (plan, input) = tree.current();
    let mut smallest = Smallest { plan, input, message, runs: 0 };
    smallest.leave_out_faults(most, &mut fails);
    // Then the strategies make what is left simpler, as far as it comes to no more faults.
    let mut is_simpler = tree.simplify();
    while is_simpler && smallest.runs < most {
        let (plan, input) = tree.current();
        smallest.runs += 1;
        // What the strategy leaves of the plan may have faults that were left out already.
        let fewer = smallest.plan.faults.len();
        match fails(&plan, &input) {
            Some(message) => {
                if plan.faults.len() <= fewer && (plan.schedule.is_none() || smallest.plan.schedule.is_some())
                {
                    smallest = Smallest { plan, input, message, runs: smallest.runs };
                } else if let Some(message) = fails(&smallest.plan, &input) {
                    smallest.runs += 1;
                    smallest.input = input;
                    smallest.message = message;
                }
                is_simpler = tree.simplify();
            }
            None => is_simpler = tree.complicate(),
        }
    }
    // A simpler input may need less to go wrong.
    smallest.leave_out_faults(most, &mut fails);
    if matches!(smallest.plan.schedule, Some(Schedule::Random | Schedule::Pct(_))) && smallest.runs < most {
        let pinned = pin(&smallest.plan, &smallest.input);
        smallest.runs += 1;
        smallest.take(Some(pinned), &mut fails);
    }
    smallest.leave_out_choices(most, &mut fails);
    smallest
}

impl<I> Smallest<I> {
    /// Takes another schedule, if it fails with that as well.
    fn take(
        &mut self,
        schedule: Option<Schedule>,
        fails: &mut impl FnMut(&Plan, &I) -> Option<String>,
    ) -> bool {
        let plan = Plan { schedule, ..self.plan.clone() };
        self.runs += 1;
        let Some(message) = fails(&plan, &self.input) else { return false };
        self.plan = plan;
        self.message = message;
        true
    }

    /// Most choices make no difference.
    fn leave_out_choices(&mut self, most: usize, fails: &mut impl FnMut(&Plan, &I) -> Option<String>) {
        let Some(Schedule::Choices(choices)) = self.plan.schedule.clone() else { return };
        for number in choices.into_keys() {
            let Some(Schedule::Choices(mut fewer)) = self.plan.schedule.clone() else { return };
            if self.runs >= most {
                return;
            }
            fewer.remove(&number);
            self.take(Some(Schedule::Choices(fewer)), fails);
        }
    }

    /// Most faults of a plan have nothing to do with it: the shortest way is to leave out one after the other, after the
    /// schedule.
    fn leave_out_faults(&mut self, most: usize, fails: &mut impl FnMut(&Plan, &I) -> Option<String>) {
        if self.plan.schedule.is_some() && self.runs < most {
            self.take(None, fails);
        }
        let mut index = 0;
        while index < self.plan.faults.len() && self.runs < most {
            let mut fewer = self.plan.clone();
            fewer.faults.remove(index);
            self.runs += 1;
            match fails(&fewer, &self.input) {
                Some(message) => {
                    self.plan = fewer;
                    self.message = message;
                }
                None => index += 1,
            }
        }
    }
}
