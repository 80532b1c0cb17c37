//! What goes first of what happens at the same instant, where the server promises no order.
//!
//! First in, first out, unless [`Config::schedule`](super::Config::schedule) says otherwise. What has an order on a real
//! cluster keeps it: the timers of one run that come due together fire in one transaction, a step that refers to an earlier
//! one of the same run stays behind it, and a task of a higher priority goes first.

use std::collections::BTreeSet;

use super::{
    Cluster,
    execution::FollowUp,
    matching::{Poller, QueueName, Task},
    timers::Timer,
};
use crate::{
    clock::Time,
    schedule::{Candidate, Choice, Lane},
};

impl Cluster {
    /// Whether everything goes first in, first out.
    pub(crate) fn is_fifo(&self) -> bool {
        self.scheduler.is_fifo()
    }

    /// Chooses which of these candidates goes first, which may be due in the cluster or elsewhere.
    pub(crate) fn choose(&mut self, candidates: &[Candidate]) -> usize {
        self.scheduler.choose(candidates)
    }

    /// What was chosen so far.
    pub(crate) fn choices(&self) -> &[Choice] {
        self.scheduler.choices()
    }

    /// What is due at exactly this instant.
    pub(crate) fn due(&mut self, instant: Time) -> Vec<Candidate> {
        let mut due = self.timers.take_due(instant);
        due.retain(|armed| self.is_live(armed.timer));
        let candidates = due.iter().map(|armed| armed.timer.candidate()).collect();
        self.timers.put_back(due);
        candidates
    }

    /// Lets one of those happen that [`Self::due`] has listed, by its place there.
    pub(crate) fn fire_due(&mut self, instant: Time, place: usize) {
        let mut due = self.timers.take_due(instant);
        due.retain(|armed| self.is_live(armed.timer));
        let fired = (place < due.len()).then(|| due.remove(place));
        self.timers.put_back(due);
        match fired {
            Some(armed) => self.fire(instant.max(self.not_before), armed.timer),
            None => self.settle(instant.max(self.not_before)),
        }
    }

    /// Lets everything happen that is due before `end`, or at `end` if that is included.
    pub(super) fn pass_time(&mut self, end: Time, includes_end: bool) {
        while let Some(deadline) = self.timers.next_deadline()
            && (deadline < end || includes_end && deadline == end)
        {
            if self.is_fifo() {
                if let Some((due, timer)) = self.timers.pop() {
                    self.fire(due.max(self.not_before), timer);
                }
            } else {
                let due = self.due(deadline);
                let place = self.choose(&due);
                self.fire_due(deadline, place);
            }
        }
    }

    /// Takes the next of the steps that follow from what happened.
    pub(super) fn next_follow_up(&mut self) -> Option<FollowUp> {
        if self.is_fifo() || self.follow_ups.len() < 2 {
            return self.follow_ups.pop_front();
        }
        let (places, candidates): (Vec<_>, Vec<_>) = free_steps(self.follow_ups.iter()).into_iter().unzip();
        let chosen = self.scheduler.choose(&candidates);
        self.follow_ups.remove(places.get(chosen).copied().unwrap_or(0))
    }

    /// The poller that gets the next task of a queue.
    pub(super) fn next_poller(&mut self, queue: &QueueName) -> Option<Poller> {
        if self.is_fifo() {
            return self.matching.first_poller(queue).cloned();
        }
        let pollers = self.matching.waiting_pollers(queue);
        let poller =
            |poller: &Poller| Candidate { what: "a poller", lane: Lane::named("poller", &poller.identity) };
        let candidates: Vec<_> = pollers.iter().map(poller).collect();
        let chosen = self.scheduler.choose(&candidates);
        pollers.into_iter().nth(chosen)
    }

    /// Takes the task of a queue's backlog that goes first.
    pub(super) fn next_task(&mut self, queue: &QueueName) -> Option<Task> {
        if self.is_fifo() {
            return self.matching.pop(queue);
        }
        let candidates: Vec<_> = self.matching.first_tasks(queue).map(Task::candidate).collect();
        let chosen = self.scheduler.choose(&candidates);
        self.matching.pop_nth(queue, chosen)
    }
}

/// The steps that may go first, with their places. Those of one run that reach other workflows keep their order, but for the
/// starts of its children. A step that looks at much of the cluster waits for all before it, and all behind it wait for it.
fn free_steps<'a>(steps: impl Iterator<Item = &'a FollowUp>) -> Vec<(usize, Candidate)> {
    let mut free = Vec::new();
    let mut starting = BTreeSet::new();
    let mut sending = BTreeSet::new();
    for (place, step) in steps.enumerate() {
        let is_free = match step {
            FollowUp::DispatchWorkflowTask { .. } | FollowUp::DispatchActivityTask { .. } => true,
            FollowUp::StartChild { run, .. } => {
                starting.insert(*run);
                !sending.contains(run)
            }
            FollowUp::SignalExternal { run, .. } | FollowUp::CancelExternal { run, .. } => {
                sending.insert(*run) && !starting.contains(run)
            }
            _ if place == 0 => return vec![(0, step.candidate())],
            _ => break,
        };
        if is_free {
            free.push((place, step.candidate()));
        }
    }
    free
}

impl FollowUp {
    fn candidate(&self) -> Candidate {
        let numbered = |what, run: super::execution::RunKey, number: i64| Candidate {
            what,
            lane: Lane::named(what, format!("{} {number}", run.0)),
        };
        match *self {
            Self::DispatchWorkflowTask { run, .. } => numbered("a workflow task", run, 0),
            Self::DispatchActivityTask { run, scheduled_event_id, .. } => {
                numbered("an activity task", run, scheduled_event_id)
            }
            Self::StartChild { run, initiated_event_id } => {
                numbered("the start of a child", run, initiated_event_id)
            }
            Self::SignalExternal { run, .. } => numbered("a signal to another workflow", run, 0),
            Self::CancelExternal { run, .. } => numbered("a cancellation of another workflow", run, 0),
            _ => Candidate { what: "a step of the cluster", lane: Lane::numbered("cluster", 0) },
        }
    }
}

impl Task {
    fn candidate(&self) -> Candidate {
        match *self {
            Self::Workflow { run, .. } => Candidate {
                what: "a workflow task",
                lane: Lane::named("a workflow task", format!("{} 0", run.0)),
            },
            Self::Activity { run, scheduled_event_id, .. } => Candidate {
                what: "an activity task",
                lane: Lane::named("an activity task", format!("{} {scheduled_event_id}", run.0)),
            },
            Self::Query { query, .. } => Candidate { what: "a query", lane: Lane::numbered("query", query) },
        }
    }
}

impl Timer {
    fn candidate(self) -> Candidate {
        let of_run = |what, run: super::execution::RunKey| Candidate {
            what,
            lane: Lane::numbered(what, run.0 as u64),
        };
        match self {
            Self::UserTimer { run, .. } => of_run("a timer", run),
            Self::ActivityTimeout { run, .. } => of_run("a timeout of an activity", run),
            Self::ActivityRetry { run, .. } => of_run("a retry of an activity", run),
            Self::FirstWorkflowTaskBackoff { run } => of_run("the begin of a delayed run", run),
            Self::WorkflowTaskScheduleToStart { run, .. } | Self::WorkflowTaskStartToClose { run, .. } => {
                of_run("a timeout of a workflow task", run)
            }
            Self::RunTimeout { run } => of_run("a timeout of a run", run),
            Self::Schedule { .. } => Candidate { what: "a schedule", lane: Lane::numbered("schedule", 0) },
            Self::Batch { .. } => Candidate { what: "a batch operation", lane: Lane::numbered("batch", 0) },
            Self::StickyQuery { query } => {
                Candidate { what: "a timeout of a query", lane: Lane::numbered("sticky query", query) }
            }
            Self::TaskQueueRate { generation } => Candidate {
                what: "the rate limit of a task queue",
                lane: Lane::numbered("rate limit", generation),
            },
            Self::ParentClose { parent, initiated_event_id } => Candidate {
                what: "the parent close policy of a child",
                lane: Lane::named("parent close policy", format!("{} {initiated_event_id}", parent.0)),
            },
            Self::CallExpiry { call } => {
                Candidate { what: "the end of a long poll", lane: Lane::numbered("call", call.0) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::execution::RunKey;

    fn free(steps: &[FollowUp]) -> Vec<usize> {
        free_steps(steps.iter()).into_iter().map(|(place, _)| place).collect()
    }

    const ONE: RunKey = RunKey(1);
    const TWO: RunKey = RunKey(2);

    fn task(run: RunKey) -> FollowUp {
        FollowUp::DispatchWorkflowTask { run, stamp: 1 }
    }

    fn child(run: RunKey, initiated_event_id: i64) -> FollowUp {
        FollowUp::StartChild { run, initiated_event_id }
    }

    fn signal(run: RunKey, initiated_event_id: i64) -> FollowUp {
        FollowUp::SignalExternal { run, initiated_event_id }
    }

    #[test]
    fn tasks_and_children_go_in_any_order() {
        assert_eq!(free(&[task(ONE), child(ONE, 5), child(ONE, 6), task(TWO)]), [0, 1, 2, 3]);
    }

    #[test]
    fn the_signals_of_one_workflow_keep_their_order() {
        assert_eq!(free(&[signal(ONE, 5), signal(ONE, 6), signal(TWO, 5), task(ONE)]), [0, 2, 3]);
        let cancel = FollowUp::CancelExternal { run: ONE, initiated_event_id: 7 };
        assert_eq!(free(&[signal(ONE, 5), cancel]), [0]);
    }

    #[test]
    fn a_signal_does_not_overtake_the_child_that_it_may_be_for() {
        assert_eq!(free(&[child(ONE, 5), signal(ONE, 6)]), [0]);
        assert_eq!(free(&[signal(ONE, 5), child(ONE, 6)]), [0]);
    }

    #[test]
    fn nothing_overtakes_the_end_of_a_run() {
        let close = || FollowUp::FollowClose { run: ONE };
        assert_eq!(free(&[close(), task(ONE)]), [0]);
        assert_eq!(free(&[task(ONE), task(TWO), close(), task(TWO)]), [0, 1]);
    }
}
