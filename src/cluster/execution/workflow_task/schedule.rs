//! Scheduling a workflow task.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    enums::v1::TaskQueueKind,
    history::v1::{WorkflowTaskScheduledEventAttributes, history_event::Attributes},
    taskqueue::v1::TaskQueue,
};

use super::{WorkflowTask, WorkflowTaskKind};
use crate::{
    clock::{self, Time},
    cluster::{
        execution::{Event, FollowUp, Transaction},
        limits,
        timers::Timer,
    },
    rng::Stream,
};

/// How long a speculative workflow task waits for a poller of a normal queue.
const SPECULATIVE_SCHEDULE_TO_START: Duration = Duration::from_secs(5);

impl Transaction<'_> {
    /// Something happened that the workflow has to see: schedules a workflow task, unless one is pending.
    pub(crate) fn need_workflow_task(&mut self) {
        if self.run.is_running() && self.run.state.workflow_task.is_none() {
            self.schedule_workflow_task();
        }
    }

    /// Schedules a workflow task and hands it to matching, unless the run is paused.
    pub(crate) fn schedule_workflow_task(&mut self) {
        if self.run.state.is_paused() {
            return;
        }
        self.schedule_workflow_task_of(WorkflowTaskKind::Normal, None);
        self.dispatch_workflow_task();
    }

    /// Schedules a workflow task. One that continues a row of heartbeats takes over the time when the
    /// first was scheduled. Somebody has to start or to dispatch it.
    pub(crate) fn schedule_workflow_task_of(
        &mut self,
        mut kind: WorkflowTaskKind,
        original_scheduled_time: Option<Time>,
    ) {
        if !self.run.state.buffered.is_empty() {
            // The history grows, and what was transient becomes real.
            self.run.state.workflow_task_attempt = 1;
            kind = WorkflowTaskKind::Normal;
            self.flush_buffered_events();
        }
        let attempt = self.run.state.workflow_task_attempt;
        let task_queue = match &self.run.state.sticky {
            Some(sticky) => TaskQueue {
                name: sticky.queue.clone(),
                kind: TaskQueueKind::Sticky as i32,
                normal_name: self.run.info.task_queue.clone(),
            },
            None => self.run.info.normal_task_queue(),
        };
        let backoff = attempt_backoff(attempt, &mut self.shared.jitter);
        let mut task = WorkflowTask {
            kind,
            stamp: self.shared.next_stamp(),
            scheduled_event_id: self.run.history.next_event_id(),
            started_event_id: 0,
            attempt,
            scheduled_time: self.now,
            original_scheduled_time: original_scheduled_time.unwrap_or(self.now),
            started_time: None,
            start_to_close_timeout: self.run.info.workflow_task_timeout.saturating_add(backoff),
            task_queue,
            request_id: String::new(),
            identity: String::new(),
            worker_version: None,
            history_size: 0,
            target_version_changed: false,
            suggest_continue_as_new: Vec::new(),
        };
        if !task.is_virtual() {
            task.scheduled_event_id = self.write_workflow_task_scheduled(&task, self.now);
        }
        self.run.state.had_workflow_task = true;
        self.run.state.workflow_task = Some(task);
    }

    /// Hands the scheduled workflow task to matching.
    pub(crate) fn dispatch_workflow_task(&mut self) {
        let Some(task) = &self.run.state.workflow_task else { return };
        let stamp = task.stamp;
        let schedule_to_start = match &self.run.state.sticky {
            Some(sticky) => Some(sticky.schedule_to_start_timeout),
            None if task.kind == WorkflowTaskKind::Speculative => Some(SPECULATIVE_SCHEDULE_TO_START),
            None => None,
        };
        let run = self.run.key;
        if let Some(timeout) = schedule_to_start {
            self.arm(self.now + timeout, Timer::WorkflowTaskScheduleToStart { run, stamp });
        }
        self.follow_up(FollowUp::DispatchWorkflowTask { run, stamp });
    }

    /// Writes the event of a task that was scheduled at `time`, and answers its id.
    pub(super) fn write_workflow_task_scheduled(&mut self, task: &WorkflowTask, time: Time) -> i64 {
        let attributes = scheduled_attributes(task);
        self.add_event(Event::new(Attributes::WorkflowTaskScheduledEventAttributes(attributes)).at(time))
    }
}

/// The attributes of the WorkflowTaskScheduled event of a task.
pub(super) fn scheduled_attributes(task: &WorkflowTask) -> WorkflowTaskScheduledEventAttributes {
    WorkflowTaskScheduledEventAttributes {
        task_queue: Some(task.task_queue.clone()),
        start_to_close_timeout: Some(clock::to_proto(task.start_to_close_timeout)),
        attempt: task.attempt,
    }
}

/// How much longer than its timeout an attempt may take: the first three nothing, then 5 s, doubling up to
/// 10 minutes, of which up to a fifth is random.
///
/// The server never waits before it schedules a failing task again. It is the worker that does not report
/// the failure of later attempts, and the growing timeout that slows them down.
fn attempt_backoff(attempt: i32, jitter: &mut Stream) -> Duration {
    const INITIAL: Duration = Duration::from_secs(5);
    const MAXIMUM: Duration = Duration::from_secs(10 * 60);
    let Some(doublings) = attempt.checked_sub(limits::WORKFLOW_TASK_ATTEMPTS_WITHOUT_BACKOFF + 1) else {
        return Duration::ZERO;
    };
    let Ok(doublings) = u32::try_from(doublings) else { return Duration::ZERO };
    let base = INITIAL.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(MAXIMUM);
    let fifth = base / 5;
    base - fifth + Duration::from_nanos(jitter.below(fifth.as_nanos() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn attempts_after_the_third_get_more_time() {
        let mut jitter = Seed(1).stream("jitter");
        let mut seconds = |attempt| attempt_backoff(attempt, &mut jitter).as_secs_f64();
        assert_eq!([seconds(1), seconds(3)], [0.0, 0.0]);
        for (attempt, most) in [(4, 5.0), (5, 10.0), (6, 20.0), (11, 600.0), (i32::MAX, 600.0)] {
            let backoff = seconds(attempt);
            assert!(backoff >= 0.8 * most && backoff < most, "attempt {attempt}: {backoff} s");
        }
    }
}
