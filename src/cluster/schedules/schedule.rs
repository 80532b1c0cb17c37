//! One schedule: what it is going to do, what it is waiting for, and what it remembers.
//!
//! A schedule never acts by itself. It is woken: by a timer, by somebody who changes it, or by the end of a
//! workflow for which it waits. Whenever it is woken it does the same things in the same order: it buffers
//! the actions that came due, takes in the change, goes on with backfills, works off the buffer, and says
//! when it wants to be woken next.

use std::{collections::VecDeque, time::Duration};

use temporalio_common::protos::temporal::api::{
    common::v1::{Memo, Payloads, SearchAttributes},
    enums::v1::ScheduleOverlapPolicy,
    failure::v1::Failure,
    schedule::v1::{
        BackfillRequest, Schedule as Definition, ScheduleInfo, SchedulePatch, SchedulePolicies, ScheduleState,
    },
};

use super::{
    executions::Executions,
    overlap::{self, BufferedStart},
    spec::CompiledSpec,
};
use crate::clock::{self, Time};

/// The conflict token of a schedule that has not been changed.
pub(super) const INITIAL_CONFLICT_TOKEN: i64 = 1;
/// How late an action may be if the schedule does not say: a year.
const CATCHUP_WINDOW: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The shortest such time.
const SHORTEST_CATCHUP_WINDOW: Duration = Duration::from_secs(10);
/// A schedule that has nothing left to do is forgotten after this time.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Actions and backfills that wait, at most.
const BUFFER: usize = 1000;
/// Actions of backfills that are buffered at a time.
const BACKFILLS_AT_A_TIME: usize = 10;
/// How long a backfill waits before it goes on.
const BACKFILL_PAUSE: Duration = Duration::from_secs(1);
/// Future times that are described.
pub(super) const FUTURE_TIMES: usize = 10;
/// Recent actions and future times that are listed.
pub(super) const LISTED: usize = 5;

/// A schedule.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) namespace: String,
    pub(super) id: String,
    /// The request id of its creation, which makes a repeated creation harmless.
    pub(super) request_id: String,
    /// Tells it from other schedules of the same id, before and after it.
    pub(super) run_id: String,
    /// What it does, when, and how, with everything filled in.
    pub(super) definition: Definition,
    pub(super) spec: CompiledSpec,
    pub(super) memo: Memo,
    pub(super) search_attributes: SearchAttributes,
    /// What it tells about itself, but for what follows from the rest.
    pub(super) info: ScheduleInfo,
    /// Changes with the definition.
    pub(super) conflict_token: i64,
    /// The time up to which actions have been buffered or passed over.
    pub(super) processed_until: Time,
    pub(super) buffer: Vec<BufferedStart>,
    pub(super) backfills: VecDeque<BackfillRequest>,
    /// The result of the last workflow that completed, and the failure of the one after it.
    pub(super) last_completion_result: Option<Payloads>,
    pub(super) continued_failure: Option<Failure>,
    /// Whether the running workflows have to be looked at before anything is decided.
    pub(super) needs_refresh: bool,
    /// The workflow id whose end wakes the schedule.
    pub(super) watched: Option<String>,
    /// When it wants to be woken.
    pub(super) wakeup: Option<Time>,
    /// When it is forgotten, if nothing happens until then.
    pub(super) expires: Option<Time>,
    pub(super) deleted: bool,
}

/// Why a schedule is woken.
#[derive(Debug)]
pub(super) enum Wake {
    /// An action is due, or the schedule is new.
    Time,
    /// Somebody makes a change.
    Patch(SchedulePatch),
    /// Somebody replaces it.
    Update(Box<Update>),
    /// A workflow that it takes for running may have closed.
    Refresh,
}

/// A replacement.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) definition: Definition,
    pub(super) spec: CompiledSpec,
    /// `None` leaves them as they are.
    pub(super) search_attributes: Option<SearchAttributes>,
    /// The conflict token of the schedule that is to be replaced; zero is any.
    pub(super) conflict_token: i64,
}

/// What a creation gives.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) namespace: String,
    pub(super) id: String,
    pub(super) request_id: String,
    pub(super) run_id: String,
    pub(super) definition: Definition,
    pub(super) spec: CompiledSpec,
    pub(super) memo: Memo,
    pub(super) search_attributes: SearchAttributes,
}

impl Schedule {
    /// A schedule that has not been woken yet.
    pub(super) fn new(now: Time, creation: Creation) -> Self {
        let Creation { namespace, id, request_id, run_id, definition, spec, memo, search_attributes } =
            creation;
        let mut schedule = Self {
            namespace,
            id,
            request_id,
            run_id,
            definition,
            spec,
            memo,
            search_attributes,
            info: ScheduleInfo { create_time: Some(now.to_proto()), ..Default::default() },
            conflict_token: INITIAL_CONFLICT_TOKEN,
            processed_until: now,
            buffer: Vec::new(),
            backfills: VecDeque::new(),
            last_completion_result: None,
            continued_failure: None,
            needs_refresh: false,
            watched: None,
            wakeup: None,
            expires: None,
            deleted: false,
        };
        schedule.fill_in_definition();
        schedule
    }

    /// Whether it has neither been deleted nor been done for so long that it is forgotten.
    pub(super) fn is_open(&self, now: Time) -> bool {
        !self.deleted && self.expires.is_none_or(|expires| now < expires)
    }

    /// Does whatever is to be done.
    pub(super) fn wake(&mut self, now: Time, why: Wake, executions: &mut impl Executions) {
        let now = now.max(self.processed_until);
        self.needs_refresh |= matches!(why, Wake::Refresh);
        let mut next;
        (next, self.processed_until) = self.buffer_actions(self.processed_until, now);
        match why {
            Wake::Time | Wake::Refresh => {}
            Wake::Patch(patch) => self.apply_patch(now, patch),
            Wake::Update(update) => {
                self.apply_update(now, *update);
                (next, _) = self.buffer_actions(self.processed_until, now);
            }
        }
        self.buffer_backfills();
        while self.work_off_buffer(now, executions) {}
        self.wakeup = if self.has_more_overlapping_backfills() {
            Some(now + BACKFILL_PAUSE)
        } else if self.can_act(false) {
            next
        } else {
            None
        };
        let is_going_to_act = next.is_some() && self.can_act(false) || self.has_more_overlapping_backfills();
        let is_idle = !is_going_to_act && !self.state().paused;
        self.expires = is_idle.then(|| self.last_event() + RETENTION);
    }

    fn apply_patch(&mut self, now: Time, patch: SchedulePatch) {
        if let Some(trigger) = patch.trigger_immediately {
            let time = trigger.scheduled_time.as_ref().map_or(now, Time::from_proto);
            self.buffer_start(BufferedStart {
                nominal: time,
                actual: time,
                overlap_policy: trigger.overlap_policy(),
                manual: true,
            });
        }
        for mut backfill in patch.backfill_request {
            if self.backfills.len() >= BUFFER {
                self.info.buffer_dropped += 1;
                continue;
            }
            // Its start is part of it, and the search goes on after the time that it is given.
            let start = backfill.start_time.as_ref().map_or(Time::default(), Time::from_proto);
            backfill.start_time = Some(Time::from_nanos(start.as_nanos() - 1_000_000).to_proto());
            self.backfills.push_back(backfill);
        }
        for (note, paused) in [(patch.pause, true), (patch.unpause, false)] {
            if !note.is_empty() {
                let state = self.state_mut();
                state.paused = paused;
                state.notes = note;
                self.conflict_token += 1;
            }
        }
    }

    fn apply_update(&mut self, now: Time, update: Update) {
        if update.conflict_token != 0 && update.conflict_token != self.conflict_token {
            // Whoever sent it has been told that it was taken.
            return;
        }
        self.definition = update.definition;
        self.spec = update.spec;
        self.fill_in_definition();
        if let Some(search_attributes) = update.search_attributes {
            self.search_attributes = search_attributes;
        }
        self.info.update_time = Some(now.to_proto());
        self.conflict_token += 1;
    }

    fn fill_in_definition(&mut self) {
        self.definition.spec = Some(self.spec.canonical().clone());
        self.definition.action.get_or_insert_default();
        self.definition.state.get_or_insert_default();
        let policies = self.definition.policies.get_or_insert_default();
        let overlap_policy = overlap::resolve(policies.overlap_policy(), ScheduleOverlapPolicy::Unspecified);
        policies.set_overlap_policy(overlap_policy);
        let window = policies.catchup_window.as_ref().map(|window| clock::duration(Some(window)));
        let window = window.map_or(CATCHUP_WINDOW, |window| window.max(SHORTEST_CATCHUP_WINDOW));
        policies.catchup_window = Some(clock::to_proto(window));
    }

    /// Buffers the actions that came due after `start` and up to `end`. Answers the next time after that, and
    /// the time up to which nothing is left to be looked at: that of the last action, or the end if none could
    /// be taken anyway.
    fn buffer_actions(&mut self, start: Time, end: Time) -> (Option<Time>, Time) {
        if !self.can_act(false) {
            return (self.spec.next(end).map(|time| time.actual), end);
        }
        let window = clock::duration(self.policies().catchup_window.as_ref());
        let updated = self.info.update_time.as_ref().map(Time::from_proto);
        let mut last_action = start;
        let mut next = self.spec.next(start);
        while let Some(time) = next.filter(|time| time.actual <= end) {
            if updated.is_some_and(|updated| updated > time.actual) {
                // Due before the schedule said so.
            } else if end.since(time.actual) > window {
                self.info.missed_catchup_window += 1;
            } else {
                self.buffer_start(BufferedStart {
                    nominal: time.nominal,
                    actual: time.actual,
                    overlap_policy: ScheduleOverlapPolicy::Unspecified,
                    manual: false,
                });
                last_action = time.actual;
            }
            next = self.spec.next(time.actual);
        }
        (next.map(|time| time.actual), last_action)
    }

    /// Buffers some of the actions of backfills; the rest follows when the schedule is woken again.
    fn buffer_backfills(&mut self) {
        let mut left = BACKFILLS_AT_A_TIME;
        while left > 0 && self.buffer.len() < BUFFER / 2 {
            let Some(backfill) = self.backfills.front() else { return };
            let overlap_policy = backfill.overlap_policy();
            let time = |timestamp: Option<&prost_types::Timestamp>| {
                timestamp.map_or(Time::default(), Time::from_proto)
            };
            let mut start = time(backfill.start_time.as_ref());
            let end = time(backfill.end_time.as_ref());
            let mut is_done = true;
            while let Some(time) = self.spec.next(start).filter(|time| time.actual <= end) {
                let (nominal, actual) = (time.nominal, time.actual);
                self.buffer_start(BufferedStart { nominal, actual, overlap_policy, manual: true });
                start = actual;
                left -= 1;
                if left == 0 {
                    is_done = false;
                    break;
                }
            }
            if is_done {
                self.backfills.pop_front();
            } else if let Some(backfill) = self.backfills.front_mut() {
                backfill.start_time = Some(start.to_proto());
            }
        }
    }

    fn buffer_start(&mut self, start: BufferedStart) {
        if self.buffer.len() >= BUFFER {
            self.info.buffer_dropped += 1;
            return;
        }
        self.buffer.push(start);
        self.needs_refresh = true;
    }

    /// Whether actions may be taken: not while the schedule is paused, nor when it has none left. What
    /// somebody asked for is always done.
    pub(super) fn can_act(&self, manual: bool) -> bool {
        let state = self.state();
        manual || !state.paused && (!state.limited_actions || state.remaining_actions > 0)
    }

    fn has_more_overlapping_backfills(&self) -> bool {
        self.backfills.front().is_some_and(|backfill| {
            let policy = overlap::resolve(backfill.overlap_policy(), self.policies().overlap_policy());
            policy == ScheduleOverlapPolicy::AllowAll
        })
    }

    /// When something last happened to the schedule: its creation, a change, or an action.
    fn last_event(&self) -> Time {
        let last_action = self.info.recent_actions.last().and_then(|action| action.actual_time.as_ref());
        [last_action, self.info.create_time.as_ref(), self.info.update_time.as_ref()]
            .into_iter()
            .flatten()
            .map(Time::from_proto)
            .max()
            .unwrap_or_default()
    }

    /// The next times at which the schedule is going to act, but for pauses.
    pub(super) fn future_times(&self, count: usize) -> Vec<prost_types::Timestamp> {
        let state = self.state();
        let count = if state.limited_actions {
            count.min(usize::try_from(state.remaining_actions).unwrap_or(0))
        } else {
            count
        };
        let updated = self.info.update_time.as_ref().map(Time::from_proto);
        std::iter::successors(self.spec.next(self.processed_until), |time| self.spec.next(time.actual))
            .map(|time| time.actual)
            .filter(|time| updated.is_none_or(|updated| updated <= *time))
            .take(count)
            .map(Time::to_proto)
            .collect()
    }

    /// Its own search attributes; `None` if it has none.
    pub(super) fn shown_search_attributes(&self) -> Option<SearchAttributes> {
        Some(&self.search_attributes).filter(|attributes| !attributes.indexed_fields.is_empty()).cloned()
    }

    pub(super) fn policies(&self) -> SchedulePolicies {
        self.definition.policies.unwrap_or_default()
    }

    pub(super) fn state(&self) -> &ScheduleState {
        static NONE: ScheduleState = ScheduleState {
            notes: String::new(),
            paused: false,
            limited_actions: false,
            remaining_actions: 0,
        };
        self.definition.state.as_ref().unwrap_or(&NONE)
    }

    pub(super) fn state_mut(&mut self) -> &mut ScheduleState {
        self.definition.state.get_or_insert_default()
    }
}
