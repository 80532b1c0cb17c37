//! The beginning of a run.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::{Link, Payload},
    enums::v1::{VersioningBehavior, WorkflowExecutionStatus},
    history::v1::{WorkflowExecutionStartedEventAttributes, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use super::{
    Effect, Event, ExecutionInfo, ExecutionOptions, History, MutableState, Pending, Run, Transaction,
    activity, query, timer, update::Updates, versioning::Versioning, workflow_task::Problems,
};
use crate::{
    clock::{self, Time},
    cluster::{Shared, namespaces::NamespaceKey, timers::Timer},
};

/// What a run begins with.
#[derive(Debug, Clone)]
pub(crate) struct RunSpec {
    pub(crate) namespace: NamespaceKey,
    pub(crate) run_id: String,
    /// The attributes of the first event, complete.
    pub(crate) started: WorkflowExecutionStartedEventAttributes,
    pub(crate) user_metadata: Option<UserMetadata>,
    pub(crate) links: Vec<Link>,
    /// Makes a repeated start harmless.
    pub(crate) create_request_id: String,
}

/// Begins a run: its first event, its timeouts, and then what `first` adds in the same transaction.
pub(crate) fn begin_run(
    now: Time,
    shared: &mut Shared,
    spec: RunSpec,
    first: impl FnOnce(&mut Transaction<'_>),
) -> (Box<Run>, Vec<Effect>) {
    let mut run = run_without_events(now, shared, &spec);
    let (run_expiration, execution_time) = (run.info.run_expiration, run.info.execution_time);
    let key = run.key;
    let mut transaction = Transaction::begin(now, &mut run, shared);
    let event = Event::new(Attributes::WorkflowExecutionStartedEventAttributes(spec.started));
    transaction.add_event(event.user_metadata(spec.user_metadata).links(spec.links));
    if let Some(expiration) = run_expiration {
        transaction.arm(expiration, Timer::RunTimeout { run: key });
    }
    if execution_time > now {
        transaction.arm(execution_time, Timer::FirstWorkflowTaskBackoff { run: key });
    }
    first(&mut transaction);
    let effects = transaction.commit();
    (run, effects)
}

/// A run as its first event makes it, before that event is written. It is large, so it stays where it is made.
pub(super) fn run_without_events(now: Time, shared: &mut Shared, spec: &RunSpec) -> Box<Run> {
    let started = &spec.started;
    let backoff = clock::duration(started.first_workflow_task_backoff.as_ref());
    let execution_time = now + backoff;
    let run_timeout = clock::duration(started.workflow_run_timeout.as_ref());
    let execution_expiration = started.workflow_execution_expiration_time.as_ref().map(Time::from_proto);
    let run_expiration = (!run_timeout.is_zero()).then(|| execution_time + run_timeout);
    let run_expiration = run_expiration.into_iter().chain(execution_expiration).min();
    let fields = |fields: Option<&crate::proto_map::ProtoMap<Payload>>| -> Arc<BTreeMap<_, _>> {
        Arc::new(fields.into_iter().flatten().map(|(key, payload)| (key.clone(), payload.clone())).collect())
    };
    let mut run = Box::new(Run {
        key: shared.next_run_key(),
        namespace: spec.namespace,
        workflow_id: started.workflow_id.clone(),
        run_id: spec.run_id.clone(),
        info: ExecutionInfo {
            first_execution_run_id: started.first_execution_run_id.clone(),
            workflow_type: started.workflow_type.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
            task_queue: started.task_queue.as_ref().map(|queue| queue.name.clone()).unwrap_or_default(),
            cron_schedule: started.cron_schedule.clone(),
            has_parent: started.parent_workflow_execution.is_some(),
            start_time: now,
            original_start_time: now,
            execution_time,
            execution_expiration,
            run_expiration,
            run_timeout,
            workflow_task_timeout: clock::duration(started.workflow_task_timeout.as_ref()),
            copied_event_id: 0,
            user_metadata: spec.user_metadata.clone(),
            create_request_id: spec.create_request_id.clone(),
        },
        state: MutableState {
            status: WorkflowExecutionStatus::Running,
            close_time: None,
            workflow_task: None,
            workflow_task_attempt: 1,
            problems: Problems::default(),
            had_workflow_task: false,
            last_completed_started_event_id: 0,
            sticky: None,
            close_attempted: false,
            cancel_requested: false,
            signal_count: 0,
            updates: Updates::default(),
            memo: fields(started.memo.as_ref().map(|memo| &memo.fields)),
            search_attributes: fields(
                started.search_attributes.as_ref().map(|attributes| &attributes.indexed_fields),
            ),
            auto_reset_points: Arc::new(
                started
                    .prev_auto_reset_points
                    .as_ref()
                    .map(|points| points.points.clone())
                    .unwrap_or_default(),
            ),
            worker_version: None,
            worker_deployment_name: Arc::from(
                started
                    .inherited_pinned_version
                    .as_ref()
                    .map_or("", |version| version.deployment_name.as_str()),
            ),
            pause: None,
            versioning: Arc::new(Versioning::of(started)),
            attached_requests: Arc::default(),
            options: Arc::new(ExecutionOptions::of(started)),
            reset_run_id: String::new(),
            transition_count: 0,
            buffered: Vec::new(),
        },
        history: History::default(),
        activities: activity::Activities::default(),
        timers: timer::UserTimers::default(),
        children: Pending::default(),
        signals_out: Pending::default(),
        cancels_out: Pending::default(),
        completed_updates: Pending::default(),
        update_waiters: Vec::new(),
        queries: query::PendingQueries::default(),
        retried_attempts: Vec::new(),
        signal_request_ids: Default::default(),
        waiting: Vec::new(),
    });
    if run.state.effective_behavior() != VersioningBehavior::Unspecified {
        run.show_versions(None, None);
    }
    run
}

impl Transaction<'_> {
    /// Schedules the first workflow task of a run, unless something holds it back.
    pub(crate) fn schedule_first_workflow_task(&mut self) {
        if self.run.info.execution_time <= self.now {
            self.need_workflow_task();
        }
    }
}
