//! The Temporal server, as a deterministic state machine.
//!
//! `cluster` contains no I/O, reads no clock and draws no randomness but from its seed. The methods of
//! [`Cluster`] are of three kinds:
//!
//! * `handle_*` put something in: a call, a caller that went away, the passing of time;
//! * `poll_*` take something out: answers to calls;
//! * the others only look.
//!
//! A call may be answered at once or much later (a long poll); either way its answer comes out of
//! [`Cluster::poll_answer`] under the [`CallId`] that it came in with.
//!
//! Inside, a call goes through [`dispatch`] to a handler, which checks the request, finds the run and
//! changes it in a transaction ([`execution`]). What follows from a transaction elsewhere is done before
//! the next call is looked at: tasks go to [`matching`], timers are armed ([`timers`]), calls that wait for
//! events are answered ([`reads`]).

#![allow(deprecated, reason = "a server fills in and reads what old clients and workers know")]

mod batch;
mod calls;
mod cron;
mod dispatch;
#[cfg(feature = "server")]
pub(crate) mod driver;
mod duration_text;
mod error;
mod execution;
mod go_text;
mod inspect;
mod limits;
mod matching;
mod namespace_requests;
mod namespaces;
mod ordering;
mod payloads;
mod reads;
mod requests;
mod retention;
mod schedules;
mod search_attributes;
mod start;
mod system;
mod time_zone;
mod timers;
mod token;
mod visibility;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

pub(crate) use error::Error;
pub(crate) use execution::activity::RetriedAttempt;
pub(crate) use inspect::{PendingWorkflowTask, RunSnapshot};

pub use limits::Limits;

use self::{
    batch::Batches,
    calls::{CallContext, Calls},
    execution::{Effect, FollowUp, Run, RunKey, Runs, ShownBuild, Transaction, query::DirectQueries},
    matching::Matching,
    namespaces::{Namespace, Namespaces},
    retention::Retention,
    schedules::Schedules,
    timers::{Timer, Timers},
    visibility::Visibility,
    workers::Workers,
};
use crate::{
    clock::Time,
    rng::{Seed, Stream},
    rpc::{Request, Response},
    rules::{durations, failure, retry},
    schedule::{Schedule, Scheduler},
};

/// Names one call between its request and its answer. The caller chooses it and must not reuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub(crate) u64);

/// What a call is answered with.
pub(crate) type Answer = Result<Response, Error>;

/// What can be chosen about a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// Who ends a long poll that finds nothing.
    pub(crate) long_polls: LongPolls,
    /// Whether a namespace that a call names and that does not exist is registered then and there.
    pub(crate) any_namespace: bool,
    /// The custom search attributes of the namespace `default`, and of those that come by being named. Names that belong to
    /// the server are passed over.
    pub(crate) search_attributes: BTreeMap<String, IndexedValueType>,
    /// Whether closed runs are deleted when the retention of their namespace is over. Otherwise they are kept for ever.
    pub(crate) deletes_closed_runs: bool,
    /// Whether it is the driver who ends long polls, because its callers have a clock of their own: it is told how long each may
    /// wait.
    pub(crate) driver_ends_long_polls: bool,
    /// Whether the driver skips time when no worker is at work: which runs change is noted
    /// then.
    pub(crate) skips_time: bool,
    /// How much it takes.
    pub(crate) limits: Limits,
    /// What goes first of what happens at the same instant.
    pub(crate) schedule: Schedule,
}

/// Who ends a long poll that finds nothing with an empty answer, as a real server does: after 60 s for tasks, after 20 s for
/// histories and updates, or 1 s before the caller's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LongPolls {
    /// Nobody: it waits for ever, so that an idle client is no reason for virtual time to move.
    #[default]
    Endless,
    /// The cluster, when its own time has come; or the driver, if [`Config::driver_ends_long_polls`] says so.
    Expire,
}

/// A call on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The name under which the answer comes out.
    pub(crate) id: CallId,
    /// What is asked.
    pub(crate) request: Request,
    /// When the caller stops waiting; `None` if it waits for ever.
    pub(crate) deadline: Option<Time>,
}

/// A whole Temporal cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// A UUID that clients are told.
    cluster_id: String,
    shared: Shared,
    runs: Runs,
    visibility: Visibility,
    matching: Matching,
    timers: Timers,
    schedules: Schedules,
    batches: Batches,
    calls: Calls,
    workers: Workers,
    direct_queries: DirectQueries,
    /// The runs that came to rest last, the latest one last.
    resting: VecDeque<RunKey>,
    follow_ups: VecDeque<FollowUp>,
    scheduler: Scheduler,
    /// Where the clock was last set to: what was due before that happens then.
    not_before: Time,
    answers: VecDeque<(CallId, Answer)>,
    retention: Retention,
    /// The runs that have changed since the driver last looked for what holds time.
    changed_runs: BTreeSet<RunKey>,
}

/// What all runs draw from: the configuration, the namespaces, numbers that never repeat, and the seed's streams.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// For numbers that have to be the same whenever they are drawn: each from a stream of its own.
    pub(crate) seed: Seed,
    pub(crate) namespaces: Namespaces,
    pub(crate) namespace_ids: Stream,
    pub(crate) run_ids: Stream,
    pub(crate) request_ids: Stream,
    pub(crate) query_ids: Stream,
    pub(crate) activity_jitter: Stream,
    pub(crate) jitter: Stream,
    /// The search attributes that runs get from workers without a version.
    pub(crate) shown_build: ShownBuild,
    task_id: i64,
    stamp: u64,
    runs: usize,
}

impl Shared {
    /// The next `task_id` of an event.
    fn next_task_id(&mut self) -> i64 {
        self.task_id += 1;
        self.task_id
    }

    /// A key for the next run.
    pub(crate) fn next_run_key(&mut self) -> RunKey {
        self.runs += 1;
        RunKey(self.runs - 1)
    }

    /// A number that names one thing, and nothing else in this cluster.
    pub(crate) fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }
}

/// How many runs that wait or have closed keep their histories as they are.
const RECENTLY_RESTING: usize = 16;

/// How many events a run that waits keeps as they are.
const LARGE_EVENTS: usize = 64;

/// The namespace that every cluster has.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

impl Cluster {
    /// A cluster with the namespace `default` and nothing in it.
    pub(crate) fn new(config: Config, seed: Seed) -> Self {
        let mut namespaces = Namespaces::new(config.limits.clone());
        let mut namespace_ids = seed.stream("namespace ids");
        let id = namespace_ids.uuid();
        namespaces.register(Namespace::initial(DEFAULT_NAMESPACE, id, &config.search_attributes));
        let scheduler = Scheduler::new(&config.schedule, seed);
        Self {
            cluster_id: seed.stream("cluster id").uuid(),
            shared: Shared {
                config,
                seed,
                namespaces,
                namespace_ids,
                run_ids: seed.stream("run ids"),
                request_ids: seed.stream("request ids"),
                query_ids: seed.stream("query ids"),
                activity_jitter: seed.stream("activity jitter"),
                jitter: seed.stream("workflow task backoff"),
                shown_build: ShownBuild::default(),
                task_id: 0,
                stamp: 0,
                runs: 0,
            },
            runs: Runs::default(),
            visibility: Visibility::default(),
            matching: Matching::default(),
            timers: Timers::default(),
            schedules: Schedules::default(),
            batches: Batches::default(),
            calls: Calls::default(),
            workers: Workers::default(),
            direct_queries: DirectQueries::default(),
            resting: VecDeque::new(),
            follow_ups: VecDeque::new(),
            scheduler,
            not_before: Time::from_nanos(i128::MIN),
            answers: VecDeque::new(),
            retention: Retention::default(),
            changed_runs: BTreeSet::new(),
        }
    }

    /// How much this cluster takes.
    fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// A caller asks something. What was due before `now` happens first.
    pub(crate) fn handle_call(&mut self, now: Time, call: Call) {
        self.pass_time(now, false);
        self.delete_what_is_no_longer_retained(now);
        let context = CallContext { id: call.id, deadline: call.deadline };
        match self.dispatch_in_any_namespace(now, context, call.request) {
            Ok(Some(response)) => self.answers.push_back((call.id, Ok(response))),
            Ok(None) => {}
            Err(error) => self.answers.push_back((call.id, Err(error))),
        }
        self.settle(now);
    }

    /// A caller went away without waiting for the answer.
    pub(crate) fn handle_gone(&mut self, now: Time, call: CallId) {
        self.forget_call(now, call);
        self.settle(now);
    }

    /// Time has come to [`Self::next_deadline`], or passed it. Whatever is due happens at the instant for
    /// which it was due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.pass_time(now, true);
    }

    /// The clock is set forward to `now`. Whatever was due before happens at that instant, with the next
    /// [`Self::handle_timeout`].
    pub(crate) fn step_clock(&mut self, now: Time) {
        self.not_before = now;
    }

    /// The next answer that is ready, in the order in which they became ready.
    pub(crate) fn poll_answer(&mut self) -> Option<(CallId, Answer)> {
        self.answers.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` if nothing is going to happen by itself.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    /// Changes a run. Whatever `body` answers, what it has written is committed; so it looks at all
    /// preconditions before it writes anything.
    ///
    /// # Errors
    ///
    /// Those of `body`, and NOT_FOUND if the run has been deleted.
    fn transact<T>(
        &mut self,
        now: Time,
        run: RunKey,
        body: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let found = self.runs.get_mut(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        let (was_running, had_workflow_task) = (found.is_running(), found.state.workflow_task.is_some());
        let mut transaction = Transaction::begin(now, found, &mut self.shared);
        let mut outcome = body(&mut transaction);
        if let Some(reason) = transaction.enforce_size_limits() {
            outcome = Err(Error::invalid_argument(reason));
        }
        if outcome.is_err() {
            transaction.keep_in_memory();
        }
        let has_closed = was_running && !transaction.run.is_running();
        let waits = had_workflow_task && transaction.run.waits();
        let effects = transaction.commit();
        self.apply(effects);
        self.note_change(run);
        self.update_visibility(run);
        self.wake_readers(run);
        self.wake_updaters(run);
        if has_closed {
            self.tell_schedules_of_close(run);
            self.retain(now, run);
        }
        if has_closed || waits {
            self.rest(run);
        }
        outcome
    }

    /// A run has closed, or waits for something. Its history stays as it is for a while: what it waits for may come at once,
    /// and whoever waits for its end reads it then.
    fn rest(&mut self, key: RunKey) {
        if let Some(run) = self.runs.get_mut(key)
            && run.history.large() > LARGE_EVENTS
        {
            run.history.pack();
        }
        if self.resting.back() != Some(&key) {
            self.resting.push_back(key);
        }
        if self.resting.len() > RECENTLY_RESTING
            && let Some(run) = self.resting.pop_front().and_then(|run| self.runs.get_mut(run))
        {
            if run.waits() {
                run.history.pack();
            } else if !run.is_running() {
                run.history.pack();
                run.history.shrink_to_fit();
            }
        }
    }

    /// Adds a run that has just begun.
    fn add_run(&mut self, run: Box<Run>) {
        let key = run.key;
        self.runs.insert(run);
        self.note_change(key);
        self.update_visibility(key);
    }

    /// A run is not as it was.
    fn note_change(&mut self, run: RunKey) {
        if self.shared.config.skips_time {
            self.changed_runs.insert(run);
        }
    }

    /// Does what a transaction leaves to be done.
    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Arm(deadline, timer) => self.timers.arm(deadline, timer),
                Effect::NewRun(run) => self.add_run(run),
                Effect::FollowUp(step) => self.follow_ups.push_back(step),
            }
        }
    }

    /// Takes the steps that follow from what happened, until there are no more.
    fn settle(&mut self, now: Time) {
        while let Some(step) = self.next_follow_up() {
            match step {
                FollowUp::DispatchWorkflowTask { run, stamp } => self.dispatch_workflow_task(now, run, stamp),
                FollowUp::DispatchActivityTask { run, scheduled_event_id, attempt, stamp } => {
                    self.dispatch_activity_task(now, run, scheduled_event_id, attempt, stamp);
                }
                FollowUp::DispatchQueries { run } => self.dispatch_queries(now, run),
                FollowUp::RefreshSchedule { schedule } => self.refresh_schedule(now, schedule),
                FollowUp::StartBatch { batch } => self.start_batch(now, batch),
                FollowUp::StartChild { run, initiated_event_id } => {
                    self.start_initiated_child(now, run, initiated_event_id);
                }
                FollowUp::RestartChild { run, initiated_event_id } => {
                    self.restart_recorded_child(now, run, initiated_event_id);
                }
                FollowUp::FollowClose { run } => self.follow_close(now, run),
                FollowUp::SignalExternal { run, initiated_event_id } => {
                    self.send_external_signal(now, run, initiated_event_id);
                }
                FollowUp::CancelExternal { run, initiated_event_id } => {
                    self.send_external_cancel(now, run, initiated_event_id);
                }
                FollowUp::Delete { run } => {
                    self.apply_parent_close_policies_at_once(now, run);
                    self.delete_run(run);
                }
            }
        }
        let mut timers = std::mem::take(&mut self.timers);
        timers.drop_dead(|timer| self.is_live(timer));
        self.timers = timers;
    }

    /// A timer has come due.
    fn fire(&mut self, now: Time, timer: Timer) {
        if self.is_live(timer) {
            match timer {
                Timer::UserTimer { run, .. } => self.change(now, run, |tx| tx.fire_user_timers()),
                Timer::ActivityTimeout { run, .. } => {
                    self.change(now, run, |tx| tx.time_out_activities());
                }
                Timer::ActivityRetry { run, scheduled_event_id, attempt, stamp } => {
                    self.dispatch_activity_task(now, run, scheduled_event_id, attempt, stamp);
                }
                Timer::WorkflowTaskScheduleToStart { run, .. } => {
                    self.change(now, run, |tx| tx.time_out_scheduled_workflow_task());
                }
                Timer::WorkflowTaskStartToClose { run, .. } => {
                    self.change(now, run, |tx| tx.time_out_started_workflow_task());
                }
                Timer::FirstWorkflowTaskBackoff { run } => {
                    self.change(now, run, |tx| tx.need_workflow_task());
                }
                Timer::RunTimeout { run } => self.time_out_run(now, run),
                Timer::Schedule { schedule, .. } => self.wake_schedule(now, schedule),
                Timer::Batch { batch } => self.continue_batch(now, batch),
                Timer::StickyQuery { query } => self.time_out_sticky_query(now, query),
                Timer::TaskQueueRate { generation } => self.rate_limit_passed(now, generation),
                Timer::ParentClose { parent, initiated_event_id } => {
                    self.apply_parent_close_policy(now, parent, initiated_event_id);
                }
                Timer::CallExpiry { call } => self.expire_call(now, call),
            }
        }
        self.settle(now);
    }

    /// Changes a run that is known to exist, in a way that cannot be refused.
    fn change(&mut self, now: Time, run: RunKey, body: impl FnOnce(&mut Transaction<'_>)) {
        let changed = self.transact(now, run, |tx| {
            body(tx);
            Ok(())
        });
        // The only way to fail is a history that is too long, and that has ended the run.
        drop(changed);
    }

    /// Whether a timer still means something. A timer for which this is `false` will never mean anything again.
    fn is_live(&self, timer: Timer) -> bool {
        let open = |run| self.runs.get(run).filter(|run| run.is_running());
        match timer {
            Timer::UserTimer { run, generation } => {
                open(run).is_some_and(|run| run.timers.is_armed(generation))
            }
            Timer::ActivityTimeout { run, generation } => {
                open(run).is_some_and(|run| run.activities.is_armed(generation))
            }
            Timer::ActivityRetry { run, scheduled_event_id, attempt, stamp } => {
                open(run).is_some_and(|run| run.is_activity_task_current(scheduled_event_id, attempt, stamp))
            }
            Timer::WorkflowTaskScheduleToStart { run, stamp, .. } => {
                open(run).and_then(|run| run.state.workflow_task.as_ref()).is_some_and(|task| {
                    task.stamp == stamp && !task.is_started() && (task.is_sticky() || task.is_speculative())
                })
            }
            Timer::WorkflowTaskStartToClose { run, stamp, .. } => open(run)
                .and_then(|run| run.state.workflow_task.as_ref())
                .is_some_and(|task| task.stamp == stamp && task.is_started()),
            Timer::FirstWorkflowTaskBackoff { run } => {
                open(run).is_some_and(|run| run.state.waits_for_first_workflow_task())
            }
            Timer::RunTimeout { run } => open(run).is_some(),
            Timer::Schedule { schedule, wakeup } => self.schedules.waits_for(schedule, wakeup),
            Timer::Batch { batch } => self.batches.is_running(batch),
            Timer::StickyQuery { query } => self.direct_queries.is_sticky(query),
            Timer::TaskQueueRate { generation } => self.matching.is_armed(generation),
            Timer::ParentClose { parent, initiated_event_id } => {
                self.awaits_parent_close_policy(parent, initiated_event_id)
            }
            Timer::CallExpiry { call } => self.calls.contains(call),
        }
    }
}
