//! The activities that a workflow execution waits for.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1::{Payloads, WorkerVersionStamp},
    deployment::v1::WorkerDeploymentVersion,
    failure::v1::Failure,
};

use super::deadline::Deadline;
use crate::{
    clock::{self, Time},
    cluster::execution::{Pending, first_deadline::FirstDeadline},
};

/// An activity between its ActivityTaskScheduled event and the event that closes it.
#[derive(Debug, Clone)]
pub(crate) struct PendingActivity {
    /// The id of its ActivityTaskScheduled event.
    pub(crate) scheduled_event_id: i64,
    /// The id that the workflow gave it.
    pub(crate) activity_id: String,
    /// The name of its type.
    pub(crate) activity_type: String,
    /// Task queue, timeouts, retry policy and priority, every field filled in.
    pub(crate) options: ActivityOptions,
    /// When its ActivityTaskScheduled event was written.
    pub(crate) first_scheduled_time: Time,
    /// When the current attempt was or will be put on the task queue.
    pub(crate) scheduled_time: Time,
    /// The current attempt, from 1.
    pub(crate) attempt: i32,
    /// Changes when tasks that are out for this activity become void although the attempt stays the same.
    pub(crate) stamp: i32,
    /// The worker's hold on the current attempt; `None` while the attempt waits.
    pub(crate) started: Option<Started>,
    /// The instant after which no attempt may begin: first scheduled time plus schedule-to-close timeout as the
    /// command gave it. Changed options do not move it.
    pub(crate) retry_expiration_time: Option<Time>,
    /// What the previous attempt failed with, shortened if large.
    pub(crate) last_failure: Option<Failure>,
    /// When a worker last reported a failure. A timeout does not count.
    pub(crate) last_attempt_complete_time: Option<Time>,
    /// Who was last given an attempt.
    pub(crate) last_started_identity: String,
    /// Who last sent a heartbeat or was given the attempt before the current one.
    pub(crate) last_worker_identity: String,
    /// The version of the worker that was last given an attempt, if it has one.
    pub(crate) last_version: Option<WorkerDeploymentVersion>,
    /// What the latest heartbeat said; kept from one attempt to the next.
    pub(crate) heartbeat_details: Option<Payloads>,
    /// When the latest heartbeat came.
    pub(crate) last_heartbeat_time: Option<Time>,
    /// The id of the ActivityTaskCancelRequested event, once the workflow has asked for cancellation.
    pub(crate) cancel_requested_event_id: Option<i64>,
    /// Who paused it, while it is paused.
    pub(crate) pause: Option<Pause>,
    /// Set by a reset while an attempt runs; the attempt learns it from its next heartbeat.
    pub(crate) reset: bool,
    /// Whether the heartbeat details are to be dropped when the running attempt ends.
    pub(crate) reset_heartbeats: bool,
}

/// A worker's hold on an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// When the worker took it.
    pub(crate) time: Time,
    /// The worker.
    pub(crate) identity: String,
    /// The id of the request that took it; empty if the server started it by itself.
    pub(crate) request_id: String,
    /// The build of the worker that answered for it, if it said so.
    pub(crate) worker_version: Option<WorkerVersionStamp>,
}

/// Why an activity is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Since when.
    pub(crate) time: Time,
    /// By whom.
    pub(crate) identity: String,
    /// Why.
    pub(crate) reason: String,
    /// The id of the request; a repeated request is no error.
    pub(crate) request_id: String,
}

impl PendingActivity {
    /// An activity that was just scheduled: attempt 1, waiting.
    pub(crate) fn new(
        scheduled_event_id: i64,
        activity_id: String,
        activity_type: String,
        options: ActivityOptions,
        now: Time,
    ) -> Self {
        let schedule_to_close = clock::duration(options.schedule_to_close_timeout.as_ref());
        Self {
            scheduled_event_id,
            activity_id,
            activity_type,
            options,
            first_scheduled_time: now,
            scheduled_time: now,
            attempt: 1,
            stamp: 0,
            started: None,
            retry_expiration_time: (!schedule_to_close.is_zero()).then(|| now + schedule_to_close),
            last_failure: None,
            last_attempt_complete_time: None,
            last_started_identity: String::new(),
            last_worker_identity: String::new(),
            last_version: None,
            heartbeat_details: None,
            last_heartbeat_time: None,
            cancel_requested_event_id: None,
            pause: None,
            reset: false,
            reset_heartbeats: false,
        }
    }

    /// How much of a server's memory the activity takes, in bytes. Its input is in the history only.
    fn size(&self) -> usize {
        /// Times, timeouts, policies and ids of requests.
        const FIXED: usize = 300;
        let details = self.heartbeat_details.as_ref().map_or(0, Payloads::encoded_len);
        let failure = self.last_failure.as_ref().map_or(0, Failure::encoded_len);
        FIXED + self.activity_id.len() + self.activity_type.len() + details + failure
    }

    /// Whether a cancellation was requested.
    pub(crate) fn cancel_requested(&self) -> bool {
        self.cancel_requested_event_id.is_some()
    }

    /// Whether the attempt waits for a worker or for its backoff to end, and nobody wants it cancelled.
    pub(super) fn waits(&self) -> bool {
        !self.is_started() && !self.cancel_requested()
    }

    /// Makes the tasks void that are out for this activity.
    pub(super) fn change_stamp(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
    }

    /// Whether the attempt is in a worker's hands.
    pub(crate) fn is_started(&self) -> bool {
        self.started.is_some()
    }
}

/// The pending activities of one run, with what finds one quickly.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    /// Boxed, because nodes of the map have room for many.
    by_scheduled_event_id: Pending<i64, Box<PendingActivity>>,
    scheduled_event_ids: Pending<String, i64>,
    deadlines: Pending<Deadline, ()>,
    first: FirstDeadline,
    /// How much of a server's memory they take, in bytes.
    size: usize,
}

impl Activities {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_scheduled_event_id.len()
    }

    /// All of them, in the order in which they were scheduled.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PendingActivity> {
        self.by_scheduled_event_id.iter().map(|(_, activity)| activity.as_ref())
    }

    /// The activity with this ActivityTaskScheduled event.
    pub(crate) fn get(&self, scheduled_event_id: i64) -> Option<&PendingActivity> {
        self.by_scheduled_event_id.get(&scheduled_event_id).map(AsRef::as_ref)
    }

    /// The activity that the workflow gave this id.
    pub(crate) fn find(&self, activity_id: &str) -> Option<&PendingActivity> {
        self.get(*self.scheduled_event_ids.get(activity_id)?)
    }

    /// Adds an activity. Its activity id must not be pending.
    pub(in crate::cluster::execution) fn insert(&mut self, activity: PendingActivity) {
        for deadline in activity.deadlines() {
            self.deadlines.insert(deadline, ());
        }
        self.size += activity.size();
        self.scheduled_event_ids.insert(activity.activity_id.clone(), activity.scheduled_event_id);
        self.by_scheduled_event_id.insert(activity.scheduled_event_id, Box::new(activity));
    }

    /// Changes an activity and with it its deadlines; `None` if it is not pending.
    pub(in crate::cluster::execution) fn update<R>(
        &mut self,
        scheduled_event_id: i64,
        change: impl FnOnce(&mut PendingActivity) -> R,
    ) -> Option<R> {
        let activity = self.by_scheduled_event_id.get_mut(&scheduled_event_id)?;
        for deadline in activity.deadlines() {
            self.deadlines.remove(&deadline);
        }
        self.size -= activity.size();
        let result = change(activity);
        self.size += activity.size();
        for deadline in activity.deadlines() {
            self.deadlines.insert(deadline, ());
        }
        Some(result)
    }

    /// Makes all tasks void that are out.
    pub(in crate::cluster::execution) fn change_all_stamps(&mut self) {
        let all: Vec<_> = self.iter().map(|activity| activity.scheduled_event_id).collect();
        for scheduled_event_id in all {
            self.update(scheduled_event_id, PendingActivity::change_stamp);
        }
    }

    /// Takes an activity out, because it is about to be closed.
    pub(in crate::cluster::execution) fn remove(
        &mut self,
        scheduled_event_id: i64,
    ) -> Option<Box<PendingActivity>> {
        let activity = self.by_scheduled_event_id.remove(&scheduled_event_id)?;
        self.size -= activity.size();
        self.scheduled_event_ids.remove(&activity.activity_id);
        for deadline in activity.deadlines() {
            self.deadlines.remove(&deadline);
        }
        Some(activity)
    }

    /// Whether an armed timer of the cluster stands for the next of the timeouts.
    pub(crate) fn is_armed(&self, generation: u64) -> bool {
        self.first.is_armed(generation)
    }

    /// Takes notice of which timeout expires first. If that has changed, answers for when to arm a timer.
    pub(super) fn first_deadline_to_arm(&mut self) -> Option<(Time, u64)> {
        let next = self.deadlines.iter().next().map(|(deadline, ())| deadline.at);
        self.first.follow(next)
    }

    /// The timeouts that have expired, in the order in which they are handled.
    pub(super) fn expired(&self, now: Time) -> Vec<Deadline> {
        self.deadlines
            .iter()
            .map(|(deadline, ())| *deadline)
            .take_while(|deadline| deadline.at <= now)
            .collect()
    }

    /// How much of a server's memory they take, in bytes.
    pub(in crate::cluster::execution) fn size(&self) -> usize {
        self.size
    }

    /// Starts to keep a log of changes.
    pub(in crate::cluster::execution) fn keep_log(&mut self) {
        self.by_scheduled_event_id.keep_log();
        self.scheduled_event_ids.keep_log();
        self.deadlines.keep_log();
    }

    /// Forgets the log: the changes stand.
    pub(in crate::cluster::execution) fn drop_log(&mut self) {
        self.by_scheduled_event_id.drop_log();
        self.scheduled_event_ids.drop_log();
        self.deadlines.drop_log();
    }

    /// Takes back all changes since the log was started.
    pub(in crate::cluster::execution) fn roll_back(&mut self) {
        self.by_scheduled_event_id.roll_back();
        self.scheduled_event_ids.roll_back();
        self.deadlines.roll_back();
        self.size = self.iter().map(PendingActivity::size).sum();
    }
}
