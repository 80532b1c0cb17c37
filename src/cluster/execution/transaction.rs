//! Transactions: the only way to change a run.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::Link,
    enums::v1::EventType,
    history::v1::{HistoryEvent, WorkflowExecutionTerminatedEventAttributes, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use super::{
    MutableState, Run, RunKey,
    event_order::{ends_something, is_direct, resolve_started_event_id},
    history::Mark,
    workflow_task::HISTORY_SERVICE,
};
use crate::{
    clock::Time,
    cluster::{Shared, batch::BatchKey, limits::Limits, schedules::ScheduleKey, timers::Timer},
};

/// The id of an event that is held back and gets its real one when it is written.
pub(crate) const BUFFERED_EVENT_ID: i64 = -123;

/// What has to happen outside the run because of a transaction, once it is committed.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Wake up later.
    Arm(Time, Timer),
    /// Another run begins in the same transaction.
    NewRun(Box<Run>),
    /// Another transaction follows.
    FollowUp(FollowUp),
}

/// A step that follows a transaction at the same instant, as a transaction of its own. Steps are taken in
/// the order of their creation.
#[derive(Debug)]
pub(crate) enum FollowUp {
    /// Hand a workflow task to matching. `stamp` is the task's.
    DispatchWorkflowTask { run: RunKey, stamp: u64 },
    /// Hand an activity task to matching.
    DispatchActivityTask { run: RunKey, scheduled_event_id: i64, attempt: i32, stamp: i32 },
    /// Hand the queries that no workflow task is going to answer to matching.
    DispatchQueries { run: RunKey },
    /// Have a schedule look whether a workflow for which it waits has closed.
    RefreshSchedule { schedule: ScheduleKey },
    /// Take the first executions of a batch operation.
    StartBatch { batch: BatchKey },
    /// Begin the child that a command initiated.
    StartChild { run: RunKey, initiated_event_id: i64 },
    /// Begin the child anew whose run another cluster had, although its parent knows already that it has started.
    RestartChild { run: RunKey, initiated_event_id: i64 },
    /// Tell the parent of a run that has closed, and end its children.
    FollowClose { run: RunKey },
    /// Send the signal that a command initiated.
    SignalExternal { run: RunKey, initiated_event_id: i64 },
    /// Send the request to cancel that a command initiated.
    CancelExternal { run: RunKey, initiated_event_id: i64 },
    /// Forget the run.
    Delete { run: RunKey },
}

/// One atomic change of a run.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    /// The instant at which it happens.
    pub(crate) now: Time,
    /// The run.
    pub(crate) run: &'a mut Run,
    /// What all runs draw from.
    pub(crate) shared: &'a mut Shared,
    effects: Vec<Effect>,
    /// The speculative workflow task that was pending when the transaction began, by its stamp.
    speculative_task: Option<u64>,
    before: Before,
    /// Whether nothing has happened that a server stores.
    is_in_memory: bool,
}

/// How the run was when the transaction began, as far as a server that takes it back needs to know.
#[derive(Debug)]
struct Before {
    history: Mark,
    /// How many events were held back.
    buffered: usize,
    /// The small part of the state, if the transaction has completed a workflow task.
    state: Option<Box<MutableState>>,
}

/// A state of a run to go back to.
#[derive(Debug)]
pub(crate) struct Savepoint {
    state: MutableState,
    history: Mark,
    effects: usize,
}

/// An event on its way into a history. It is large, so it is put where it stays at once.
#[derive(Debug)]
pub(crate) struct Event(Arc<HistoryEvent>);

impl Event {
    /// An event at the time of the transaction.
    pub(crate) fn new(attributes: Attributes) -> Self {
        let event_type = attributes.event_type();
        // Filled in where it stays: an event that is made elsewhere would be copied to get there.
        let mut event = Self(Arc::default());
        let fields = event.fields();
        fields.event_id = BUFFERED_EVENT_ID;
        fields.event_type = event_type as i32;
        // Workers written before there was such an event have nothing to do with it.
        fields.worker_may_ignore = matches!(
            event_type,
            EventType::WorkflowExecutionOptionsUpdated
                | EventType::WorkflowExecutionPaused
                | EventType::WorkflowExecutionUnpaused
        );
        fields.attributes = Some(attributes);
        event
    }

    /// Its type.
    pub(super) fn event_type(&self) -> EventType {
        self.0.event_type()
    }

    /// An event with the time of something that happened before.
    pub(crate) fn at(mut self, time: Time) -> Self {
        self.fields().event_time = Some(time.to_proto());
        self
    }

    /// With a summary and details for people.
    pub(crate) fn user_metadata(mut self, user_metadata: Option<UserMetadata>) -> Self {
        self.fields().user_metadata = user_metadata;
        self
    }

    /// With links to what caused it.
    pub(crate) fn links(mut self, links: Vec<Link>) -> Self {
        self.fields().links = links;
        self
    }

    /// Nobody else has the event yet, so nothing is copied.
    fn fields(&mut self) -> &mut HistoryEvent {
        Arc::make_mut(&mut self.0)
    }
}

impl<'a> Transaction<'a> {
    pub(in crate::cluster) fn begin(now: Time, run: &'a mut Run, shared: &'a mut Shared) -> Self {
        let speculative_task =
            run.state.workflow_task.as_ref().filter(|task| task.is_speculative()).map(|task| task.stamp);
        let before = Before { history: run.history.mark(), buffered: run.state.buffered.len(), state: None };
        Self { now, run, shared, effects: Vec::new(), speculative_task, before, is_in_memory: false }
    }

    /// How much the cluster takes.
    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// Nothing happens that a server stores, so a speculative workflow task stays what it is.
    pub(crate) fn keep_in_memory(&mut self) {
        self.speculative_task = None;
        self.is_in_memory = true;
    }

    /// Adds an event. Answers its id, or [`BUFFERED_EVENT_ID`] if it is of a type that is written behind
    /// all others of this transaction, or even held back until the started workflow task ends.
    pub(crate) fn add(&mut self, attributes: Attributes) -> i64 {
        self.add_event(Event::new(attributes))
    }

    /// Adds an event with more than its attributes.
    pub(crate) fn add_event(&mut self, mut event: Event) -> i64 {
        let event_type = event.event_type();
        let now = self.now;
        event.fields().event_time.get_or_insert_with(|| now.to_proto());
        if !is_direct(event_type) {
            self.run.state.buffered.push(event.0);
            return BUFFERED_EVENT_ID;
        }
        let event_id = self.run.history.next_event_id();
        event.fields().event_id = event_id;
        self.append(event.0);
        if event_type == EventType::WorkflowTaskStarted {
            // A worker reads exactly up to here.
            self.run.history.close_batch();
        }
        event_id
    }

    /// Arms a timer. One that is overdue fires at the time of the transaction.
    pub(crate) fn arm(&mut self, deadline: Time, timer: Timer) {
        self.effects.push(Effect::Arm(deadline.max(self.now), timer));
    }

    /// Has a step follow this transaction.
    pub(crate) fn follow_up(&mut self, step: FollowUp) {
        self.effects.push(Effect::FollowUp(step));
    }

    /// Adds a run, with what its own first transaction leaves behind.
    pub(crate) fn start_run(&mut self, run: Box<Run>, effects: Vec<Effect>) {
        self.effects.push(Effect::NewRun(run));
        self.effects.extend(effects);
    }

    /// Remembers the present state. Until [`Self::release`] or [`Self::roll_back`] the changes of the
    /// pending maps are logged.
    pub(crate) fn savepoint(&mut self) -> Savepoint {
        let run = &mut *self.run;
        run.activities.keep_log();
        run.timers.keep_log();
        run.children.keep_log();
        run.signals_out.keep_log();
        run.cancels_out.keep_log();
        run.completed_updates.keep_log();
        Savepoint { state: run.state.clone(), history: run.history.mark(), effects: self.effects.len() }
    }

    /// Lets everything stand that happened since the savepoint.
    pub(crate) fn release(&mut self, savepoint: Savepoint) {
        self.before.state = Some(Box::new(savepoint.state));
        let run = &mut *self.run;
        run.activities.drop_log();
        run.timers.drop_log();
        run.children.drop_log();
        run.signals_out.drop_log();
        run.cancels_out.drop_log();
        run.completed_updates.drop_log();
    }

    /// Takes back everything that happened since the savepoint.
    pub(crate) fn roll_back(&mut self, savepoint: Savepoint) {
        let run = &mut *self.run;
        run.state = savepoint.state;
        run.history.roll_back(savepoint.history);
        run.activities.roll_back();
        run.timers.roll_back();
        run.children.roll_back();
        run.signals_out.roll_back();
        run.cancels_out.roll_back();
        run.completed_updates.roll_back();
        self.effects.truncate(savepoint.effects);
    }

    /// Writes the events that were held back.
    ///
    /// The server moves those that end something behind those that do not, and otherwise keeps the order
    /// of their arrival.
    pub(crate) fn flush_buffered_events(&mut self) {
        if self.run.state.buffered.is_empty() {
            return;
        }
        let mut events = std::mem::take(&mut self.run.state.buffered);
        events.sort_by_key(|event| ends_something(event));
        // The started events among them get their ids here, and the events that end what they started
        // refer to them.
        let mut started = BTreeMap::new();
        for mut event in events {
            let event_id = self.run.history.next_event_id();
            let fields = Arc::make_mut(&mut event);
            fields.event_id = event_id;
            match fields.attributes.as_mut() {
                Some(Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(updated)) => {
                    self.run.state.resolve_request_id(&updated.attached_request_id, event_id);
                }
                Some(Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(admitted)) => {
                    let request_id = admitted.request.as_ref().map_or("", |it| it.request_id.as_str());
                    self.run.state.resolve_request_id(request_id, event_id);
                }
                Some(attributes) => {
                    resolve_started_event_id(attributes, event_id, &mut started);
                    if let Attributes::ChildWorkflowExecutionStartedEventAttributes(child) = attributes {
                        let initiated_event_id = child.initiated_event_id;
                        self.resolve_started_child(initiated_event_id, event_id);
                    }
                }
                None => {}
            }
            self.append(event);
        }
    }

    /// Ends the transaction.
    pub(in crate::cluster) fn commit(mut self) -> Vec<Effect> {
        if self.run.state.has_started_workflow_task() && self.buffer_is_full() {
            self.force_fail_workflow_task();
        }
        if let Some(stamp) = self.speculative_task {
            self.make_speculative_task_normal(stamp);
        }
        self.abort_updates_of_closed_run();
        if !self.is_in_memory || self.run.history.size() > self.before.history.size() {
            self.run.state.transition_count += 1;
        }
        if !self.run.is_running() {
            // Nothing is written behind a close event.
            self.run.state.buffered.clear();
        } else if !self.run.state.has_started_workflow_task() {
            self.flush_buffered_events();
        }
        self.run.history.close_batch();
        self.arm_user_timer();
        self.arm_activity_timeout();
        self.unblock_queries();
        self.effects
    }

    /// Terminates a run that has become larger than a server keeps, or has grown by more than it writes at once, and answers
    /// why. Whatever else the transaction has done is taken back.
    pub(in crate::cluster) fn enforce_size_limits(&mut self) -> Option<&'static str> {
        let (limits, history) = (&self.shared.config.limits, &self.run.history);
        let reason = if history.size().saturating_sub(self.before.history.size()) > limits.transaction_size {
            "Transaction size exceeds limit."
        } else if history.size() > limits.history_size {
            "Workflow history size exceeds limit."
        } else if history.next_event_id() - 1 > limits.history_count {
            "Workflow history count exceeds limit."
        } else if self.run.size() > limits.mutable_state_size {
            "Workflow mutable state size exceeds limit."
        } else {
            return None;
        };
        if !self.run.is_running() {
            return None;
        }
        self.run.history.roll_back(self.before.history);
        self.run.forget_what_has_no_event();
        match self.before.state.take() {
            Some(state) => self.run.state = *state,
            None => self.run.state.buffered.truncate(self.before.buffered),
        }
        self.effects.clear();
        self.end_workflow_task_before_close();
        self.terminate(WorkflowExecutionTerminatedEventAttributes {
            reason: reason.to_owned(),
            identity: HISTORY_SERVICE.to_owned(),
            ..Default::default()
        });
        Some(reason)
    }

    fn buffer_is_full(&self) -> bool {
        use prost::Message as _;
        let buffered = &self.run.state.buffered;
        buffered.len() > self.limits().buffered_events
            || buffered.iter().map(|event| event.encoded_len()).sum::<usize>()
                > self.limits().buffered_events_size
    }

    fn append(&mut self, mut event: Arc<HistoryEvent>) {
        Arc::make_mut(&mut event).task_id = self.shared.next_task_id();
        self.run.history.append(event);
    }
}
