//! Applying recorded events.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::{
    coresdk::{
        common::WorkerDeploymentVersion,
        workflow_activation::{
            CancelWorkflow, NotifyHasPatch, SignalWorkflow, UpdateRandomSeed, start_workflow_from_attribs,
            workflow_activation_job::Variant,
        },
    },
    temporal::api::{
        common::v1::{Memo, RetryPolicy, SearchAttributes},
        enums::v1::EventType,
        history::v1::{
            HistoryEvent, WorkflowExecutionStartedEventAttributes, WorkflowTaskCompletedEventAttributes,
            WorkflowTaskStartedEventAttributes, history_event::Attributes,
        },
    },
};

use super::{
    Error, EventRef, Machines, Mismatch, Nondeterminism,
    local_activity::LocalActivityMarker,
    machine::Machine,
    patch::patch_marker,
    random_seed::random_seed,
    update::{Update, UpdateRequest},
    workflow_task::{Effect, WorkflowTask},
};
use crate::clock::Time;

/// What is remembered of the WorkflowExecutionStarted event.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) workflow_task_timeout: Option<prost_types::Duration>,
    pub(super) memo: Option<Memo>,
    pub(super) search_attributes: Option<SearchAttributes>,
    pub(super) retry_policy: Option<RetryPolicy>,
}

/// What the last WorkflowTaskStarted event told.
#[derive(Debug, Default)]
pub(super) struct TaskFacts {
    pub(super) history_size_bytes: u64,
    pub(super) continue_as_new_suggested: bool,
    pub(super) suggest_continue_as_new_reasons: Vec<i32>,
    pub(super) target_worker_deployment_version_changed: bool,
}

/// Something that history has ahead of its turn.
enum Ahead {
    Patch(String),
    LocalActivity(LocalActivityMarker),
    Update(UpdateRequest),
}

impl Machines {
    /// Applies the events of the next step; then looks at the events that the coming activation left in
    /// history, because what they say has to be known while it runs: patches, the results of local activities,
    /// accepted updates. Returns how many events were applied.
    pub(super) fn apply_next_step(&mut self) -> Result<usize, Error> {
        if self.closed {
            self.replaying = false;
            return Ok(0);
        }
        self.history.skip_through(self.last_started_event_id);
        let count = self.history.next_step().unwrap_or(0);
        let in_last_step = count == 0 || count == self.history.len();
        let seen = self.last_event_id;
        let applied = self.history.first(count).filter(|event| event.event_id > seen).count();
        if applied == 0 {
            self.replaying = false;
        } else {
            self.local.begin_task();
            self.observe_completions(count);
        }
        let last = self.history.first(count).last().filter(|event| event.event_id > seen);
        if let Some(last) = last.filter(|last| last.event_type() == EventType::WorkflowTaskStarted) {
            self.step_ends_at = last.event_id;
        }
        let mut admitted = BTreeMap::new();
        let mut skip = false;
        for left in (0..count).rev() {
            let Some(event) = self.history.pop() else { break };
            if event.event_id > self.last_event_id {
                skip = self.apply_event(&event, skip, in_last_step, left > 0, &mut admitted)?;
            }
        }
        if self.history.len() == 0 {
            self.note_unrecorded();
        }
        self.look_ahead(admitted)?;
        self.deliver_held_if_idle()?;
        Ok(applied)
    }

    /// Takes flags and deployment versions from the completions in the first `count` events and from the one
    /// behind them: it belongs to the activation that these events lead to.
    fn observe_completions(&mut self, count: usize) {
        let seen = self.last_event_id;
        let inside =
            self.history.first(count).filter(|event| event.event_id > seen).filter_map(|event| match &event
                .attributes
            {
                Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => Some(completed),
                _ => None,
            });
        for completed in inside.chain(self.history.completion_after(count)) {
            self.flags.observe(completed);
            if let Some(version) = deployment_version(completed) {
                self.deployment_version = Some(version);
            }
        }
    }

    /// Applies one event. Returns whether the next one is to be skipped.
    fn apply_event(
        &mut self,
        event: &Arc<HistoryEvent>,
        skip: bool,
        in_last_step: bool,
        more: bool,
        admitted: &mut BTreeMap<String, UpdateRequest>,
    ) -> Result<bool, Error> {
        let id = event.event_id;
        if id != self.last_event_id.saturating_add(1) {
            let reason = format!("event {} should come next", self.last_event_id.saturating_add(1));
            return Err(Error::malformed(id, reason));
        }
        let event_type = event.event_type();
        let own = event.is_command_event() || event_type == EventType::WorkflowTaskCompleted;
        if in_last_step && id > self.previous_started_event_id && !own {
            // Something that no worker has seen before.
            self.replaying = false;
        }
        let mut handle = !skip;
        if event_type == EventType::WorkflowExecutionUpdateAdmitted {
            handle = false;
            if let Some(request) = UpdateRequest::from_event(event) {
                let request = request?;
                if self.replaying {
                    admitted.insert(request.protocol_instance_id.clone(), request);
                } else {
                    self.requests.push(request);
                }
            }
        }
        self.handle_due_requests(id)?;
        let skip_next = if handle {
            self.handle_event(event, in_last_step, more)?
        } else {
            if skip {
                self.note_skipped(event);
            }
            false
        };
        self.last_event_id = id;
        Ok(skip_next)
    }

    fn handle_due_requests(&mut self, event_id: i64) -> Result<(), Error> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let (due, later) = std::mem::take(&mut self.requests)
            .into_iter()
            .partition::<Vec<_>, _>(|request| request.is_due_before(event_id));
        self.requests = later;
        due.into_iter().try_for_each(|request| self.handle_update_request(request))
    }

    fn handle_update_request(&mut self, request: UpdateRequest) -> Result<(), Error> {
        let instance = request.protocol_instance_id.clone();
        let update = Update::new(request, self.replaying, &mut self.out)?;
        let id = self.add(Machine::Update(Box::new(update)));
        self.updates.insert(instance, id);
        Ok(())
    }

    fn handle_event(
        &mut self,
        event: &Arc<HistoryEvent>,
        in_last_step: bool,
        more: bool,
    ) -> Result<bool, Error> {
        let at = EventRef::of(event);
        if event.is_final_wf_execution_event() {
            self.closed = true;
        }
        if !event.is_command_event() {
            self.note_unrecorded();
        }
        if event.is_ignorable() {
            return Ok(false);
        }
        if matches!(
            at.event_type,
            EventType::WorkflowExecutionTerminated | EventType::WorkflowExecutionTimedOut
        ) {
            if more || !in_last_step {
                return Err(Error::malformed(at.id, "events follow the end of the workflow"));
            }
            return Ok(false);
        }
        if at.event_type == EventType::Unspecified || event.attributes.is_none() {
            let reason = format!("event type {} is unknown, or has no attributes", event.event_type);
            return Err(Error::malformed(at.id, reason));
        }
        if event.is_command_event() {
            return self.match_command(event, in_last_step, more);
        }
        if let Some(Attributes::WorkflowTaskStartedEventAttributes(started)) = &event.attributes {
            self.task_facts = TaskFacts::from(started);
        }
        match event.get_initial_command_event_id() {
            Some(initiating) if is_workflow_task(at.event_type) => {
                self.handle_workflow_task_event(initiating, event)?;
            }
            Some(initiating_event_id) => {
                let Some(id) = self.by_event.get(&initiating_event_id).copied() else {
                    let kind = Mismatch::NothingStarted { initiating_event_id };
                    return Err(Nondeterminism { event: Some(at), kind }.into());
                };
                self.feed(id, event, in_last_step)?;
            }
            None => self.handle_event_of_run(event)?,
        }
        Ok(false)
    }

    fn handle_workflow_task_event(&mut self, scheduled: i64, event: &HistoryEvent) -> Result<(), Error> {
        let at = EventRef::of(event);
        let Some(task) = self.workflow_task.as_mut().filter(|task| task.scheduled_event_id == scheduled)
        else {
            return Err(Error::malformed(at.id, format!("event {scheduled} scheduled no workflow task")));
        };
        match task.handle_event(event)? {
            Effect::None => {}
            Effect::Begin { started_event_id, time } => {
                self.last_started_event_id = started_event_id;
                self.advance_to(time);
                if !self.replaying {
                    self.run_unmarked();
                }
            }
            Effect::Reset { run_id } => {
                self.out.jobs.push(UpdateRandomSeed { randomness_seed: random_seed(&run_id) }.into());
            }
        }
        if at.event_type == EventType::WorkflowTaskCompleted {
            self.commands_of = Some(at.id);
        }
        Ok(())
    }

    /// An event that belongs to the run as a whole.
    fn handle_event_of_run(&mut self, event: &HistoryEvent) -> Result<(), Error> {
        let at = EventRef::of(event);
        match &event.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                self.handle_started(started.clone(), event.event_time);
            }
            Some(Attributes::WorkflowTaskScheduledEventAttributes(_)) => {
                self.workflow_task = Some(WorkflowTask::new(at.id, self.step_ends_at));
            }
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(signaled)) => {
                self.out.jobs.push(SignalWorkflow::from((signaled.clone(), at.id)).into());
            }
            Some(Attributes::WorkflowExecutionCancelRequestedEventAttributes(requested)) => {
                self.out.jobs.push(CancelWorkflow::from(requested.clone()).into());
            }
            _ => return Err(Error::malformed(at.id, "events of this type are not supported")),
        }
        Ok(())
    }

    fn handle_started(
        &mut self,
        started: WorkflowExecutionStartedEventAttributes,
        time: Option<prost_types::Timestamp>,
    ) {
        if let Some(time) = &time {
            self.advance_to(Time::from_proto(time));
        }
        self.start = Some(Start {
            workflow_task_timeout: started.workflow_task_timeout,
            memo: started.memo.clone(),
            search_attributes: started.search_attributes.clone(),
            retry_policy: started.retry_policy.clone(),
        });
        let seed = random_seed(&started.original_execution_run_id);
        let workflow_id = self.run.workflow_id.clone();
        let job = start_workflow_from_attribs(started, workflow_id, seed, time.unwrap_or_default());
        self.out.jobs.push(Variant::InitializeWorkflow(job));
    }

    /// Takes note of what the coming activation must find already known.
    fn look_ahead(&mut self, mut admitted: BTreeMap<String, UpdateRequest>) -> Result<(), Error> {
        let mut found = Vec::new();
        for event in self.history.peek_step() {
            if let Some(marker) = patch_marker(event) {
                found.push(Ahead::Patch(marker.patch_id));
            } else if LocalActivityMarker::is(event) {
                let marker = LocalActivityMarker::read(event).ok_or_else(|| {
                    Error::malformed(event.event_id, "a local activity's marker cannot be read")
                })?;
                found.push(Ahead::LocalActivity(marker));
            } else if let Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) =
                &event.attributes
            {
                let request = match admitted.remove(&accepted.protocol_instance_id) {
                    Some(request) => Some(Ok(request)),
                    None => UpdateRequest::from_event(event),
                };
                if let Some(request) = request {
                    found.push(Ahead::Update(request?));
                }
            }
        }
        for ahead in found {
            match ahead {
                Ahead::Patch(patch_id) => {
                    self.patches.insert(patch_id.clone(), false);
                    self.out.jobs.push(NotifyHasPatch { patch_id }.into());
                }
                Ahead::LocalActivity(marker) => self.find_local_result(marker)?,
                Ahead::Update(request) => self.handle_update_request(request)?,
            }
        }
        Ok(())
    }

    /// The workflow's time never goes back.
    pub(super) fn advance_to(&mut self, time: Time) {
        self.time = Some(self.time.map_or(time, |current| current.max(time)));
    }
}

impl From<&WorkflowTaskStartedEventAttributes> for TaskFacts {
    fn from(started: &WorkflowTaskStartedEventAttributes) -> Self {
        Self {
            history_size_bytes: u64::try_from(started.history_size_bytes).unwrap_or_default(),
            continue_as_new_suggested: started.suggest_continue_as_new,
            suggest_continue_as_new_reasons: started.suggest_continue_as_new_reasons.clone(),
            target_worker_deployment_version_changed: started.target_worker_deployment_version_changed,
        }
    }
}

fn is_workflow_task(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::WorkflowTaskStarted
            | EventType::WorkflowTaskCompleted
            | EventType::WorkflowTaskFailed
            | EventType::WorkflowTaskTimedOut
    )
}

/// Which deployment version completed a task; a build id without a deployment counts too.
#[allow(deprecated, reason = "older workers wrote nothing else")]
fn deployment_version(completed: &WorkflowTaskCompletedEventAttributes) -> Option<WorkerDeploymentVersion> {
    let mut version = WorkerDeploymentVersion {
        build_id: completed.worker_version.as_ref().map(|own| own.build_id.clone()).unwrap_or_default(),
        deployment_name: completed.worker_deployment_name.clone(),
    };
    if let Some((deployment_name, build_id)) = completed.worker_deployment_version.split_once('.') {
        version = WorkerDeploymentVersion {
            build_id: build_id.to_owned(),
            deployment_name: deployment_name.to_owned(),
        };
    }
    if let Some(given) = &completed.deployment_version {
        version = WorkerDeploymentVersion {
            build_id: given.build_id.clone(),
            deployment_name: given.deployment_name.clone(),
        };
    }
    let given = !version.build_id.is_empty() || !version.deployment_name.is_empty();
    given.then_some(version)
}
