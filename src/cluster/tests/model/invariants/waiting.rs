//! Whoever has no answer waits for one, and every task finds a worker that polls.

use super::{super::super::updates, World};

pub(super) fn check(world: &mut World) {
    let workers = [&world.polls, &world.activity_polls].into_iter();
    let calls = workers.chain([&world.updaters, &world.starting_updaters, &world.queriers]);
    for &call in calls.flatten() {
        assert!(
            world.server.cluster.calls.contains(call),
            "{call:?} has no answer and does not wait for one"
        );
    }
    updates::check_waiting(&world.server, world.updaters.len() + world.starting_updaters.len());
}

/// As many polls as there could be tasks.
const POLLS: usize = 40;

/// Polls until there is nothing left: then no task that could be done may be waiting.
pub(super) fn check_tasks(world: &mut World) {
    for _ in 0..POLLS {
        let waiting = (world.polls.len(), world.activity_polls.len());
        world.poll();
        world.poll_sticky();
        world.poll_activity();
        world.collect();
        if (world.polls.len(), world.activity_polls.len()) == (waiting.0 + 2, waiting.1 + 1) {
            break;
        }
    }
    let now = world.server.now;
    for run in world.runs().filter(|run| run.is_running()) {
        let task = run.state.workflow_task.as_ref();
        assert!(task.is_none_or(|task| task.is_started()), "a workflow task waits for no worker: {task:?}");
        for activity in run.activities.iter().filter(|it| it.pause.is_none() && it.scheduled_time <= now) {
            assert!(activity.is_started(), "an activity task waits for no worker: {activity:?}");
        }
    }
}
