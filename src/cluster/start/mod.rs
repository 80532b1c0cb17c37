//! Starting workflow executions.

mod child;
mod id_policies;
mod signal_with_start;
mod update_with_start;
mod validation;

pub(crate) use child::{Parent, merge_priorities};
pub(crate) use update_with_start::answer_update_with_start;
pub(crate) use validation::{check_links, check_priority, check_workflow_id, normalise_timeouts};

use temporalio_common::protos::temporal::api::{
    common::v1::{
        Link,
        link::{
            self, WorkflowEvent,
            workflow_event::{EventReference, Reference, RequestIdReference},
        },
    },
    enums::v1::{ContinueAsNewInitiator, EventType, WorkflowExecutionStatus},
    history::v1::{
        WorkflowExecutionOptionsUpdatedEventAttributes, WorkflowExecutionStartedEventAttributes,
        WorkflowExecutionTerminatedEventAttributes, history_event::Attributes,
    },
    workflowservice::v1::{StartWorkflowExecutionRequest, StartWorkflowExecutionResponse},
};

use self::id_policies::{IdPolicies, Resolution};
use super::{
    Cluster, Error, cron,
    execution::{
        Event, Run, RunKey, RunSpec, Transaction, begin_run, normalised_override,
        workflow_task::{HISTORY_SERVICE, WorkflowTaskKind},
    },
    namespaces::NamespaceKey,
    payloads,
};
use crate::clock::{self, Time};

/// Why a run ends that has to make way for another one of the same workflow id.
const TERMINATED_FOR_ANOTHER: &str = "TerminateIfRunning WorkflowIdReusePolicy";

/// A start that has been validated, and whose workflow id is free.
#[derive(Debug)]
struct Start {
    namespace: NamespaceKey,
    request: StartWorkflowExecutionRequest,
    /// Whose child it is.
    parent: Option<Parent>,
    /// The run that has to make way.
    terminated: Option<RunKey>,
    /// Whether the first workflow task is started at once.
    is_eager: bool,
}

impl Start {
    /// The start of a run that is no child, and whose first workflow task goes the way of all others.
    fn of(
        namespace: NamespaceKey,
        request: StartWorkflowExecutionRequest,
        terminated: Option<RunKey>,
    ) -> Self {
        Self { namespace, request, parent: None, terminated, is_eager: false }
    }
}

impl Cluster {
    /// StartWorkflowExecution: begins a run, or answers the one that the id policies prefer.
    pub(super) fn start_workflow_execution(
        &mut self,
        now: Time,
        mut request: StartWorkflowExecutionRequest,
    ) -> Result<StartWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let policies = self.validate_start(now, namespace, &mut request)?;
        let resolution = self.resolve_workflow_id(namespace, &request, policies, true)?;
        let terminated = match resolution {
            Resolution::Start { terminate } => terminate,
            Resolution::Repeated(run) => return self.repeated_start(run, &request),
            Resolution::UseExisting(run) => return self.attach_to_existing(now, run, request),
        };
        let is_eager = request.request_eager_execution && first_backoff(now, &request).is_zero();
        let request_id = request.request_id.clone();
        let identity = request.identity.clone();
        let start = Start { is_eager, ..Start::of(namespace, request, terminated) };
        let key = self.begin(now, start, |tx| {
            if is_eager {
                tx.schedule_workflow_task_of(WorkflowTaskKind::Normal, None);
                tx.start_workflow_task(request_id, &identity, None);
            } else {
                tx.schedule_first_workflow_task();
            }
        });
        let run = self.runs.get(key).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        Ok(StartWorkflowExecutionResponse {
            eager_workflow_task: if is_eager { self.whole_workflow_task(run) } else { None },
            ..self.start_response(run, true)
        })
    }

    /// Begins a run, whose first transaction goes on with `first`. If another run has to make way, it is terminated
    /// before.
    fn begin(&mut self, now: Time, start: Start, first: impl FnOnce(&mut Transaction<'_>)) -> RunKey {
        let Start { namespace, request, parent, terminated, is_eager } = start;
        // Only these ids say when they were drawn: those of runs that follow other ones are of version 4.
        let run_id = self.shared.run_ids.uuid_at(now.as_millis());
        if let Some(old) = terminated {
            let details = payloads::json(&format!("terminated by new runID: {run_id}"));
            self.change(now, old, |tx| {
                tx.end_workflow_task_before_close();
                tx.terminate(WorkflowExecutionTerminatedEventAttributes {
                    reason: TERMINATED_FOR_ANOTHER.to_owned(),
                    details: Some(details),
                    identity: HISTORY_SERVICE.to_owned(),
                });
            });
        }
        let spec = RunSpec {
            namespace,
            create_request_id: request.request_id.clone(),
            user_metadata: request.user_metadata.clone(),
            links: request.links.clone(),
            started: self.with_parent(started_attributes(now, &run_id, request, is_eager), parent),
            run_id,
        };
        let (run, effects) = begin_run(now, &mut self.shared, spec, first);
        let key = run.key;
        self.add_run(run);
        self.apply(effects);
        key
    }

    fn with_parent(
        &self,
        started: WorkflowExecutionStartedEventAttributes,
        parent: Option<Parent>,
    ) -> WorkflowExecutionStartedEventAttributes {
        let Some(parent) = parent else { return started };
        let namespace = self.shared.namespaces.get(parent.namespace);
        WorkflowExecutionStartedEventAttributes {
            parent_workflow_namespace: namespace.map(|it| it.name.clone()).unwrap_or_default(),
            parent_workflow_namespace_id: namespace.map(|it| it.id.clone()).unwrap_or_default(),
            parent_workflow_execution: Some(parent.execution),
            parent_initiated_event_id: parent.initiated_event_id,
            root_workflow_execution: Some(parent.root),
            inherited_pinned_version: parent.pinned_version,
            ..started
        }
    }

    /// The same start again.
    fn repeated_start(
        &self,
        run: RunKey,
        request: &StartWorkflowExecutionRequest,
    ) -> Result<StartWorkflowExecutionResponse, Error> {
        let run = self.runs.get(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        let created = run.info.create_request_id == request.request_id;
        let mut response = self.start_response(run, created);
        if !created {
            response.link = Some(self.request_id_link(
                run,
                &request.request_id,
                EventType::WorkflowExecutionOptionsUpdated,
            ));
        }
        let has_first_task = run.is_running()
            && run.state.workflow_task.as_ref().is_some_and(|task| task.request_id == request.request_id);
        if request.request_eager_execution && has_first_task {
            response.eager_workflow_task = self.whole_workflow_task(run);
        }
        Ok(response)
    }

    /// A start that is content with the open run, and may leave its request id and links there.
    fn attach_to_existing(
        &mut self,
        now: Time,
        run: RunKey,
        request: StartWorkflowExecutionRequest,
    ) -> Result<StartWorkflowExecutionResponse, Error> {
        let options = request.on_conflict_options.unwrap_or_default();
        let attaches_links = options.attach_links && !request.links.is_empty();
        if options.attach_request_id || attaches_links {
            let request_id = if options.attach_request_id { request.request_id.as_str() } else { "" };
            self.change(now, run, |tx| {
                let updated = WorkflowExecutionOptionsUpdatedEventAttributes {
                    attached_request_id: request_id.to_owned(),
                    ..Default::default()
                };
                tx.run.apply_options_updated(&updated, None);
                let event = Event::new(Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(updated));
                tx.add_event(event.links(if attaches_links { request.links.clone() } else { Vec::new() }));
            });
        }
        let found = self.runs.get(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        let mut response = self.start_response(found, false);
        if options.attach_request_id {
            let event_type = EventType::WorkflowExecutionOptionsUpdated;
            response.link = Some(self.request_id_link(found, &request.request_id, event_type));
        }
        Ok(response)
    }

    fn start_response(&self, run: &Run, started: bool) -> StartWorkflowExecutionResponse {
        let reference = Reference::EventRef(EventReference {
            event_id: 1,
            event_type: EventType::WorkflowExecutionStarted as i32,
        });
        StartWorkflowExecutionResponse {
            run_id: run.run_id.clone(),
            first_execution_run_id: run.info.first_execution_run_id.clone(),
            started,
            status: run.state.status as i32,
            eager_workflow_task: None,
            link: Some(self.link(run, reference)),
        }
    }

    /// A link to the event of a run that carries a request id.
    pub(super) fn request_id_link(&self, run: &Run, request_id: &str, event_type: EventType) -> Link {
        let reference = Reference::RequestIdRef(RequestIdReference {
            request_id: request_id.to_owned(),
            event_type: event_type as i32,
        });
        self.link(run, reference)
    }

    fn link(&self, run: &Run, reference: Reference) -> Link {
        Link {
            variant: Some(link::Variant::WorkflowEvent(WorkflowEvent {
                namespace: self.shared.namespaces.name(run.namespace).to_owned(),
                workflow_id: run.workflow_id.clone(),
                run_id: run.run_id.clone(),
                reference: Some(reference),
            })),
        }
    }

    /// What the id policies make of a start, given the current run of its workflow id.
    fn resolve_workflow_id(
        &self,
        namespace: NamespaceKey,
        request: &StartWorkflowExecutionRequest,
        policies: IdPolicies,
        repeats_closed: bool,
    ) -> Result<Resolution, Error> {
        let Some(current) = self.runs.current(namespace, &request.workflow_id) else {
            return Ok(Resolution::Start { terminate: None });
        };
        let is_repeated = current.knows_request(&request.request_id);
        if is_repeated && (repeats_closed || current.state.status == WorkflowExecutionStatus::Running) {
            return Ok(Resolution::Repeated(current.key));
        }
        policies.resolve(current)
    }
}

/// How long the first workflow task is held back: until the first time of the cron schedule, if there is one.
fn first_backoff(now: Time, request: &StartWorkflowExecutionRequest) -> std::time::Duration {
    cron::backoff(&request.cron_schedule, now, now)
        .unwrap_or_else(|| clock::duration(request.workflow_start_delay.as_ref()))
}

/// The attributes of the first event of a run that a call starts. The request has been validated.
fn started_attributes(
    now: Time,
    run_id: &str,
    request: StartWorkflowExecutionRequest,
    is_eager: bool,
) -> WorkflowExecutionStartedEventAttributes {
    let execution_timeout = clock::duration(request.workflow_execution_timeout.as_ref());
    let backoff = clock::to_proto(first_backoff(now, &request));
    let initiator = if request.cron_schedule.is_empty() {
        ContinueAsNewInitiator::Unspecified
    } else {
        ContinueAsNewInitiator::CronSchedule
    };
    WorkflowExecutionStartedEventAttributes {
        initiator: initiator as i32,
        cron_schedule: request.cron_schedule,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        workflow_execution_timeout: request.workflow_execution_timeout,
        workflow_run_timeout: request.workflow_run_timeout,
        workflow_task_timeout: request.workflow_task_timeout,
        continued_failure: request.continued_failure,
        last_completion_result: request.last_completion_result,
        original_execution_run_id: run_id.to_owned(),
        identity: request.identity,
        first_execution_run_id: run_id.to_owned(),
        retry_policy: request.retry_policy,
        attempt: 1,
        workflow_execution_expiration_time: (!execution_timeout.is_zero())
            .then(|| (now + execution_timeout).to_proto()),
        first_workflow_task_backoff: Some(backoff),
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_id: request.workflow_id,
        priority: request.priority,
        versioning_override: request.versioning_override.map(normalised_override),
        eager_execution_accepted: is_eager,
        ..Default::default()
    }
}
