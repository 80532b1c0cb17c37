//! Everything that happens later, in one queue for the whole cluster.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{CallId, batch::BatchKey, execution::RunKey, schedules::ScheduleKey};
use crate::clock::Time;

/// What a timer does when its time has come.
///
/// A timer is never cancelled. It names the state in which it means something, and is dropped when that
/// state is over: [`super::Cluster::is_live`] decides.
#[expect(clippy::enum_variant_names, reason = "user timer is a term of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The next of a run's user timers comes due.
    UserTimer { run: RunKey, generation: u64 },
    /// The next of the timeouts of a run's activities expires.
    ActivityTimeout { run: RunKey, generation: u64 },
    /// The backoff before the next attempt of an activity is over.
    ActivityRetry { run: RunKey, scheduled_event_id: i64, attempt: i32, stamp: i32 },
    /// Nobody took a workflow task from its sticky queue.
    WorkflowTaskScheduleToStart { run: RunKey, stamp: u64 },
    /// A worker did not complete the workflow task that it started.
    WorkflowTaskStartToClose { run: RunKey, stamp: u64 },
    /// The first workflow task of a delayed run may be scheduled.
    FirstWorkflowTaskBackoff { run: RunKey },
    /// The run, or the whole chain of runs, has run out of time.
    RunTimeout { run: RunKey },
    /// A schedule wants to be woken.
    Schedule { schedule: ScheduleKey, wakeup: Time },
    /// A batch operation takes its next execution.
    Batch { batch: BatchKey },
    /// The worker that has a run in its cache did not answer a query.
    StickyQuery { query: u64 },
    /// The rate limit of a task queue lets a task go.
    TaskQueueRate { generation: u64 },
    /// The policy that says what becomes of a child of a closed run is applied.
    ParentClose { parent: RunKey, initiated_event_id: i64 },
    /// A parked call has waited for as long as it may.
    CallExpiry { call: CallId },
}

impl Timer {
    /// Timers of one instant fire in the order of their classes, and within a class as they were armed.
    fn class(self) -> u8 {
        match self {
            Self::UserTimer { .. } => 0,
            Self::ActivityTimeout { .. } => 1,
            Self::ActivityRetry { .. } => 2,
            Self::FirstWorkflowTaskBackoff { .. } => 3,
            // On a server a workflow task starts some time after its run, so that it times out later.
            Self::RunTimeout { .. } => 4,
            Self::WorkflowTaskScheduleToStart { .. } | Self::WorkflowTaskStartToClose { .. } => 5,
            Self::Schedule { .. } => 6,
            Self::Batch { .. } => 7,
            Self::StickyQuery { .. } => 8,
            Self::TaskQueueRate { .. } => 9,
            Self::ParentClose { .. } => 10,
            Self::CallExpiry { .. } => 11,
        }
    }
}

/// A timer that is armed, with its place among all others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Armed {
    deadline: Time,
    class: u8,
    sequence: u64,
    /// What it does.
    pub(super) timer: Timer,
}

impl Ord for Armed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline, self.class, self.sequence).cmp(&(other.deadline, other.class, other.sequence))
    }
}

impl PartialOrd for Armed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The queue of armed timers, soonest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Armed>>,
    sequence: u64,
    /// Dead timers are swept out when the queue has grown to this length.
    sweep_at: usize,
}

/// Below this length sweeping is not worth its while.
const SWEEP_AT_LEAST: usize = 1024;

impl Timers {
    /// Arms a timer.
    pub(crate) fn arm(&mut self, deadline: Time, timer: Timer) {
        self.sequence += 1;
        self.heap.push(Reverse(Armed { deadline, class: timer.class(), sequence: self.sequence, timer }));
    }

    /// When the soonest timer comes due, dead or alive: see [`Self::drop_dead`].
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(armed)| armed.deadline)
    }

    /// Takes the soonest timer, with its deadline.
    pub(crate) fn pop(&mut self) -> Option<(Time, Timer)> {
        self.heap.pop().map(|Reverse(armed)| (armed.deadline, armed.timer))
    }

    /// Takes all timers that are due at exactly this instant, if none is due before.
    pub(super) fn take_due(&mut self, instant: Time) -> Vec<Armed> {
        let mut due = Vec::new();
        while self.next_deadline() == Some(instant) {
            due.extend(self.heap.pop().map(|Reverse(armed)| armed));
        }
        due
    }

    /// Arms timers again that were taken out, in their old places.
    pub(super) fn put_back(&mut self, armed: Vec<Armed>) {
        self.heap.extend(armed.into_iter().map(Reverse));
    }

    /// Drops the timers that mean nothing any more: always those at the head, so that
    /// [`Self::next_deadline`] is true; all others when they could be half of the queue.
    pub(crate) fn drop_dead(&mut self, is_live: impl Fn(Timer) -> bool) {
        while let Some(Reverse(armed)) = self.heap.peek()
            && !is_live(armed.timer)
        {
            self.heap.pop();
        }
        if self.heap.len() >= self.sweep_at.max(SWEEP_AT_LEAST) {
            self.heap.retain(|Reverse(armed)| is_live(armed.timer));
            self.sweep_at = self.heap.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_timer(generation: u64) -> Timer {
        Timer::UserTimer { run: RunKey(0), generation }
    }

    #[test]
    fn timers_of_one_instant_go_by_class_then_by_age() {
        let mut timers = Timers::default();
        let now = Time::from_nanos(7);
        let run_timeout = Timer::RunTimeout { run: RunKey(0) };
        for timer in [run_timeout, user_timer(1), user_timer(2)] {
            timers.arm(now, timer);
        }
        let order: Vec<_> = std::iter::from_fn(|| timers.pop()).map(|(_, timer)| timer).collect();
        assert_eq!(order, [user_timer(1), user_timer(2), run_timeout]);
    }

    #[test]
    fn a_dead_timer_is_no_deadline() {
        let mut timers = Timers::default();
        timers.arm(Time::from_nanos(1), user_timer(1));
        timers.arm(Time::from_nanos(2), user_timer(2));
        timers.drop_dead(|timer| timer != user_timer(1));
        assert_eq!(timers.next_deadline(), Some(Time::from_nanos(2)));
    }

    #[test]
    fn dead_timers_do_not_pile_up() {
        let mut timers = Timers::default();
        timers.arm(Time::from_nanos(0), user_timer(0));
        for id in 1..100_000 {
            timers.arm(Time::from_nanos(i128::from(id)), user_timer(id));
            timers.drop_dead(|timer| timer == user_timer(0));
        }
        assert!(timers.heap.len() <= SWEEP_AT_LEAST);
    }
}
