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
        let history: &[_] = &run.history.since(1).cloned().collect::<Vec<_>>();
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

/// Each check finds what it is there for.
#[cfg(test)]
mod tests {
    use std::{panic, sync::Arc};

    use temporalio_common::protos::temporal::api::{
        enums::v1::{EventType, WorkflowExecutionStatus},
        history::v1::{HistoryEvent, history_event::Attributes as A},
    };

    use super::{
        super::{
            commands::{Ending, Made},
            steps::{Answer, Does, How, Step, Steps},
        },
        *,
    };
    use crate::cluster::tests::updates::Answered;

    fn answer(commands: Vec<Made>, ending: Option<Ending>) -> Step {
        let (caches, inline, updates) = (false, false, Answered::NotAtAll);
        Step::Complete(Answer { task: 0, commands, ending, caches, inline, updates })
    }

    /// A workflow with a timer, an activity and a child, which has completed or is about to.
    fn world(completes: bool) -> World {
        let commands = vec![
            Made::Timer { timer: 1, seconds: 5 },
            Made::Activity { activity: 1, attempts: 1, start_to_close: 10, heartbeat: 0, eager: false },
        ];
        let mut steps = vec![
            Step::Start { id: "wf", how: How::Plainly },
            Step::Poll,
            answer(commands, None),
            Step::PollActivity,
            Step::Activity { task: 0, does: Does::Complete },
            Step::Wait(6),
            Step::Signal { id: "wf" },
            Step::Poll,
        ];
        if completes {
            steps.push(answer(Vec::new(), Some(Ending::Complete)));
        }
        World::after(&Steps(steps))
    }

    fn history(change: impl FnOnce(&mut Vec<HistoryEvent>)) -> Vec<Arc<HistoryEvent>> {
        let world = world(true);
        let run = world.runs().next().expect("a run");
        let mut events = run.history.to_vec();
        change(&mut events);
        events.into_iter().map(Arc::new).collect()
    }

    fn position(events: &[HistoryEvent], event_type: EventType) -> usize {
        events.iter().position(|event| event.event_type() == event_type).expect("an event of the type")
    }

    #[track_caller]
    fn finds(check: impl FnOnce()) {
        assert!(panic::catch_unwind(panic::AssertUnwindSafe(check)).is_err(), "the check finds nothing");
    }

    #[test]
    fn nothing_is_wrong_with_a_history_that_nobody_has_changed() {
        check(&mut world(true));
        check(&mut world(false));
    }

    #[test]
    fn a_missing_event_leaves_a_gap() {
        finds(|| event_ids::check(&history(|events| drop(events.remove(3)))));
    }

    #[test]
    fn an_event_inside_a_workflow_task_is_found() {
        let torn = history(|events| {
            let started = position(events, EventType::WorkflowTaskStarted);
            let timer = events.remove(position(events, EventType::TimerStarted));
            events.insert(started + 1, timer);
        });
        finds(|| workflow_tasks::check(&torn));
    }

    #[test]
    fn an_activity_that_ends_twice_is_found() {
        let twice = history(|events| {
            let completed = events[position(events, EventType::ActivityTaskCompleted)].clone();
            events.push(completed);
        });
        finds(|| activities_and_timers::check(&twice));
    }

    #[test]
    fn a_reference_to_what_comes_later_is_found() {
        let forwards = history(|events| {
            let fired = position(events, EventType::TimerFired);
            if let Some(A::TimerFiredEventAttributes(fired)) = &mut events[fired].attributes {
                fired.started_event_id = 1_000;
            }
        });
        finds(|| references::check(&forwards));
        let astray = history(|events| {
            let fired = position(events, EventType::TimerFired);
            if let Some(A::TimerFiredEventAttributes(fired)) = &mut events[fired].attributes {
                fired.started_event_id = 1;
            }
        });
        finds(|| references::check(&astray));
    }

    #[test]
    fn a_run_that_does_not_know_that_it_is_closed_is_found() {
        let mut world = world(true);
        let run = world.run_mut();
        run.state.status = WorkflowExecutionStatus::Running;
        finds(|| closed_runs::check(world.run_mut()));
    }

    #[test]
    fn state_that_is_not_in_the_history_is_found() {
        let mut world = world(false);
        world.run_mut().state.signal_count += 1;
        finds(|| rebuilt_state::check(world.run_mut()));
    }

    #[test]
    fn a_signal_that_was_taken_and_is_nowhere_is_found() {
        let mut world = world(false);
        let run_id = world.run_mut().run_id.clone();
        world.signals.insert("signal 99".to_owned(), run_id);
        finds(|| buffers::check_signals(&world));
    }

    #[test]
    fn a_caller_that_nobody_will_answer_is_found() {
        let mut world = world(false);
        world.queriers.push(crate::cluster::CallId(999));
        finds(|| waiting::check(&mut world));
    }

    #[test]
    fn a_workflow_task_that_no_worker_is_given_is_found() {
        let mut world = World::after(&Steps(vec![Step::Start { id: "wf", how: How::Plainly }]));
        // As if the task had never come to the queue.
        let _ = world.server.cluster.matching.pop_anything();
        finds(|| waiting::check_tasks(&mut world));
    }
}
