//! What holds whatever clients and workers do: a file for each.

mod activities_and_timers;
mod buffers;
mod children;
mod closed_runs;
mod event_ids;
mod rebuilt_state;
mod references;
mod waiting;
mod workflow_tasks;

use super::{super::updates, world::World};

/// Checks all of them.
pub(super) fn check(world: &mut World) {
    for run in world.runs() {
        let history = run.history.since(1);
        event_ids::check(history);
        workflow_tasks::check(history);
        activities_and_timers::check(history);
        children::check(history);
        references::check(history);
        updates::check(history);
        closed_runs::check(run);
        buffers::check(run);
        rebuilt_state::check(run);
    }
    buffers::check_signals(world);
    waiting::check(world);
    // Last, because it has workers take tasks.
    waiting::check_tasks(world);
}
