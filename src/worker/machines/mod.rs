//! The state machines between a workflow's history and its code, without any I/O and without a clock.
//!
//! One [`Machines`] serves one run for as long as the worker keeps it in its cache. Workflow tasks go in, and
//! come out as activations for the workflow code; the commands of the code go in, and come out as the commands
//! that complete the task. While there is recorded history to follow, the commands are checked against its
//! events instead. The rules are those of the official worker, so that both record the same history for the
//! same code.
//!
//! A task is driven like this:
//!
//! ```text
//! machines.handle_task(task)?;
//! loop {
//!     while let Some(request) = machines.poll_local_activity() { /* start or cancel it */ }
//!     match machines.next_step()? {
//!         Step::Activate(activation) => machines.handle_commands(now, run_the_workflow(activation))?,
//!         Step::AwaitLocalActivities { .. } => /* handle_local_activity_result or handle_heartbeat_due */,
//!         Step::Complete(completion) => break,     // RespondWorkflowTaskCompleted
//!         Step::AnswerQuery(result) => break,      // RespondQueryTaskCompleted
//!         Step::Idle => break,
//!     }
//! }
//! ```
//!
//! # The files
//!
//! * A task's way: [`task`] (what goes in and out), [`progress`] (from its arrival to its completion),
//!   [`history`] (its events, step by step), [`events`] (applying them), [`commands`] (carrying out what the
//!   workflow asks for), [`matching`] (commands and their events), [`activation`].
//! * One kind of machine each: [`activity`], [`cancel_external`], [`child_workflow`], [`local_activity`], [`patch`],
//!   [`signal_external`], [`timer`], [`update`], [`workflow_task`]; [`machine`] has what they share. Commands that
//!   are done once they are recorded have no machine of their own: [`cancel_workflow`], [`ending`],
//!   [`modify_properties`], [`upsert_search_attributes`].
//! * Local activities beyond a single one: [`local_activities`], [`local_activity_request`], [`local_retry`].
//! * [`error`] and [`observation`]: what a comparison of code and history has found.

mod activation;
mod activity;
mod annotations;
mod cancel_external;
mod cancel_workflow;
mod child_workflow;
mod commands;
mod ending;
mod error;
mod events;
mod flags;
mod history;
mod local_activities;
mod local_activity;
mod local_activity_request;
mod local_retry;
mod machine;
mod matching;
mod modify_properties;
mod observation;
mod patch;
mod progress;
mod random_seed;
mod signal_external;
mod task;
mod timer;
mod update;
mod upsert_search_attributes;
mod workflow_task;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::proto_map::ProtoMap;
pub(crate) use error::{Error, EventRef, Mismatch, Nondeterminism};
pub(crate) use local_activity_request::{
    LocalActivity, LocalActivityOutcome, LocalActivityRequest, LocalActivityResult,
};
pub(crate) use local_retry::AfterAttempt;
pub(crate) use observation::Observation;
pub(crate) use task::{Options, RunInfo, Step, Task, TaskCompletion};
use temporalio_common::protos::{
    coresdk::common::WorkerDeploymentVersion,
    temporal::api::{command::v1::Command, common::v1::Payload, protocol::v1::Message},
};

use self::{
    events::{Start, TaskFacts},
    flags::Flags,
    history::History,
    local_activities::LocalActivities,
    machine::{Machine, MachineId, Operation, Outbox},
    matching::Queued,
    patch::Patches,
    progress::{Phase, Queries, Waiting},
    update::{UpdateRequest, Updates},
    workflow_task::WorkflowTask,
};
use crate::clock::Time;

#[cfg(test)]
mod tests;

/// The state machines of one run.
#[derive(Debug)]
pub(crate) struct Machines {
    run: RunInfo,
    options: Arc<Options>,
    flags: Flags,

    /// The events that are still to be applied.
    history: History,
    /// The last event that was applied.
    last_event_id: i64,
    /// The WorkflowTaskStarted event of the last activation.
    last_started_event_id: i64,
    /// The WorkflowTaskStarted event at which the current step ends.
    step_ends_at: i64,
    /// The task's own [`Task::previous_started_event_id`].
    previous_started_event_id: i64,
    replaying: bool,
    /// Whether history has the workflow's last event.
    closed: bool,
    /// Whether the workflow issued its last command.
    finished: bool,

    /// What the workflow takes for the current time.
    time: Option<Time>,
    start: Option<Start>,
    task_facts: TaskFacts,
    deployment_version: Option<WorkerDeploymentVersion>,
    upserted_search_attributes: ProtoMap<Payload>,
    patches: Patches,

    /// Where the task is, and what still has to be done in it.
    phase: Phase,
    /// Whether the task was completed and another has not come yet.
    awaiting_task: bool,
    waiting: Option<Waiting>,
    queries: Queries,
    requests: Vec<UpdateRequest>,
    deferred_results: Vec<LocalActivityResult>,

    /// All machines, in the order of their creation, and ways to find them.
    machines: Vec<Machine>,
    by_event: BTreeMap<i64, MachineId>,
    operations: BTreeMap<Operation, MachineId>,
    updates: Updates,
    workflow_task: Option<WorkflowTask>,
    local: LocalActivities,
    /// Local activities that were scheduled during replay and have seen no marker.
    awaiting_marker: Vec<MachineId>,

    /// What machines have just produced; jobs stay here until the next activation.
    out: Outbox,
    /// Commands of the current activation.
    issued: Vec<Queued>,
    /// Commands that no event has recorded yet.
    queue: VecDeque<Queued>,
    /// Messages for the next completion.
    messages: Vec<Message>,

    /// The WorkflowTaskCompleted event whose commands' events are being applied.
    commands_of: Option<i64>,
    observations: Vec<Observation>,
    /// Messages that history has recorded, by their ids, until their commands are matched.
    observed_messages: BTreeMap<String, Message>,
}

impl Machines {
    /// Machines that have seen nothing of the run's history yet.
    pub(crate) fn new(run: RunInfo, options: impl Into<Arc<Options>>) -> Self {
        let options = options.into();
        Self {
            flags: Flags::new(options.clone()),
            run,
            options,
            history: History::default(),
            last_event_id: 0,
            last_started_event_id: 0,
            step_ends_at: 0,
            previous_started_event_id: 0,
            replaying: false,
            closed: false,
            finished: false,
            time: None,
            start: None,
            task_facts: TaskFacts::default(),
            deployment_version: None,
            upserted_search_attributes: ProtoMap::new(),
            patches: Patches::new(),
            phase: Phase::NoTask,
            awaiting_task: false,
            waiting: None,
            queries: Queries::new(),
            requests: Vec::new(),
            deferred_results: Vec::new(),
            machines: Vec::new(),
            by_event: BTreeMap::new(),
            operations: BTreeMap::new(),
            updates: Updates::new(),
            workflow_task: None,
            local: LocalActivities::default(),
            awaiting_marker: Vec::new(),
            out: Outbox::default(),
            issued: Vec::new(),
            queue: VecDeque::new(),
            messages: Vec::new(),
            commands_of: None,
            observations: Vec::new(),
            observed_messages: BTreeMap::new(),
        }
    }

    /// Whether the workflow issued its last command.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// How many local activities are waiting or running.
    pub(crate) fn outstanding_local_activities(&self) -> usize {
        self.local.outstanding()
    }

    /// The commands of the code that no event has recorded yet, in order.
    pub(crate) fn unrecorded_commands(&self) -> impl Iterator<Item = Command> {
        self.queue.iter().map(Queued::to_command)
    }

    /// What happened at each event since the last call, if [`Options::observe`] is set.
    pub(crate) fn take_observations(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.observations)
    }
}
