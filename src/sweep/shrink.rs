//! The smallest plan that still fails.

use proptest::strategy::ValueTree;

use crate::faults::Plan;

/// A plan, and the ways to make it smaller.
pub(super) type Tree = Box<dyn ValueTree<Value = Plan>>;

/// Tries smaller and smaller plans, at most so many. Answers the smallest that fails, how it does, and how many were
/// tried.
pub(super) fn smallest(
    mut tree: Tree,
    mut plan: Plan,
    mut message: String,
    most: usize,
    fails: impl Fn(&Plan) -> Option<String>,
) -> (Plan, String, usize) {
    let mut runs = 0;
    // Most faults of a plan have nothing to do with it: the shortest way is to leave out one after the other.
    let mut index = 0;
    while index < plan.faults.len() && runs < most {
        let mut fewer = plan.clone();
        fewer.faults.remove(index);
        runs += 1;
        match fails(&fewer) {
            Some(failed) => (plan, message) = (fewer, failed),
            None => index += 1,
        }
    }
    let only_faults = plan.faults.len();
    // Then the strategy makes what is left simpler, as far as it comes to no more faults.
    let mut is_simpler = tree.simplify();
    while is_simpler && runs < most {
        let simpler = tree.current();
        runs += 1;
        match fails(&simpler) {
            Some(failed) => {
                if simpler.faults.len() <= only_faults {
                    (plan, message) = (simpler, failed);
                }
                is_simpler = tree.simplify();
            }
            None => is_simpler = tree.complicate(),
        }
    }
    (plan, message, runs)
}
