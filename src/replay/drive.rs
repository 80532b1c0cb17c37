//! One replay: the machines and the workflow's code, driven through a history.

use std::{sync::Arc, time::Duration};

use temporalio_common::protos::{
    coresdk::{
        workflow_activation::{WorkflowActivation, workflow_activation_job::Variant as Job},
        workflow_completion::Success,
    },
    temporal::api::{
        command::v1::Command,
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::progress::Progress;
use crate::{
    clock::Time,
    history::History,
    sdk::{TaskFailure, WorkflowFactory, WorkflowInstance, WorkflowSettings},
    worker::{
        codec::Codec,
        machines::{Error, LocalActivityRequest, Machines, Observation, Options, RunInfo, Step, Task},
    },
};

/// How long, in virtual time, a future of another library may take to be noticed.
const FOREIGN_WAIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What a replay needs beside the history.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) factory: WorkflowFactory,
    pub(super) settings: WorkflowSettings,
    pub(super) codec: Codec,
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replayed {
    /// What happened at each command event.
    pub(super) observations: Vec<Observation>,
    pub(super) end: End,
    /// Whether something other than the SDK woke the workflow, or would have.
    pub(super) woken_from_outside: bool,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    /// History has no more events. The commands belong to a workflow task that it has not completed.
    Followed { pending: Vec<Command> },
    /// The machines could not go on. The commands are those that the code had issued and no event recorded.
    Parted { error: Error, unrecorded: Vec<Command> },
    /// The code failed in the workflow task that began with this WorkflowTaskStarted event.
    TaskFailed { started_event_id: i64, failure: TaskFailure },
    /// The replay itself went wrong.
    Broken { reason: String },
    /// The code held the thread for too long.
    Blocked { started_event_id: i64, limit: Duration },
}

/// Replays a history from its first event to its last.
pub(super) async fn drive(history: &History, setup: &Setup, progress: &Progress) -> Replayed {
    let mut replay = Replay::new(history, setup, progress);
    let end = match replay.follow(history.events()).await {
        Ok(pending) => End::Followed { pending },
        Err(Stopped::Parted(error)) => {
            End::Parted { error, unrecorded: replay.machines.unrecorded_commands().collect() }
        }
        Err(Stopped::TaskFailed(failure)) => {
            End::TaskFailed { started_event_id: replay.started_event_id, failure }
        }
    };
    progress.observe(replay.machines.take_observations());
    let woken_from_outside = replay.awaits_foreign_future().await;
    Replayed { observations: progress.take_observations(), end, woken_from_outside }
}

struct Replay<'a> {
    setup: &'a Setup,
    progress: &'a Progress,
    machines: Machines,
    instance: Option<WorkflowInstance>,
    run_id: String,
    /// The WorkflowTaskStarted event of the activation that is or was under way.
    started_event_id: i64,
}

enum Stopped {
    Parted(Error),
    TaskFailed(TaskFailure),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Parted(error)
    }
}

impl From<TaskFailure> for Stopped {
    fn from(failure: TaskFailure) -> Self {
        Self::TaskFailed(failure)
    }
}

impl<'a> Replay<'a> {
    fn new(history: &History, setup: &'a Setup, progress: &'a Progress) -> Self {
        let info = RunInfo {
            namespace: setup.settings.namespace.clone(),
            workflow_id: history.workflow_id().to_owned(),
            run_id: history.run_id().to_owned(),
            task_queue: history.task_queue().to_owned(),
        };
        let options = Options { sdk_metadata: true, observe: true, ..Default::default() };
        Self {
            setup,
            progress,
            machines: Machines::new(info, options),
            instance: None,
            run_id: history.run_id().to_owned(),
            started_event_id: 0,
        }
    }

    async fn follow(&mut self, events: &[Arc<HistoryEvent>]) -> Result<Vec<Command>, Stopped> {
        let completed = last_completed_task(events);
        let now = events.last().and_then(|event| event.event_time.as_ref());
        let now = now.map(Time::from_proto).unwrap_or_default();
        self.machines.handle_task(Task {
            history: events.to_vec(),
            previous_started_event_id: completed,
            started_event_id: completed,
            ..Default::default()
        })?;
        loop {
            let mut runs_local_activity = false;
            while let Some(request) = self.machines.poll_local_activity() {
                runs_local_activity |= matches!(request, LocalActivityRequest::Start(_));
            }
            self.progress.observe(self.machines.take_observations());
            if runs_local_activity {
                // Its result is not in history, so this is the end of what was recorded.
                return Ok(self.machines.unrecorded_commands().collect());
            }
            match self.machines.next_step()? {
                Step::Activate(activation) => {
                    let success = self.activate(activation).await?;
                    self.machines.handle_commands(now, success)?;
                }
                Step::Complete(completion) => return Ok(completion.commands),
                // Beyond the end of history only a worker can go on.
                Step::AwaitLocalActivities { .. } | Step::AnswerQuery(_) | Step::Idle => {
                    return Ok(self.machines.unrecorded_commands().collect());
                }
            }
        }
    }

    async fn activate(&mut self, mut activation: WorkflowActivation) -> Result<Success, TaskFailure> {
        self.started_event_id = i64::from(activation.history_length);
        self.progress.begin_activation(self.started_event_id);
        let decoded = self.setup.codec.decode_for_workflow(&mut activation).await;
        decoded.map_err(|error| TaskFailure::new(format!("the payloads cannot be decoded: {error}")))?;
        let start = activation.jobs.iter_mut().find_map(|job| match &mut job.variant {
            Some(Job::InitializeWorkflow(start)) => Some(std::mem::take(start)),
            _ => None,
        });
        if let Some(start) = start {
            let Setup { factory, settings, .. } = self.setup;
            self.instance = Some(factory.instantiate(settings, &self.run_id, start)?);
        }
        let Some(instance) = &mut self.instance else {
            return Err(TaskFailure::new("the history activates a workflow that it never started"));
        };
        let commands = instance.activate(activation).await?;
        Ok(Success { commands, ..Default::default() })
    }

    /// Whether the code waits for something that no history can bring back. Its timer, if it is one, fires as
    /// soon as virtual time moves on.
    async fn awaits_foreign_future(&self) -> bool {
        let Some(instance) = self.instance.as_ref().filter(|_| !self.machines.is_finished()) else {
            return false;
        };
        if !instance.was_woken_from_outside() {
            tokio::time::sleep(FOREIGN_WAIT).await;
        }
        instance.was_woken_from_outside()
    }
}

/// The WorkflowTaskStarted event of the last task that was completed; 0 if none was.
fn last_completed_task(events: &[Arc<HistoryEvent>]) -> i64 {
    let started = events.iter().rev().find_map(|event| match &event.attributes {
        Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => Some(completed.started_event_id),
        _ => None,
    });
    started.unwrap_or_default()
}
