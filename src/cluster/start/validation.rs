//! What makes a start invalid, and what is filled in before it is carried out.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Link, Priority},
    enums::v1::{TaskQueueKind, WorkflowIdConflictPolicy},
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::id_policies::IdPolicies;
use crate::{
    clock::{self, Time},
    cluster::{
        Cluster, cron, durations, error::Error, execution::check_override, limits::Limits,
        namespaces::NamespaceKey, payloads, requests, retry,
    },
    rules::workflow_timeouts::{run_timeout, task_timeout},
};

/// Longest fairness key, in bytes.
const FAIRNESS_KEY_LENGTH: usize = 64;
/// Largest link, in bytes.
const LINK_SIZE: usize = 4000;

impl Cluster {
    /// Checks a start in the order in which the server does, and fills in what it leaves open.
    pub(super) fn validate_start(
        &mut self,
        now: Time,
        namespace: NamespaceKey,
        request: &mut StartWorkflowExecutionRequest,
    ) -> Result<IdPolicies, Error> {
        let limits = &self.shared.config.limits;
        check_workflow_id(limits, &request.workflow_id)?;
        check_schedule(now, request)?;
        match &request.workflow_type {
            Some(workflow_type) if !workflow_type.name.is_empty() => {
                requests::check_length(limits, &workflow_type.name, "WorkflowType length exceeds limit.")?;
            }
            _ => return Err(Error::invalid_argument("WorkflowType is not set on request.")),
        }
        normalise_task_queue(limits, request)?;
        normalise_timeouts(request)?;
        requests::check_length(limits, &request.request_id, "RequestId length exceeds limit.")?;
        let policies = IdPolicies::new(
            request.workflow_id_reuse_policy(),
            request.workflow_id_conflict_policy(),
            WorkflowIdConflictPolicy::Fail,
        )?;
        if let Some(options) = &request.on_conflict_options
            && options.attach_completion_callbacks
            && !options.attach_request_id
        {
            return Err(Error::invalid_argument(
                "attaching request ID is required for attaching completion callbacks",
            ));
        }
        self.validate_contents(namespace, request)?;
        Ok(policies)
    }

    /// Checks the part of a start that all ways to start have in common, after what they check in an order
    /// of their own.
    pub(super) fn validate_contents(
        &mut self,
        namespace: NamespaceKey,
        request: &mut StartWorkflowExecutionRequest,
    ) -> Result<(), Error> {
        let limits = &self.shared.config.limits;
        if let Some(attributes) = &mut request.search_attributes {
            self.shared.namespaces.check_search_attributes(namespace, attributes)?;
            attributes.indexed_fields.retain(|_, payload| !payloads::is_nil(payload));
        }
        request.search_attributes.take_if(|attributes| attributes.indexed_fields.is_empty());
        check_priority(request.priority.as_ref())?;
        requests::check_callbacks(&request.completion_callbacks)?;
        check_links(limits, &request.links)?;
        requests::check_time_skipping(request.time_skipping_config.as_ref())?;
        let task_queue = request.task_queue.as_ref().map_or("", |queue| queue.name.as_str());
        check_override(request.versioning_override.as_ref(), task_queue)?;
        requests::check_blob(limits, request.input.as_ref().map_or(0, |input| input.encoded_len()))?;
        if request.memo.as_ref().is_some_and(|memo| memo.encoded_len() > limits.memo_size) {
            return Err(Error::invalid_argument("Memo size exceeds limit."));
        }
        if let Some(memo) = &mut request.memo {
            memo.fields.retain(|_, payload| !payloads::is_nil(payload));
        }
        request.memo.take_if(|memo| memo.fields.is_empty());
        if request.request_id.is_empty() {
            request.request_id = self.shared.request_ids.uuid();
        }
        Ok(())
    }
}

/// Refuses a workflow id that is absent or too long.
pub(crate) fn check_workflow_id(limits: &Limits, workflow_id: &str) -> Result<(), Error> {
    if workflow_id.is_empty() {
        return Err(Error::invalid_argument("WorkflowId is not set on request."));
    }
    check_maximum_length(limits, "WorkflowId", workflow_id)
}

/// Refuses what is longer than an id may be, in the words that starts have for it.
pub(super) fn check_maximum_length(limits: &Limits, what: &str, text: &str) -> Result<(), Error> {
    if text.len() > limits.id_length {
        return Err(Error::invalid_argument(format!(
            "{what} exceeds maximum allowed length ({}/{})",
            text.len(),
            limits.id_length
        )));
    }
    Ok(())
}

/// Checks and completes the retry policy, and what says when the run starts.
pub(super) fn check_schedule(now: Time, request: &mut StartWorkflowExecutionRequest) -> Result<(), Error> {
    if let Some(policy) = &mut request.retry_policy {
        retry::fill_defaults(policy);
        retry::validate(policy).map_err(|invalid| Error::invalid_argument(invalid.to_string()))?;
    }
    if let Some(delay) = &mut request.workflow_start_delay {
        if !request.cron_schedule.is_empty() {
            return Err(Error::invalid_argument(
                "CronSchedule and WorkflowStartDelay may not be used together.",
            ));
        }
        durations::validate(Some(delay)).map_err(|invalid| {
            Error::invalid_argument(format!(
                "An invalid WorkflowStartDelaySeconds is set on request. cause: {invalid}"
            ))
        })?;
    }
    cron::validate(&request.cron_schedule, now).map_err(|error| Error::invalid_argument(error.to_string()))
}

/// Checks the task queue, which is never a sticky one.
pub(super) fn normalise_task_queue(
    limits: &Limits,
    request: &mut StartWorkflowExecutionRequest,
) -> Result<(), Error> {
    requests::task_queue(limits, request.task_queue.as_ref())?;
    if let Some(queue) = &mut request.task_queue {
        queue.kind = TaskQueueKind::Normal as i32;
    }
    Ok(())
}

/// Checks the three timeouts, and caps each by the one that includes it.
pub(crate) fn normalise_timeouts(request: &mut StartWorkflowExecutionRequest) -> Result<(), Error> {
    for (name, timeout) in [
        ("Execution", &mut request.workflow_execution_timeout),
        ("Run", &mut request.workflow_run_timeout),
        ("Task", &mut request.workflow_task_timeout),
    ] {
        durations::validate(timeout.as_mut()).map_err(|invalid| {
            Error::invalid_argument(format!(
                "An invalid Workflow{name}TimeoutSeconds is set on request. cause: {invalid}"
            ))
        })?;
    }
    let execution = clock::duration(request.workflow_execution_timeout.as_ref());
    let run = run_timeout(clock::duration(request.workflow_run_timeout.as_ref()), execution);
    let task = task_timeout(clock::duration(request.workflow_task_timeout.as_ref()), run);
    if !run.is_zero() {
        request.workflow_run_timeout = Some(clock::to_proto(run));
    }
    request.workflow_task_timeout = Some(clock::to_proto(task));
    Ok(())
}

pub(crate) fn check_priority(priority: Option<&Priority>) -> Result<(), Error> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        return Err(Error::invalid_argument("priority key can't be negative"));
    }
    if priority.fairness_key.len() > FAIRNESS_KEY_LENGTH {
        return Err(Error::invalid_argument("fairness key length exceeds limit"));
    }
    if priority.fairness_weight < 0.0 {
        return Err(Error::invalid_argument("must be greater than zero"));
    }
    Ok(())
}

/// What a link lacks.
fn missing_in_link(link: &Link) -> Option<&'static str> {
    use temporalio_common::protos::temporal::api::common::v1::link::{
        Variant, workflow_event::Reference::EventRef,
    };
    let first_empty = |fields: &[(&str, &'static str)]| {
        fields.iter().find(|(field, _)| field.is_empty()).map(|&(_, text)| text)
    };
    match &link.variant {
        Some(Variant::WorkflowEvent(event)) => {
            let has_no_type = matches!(
                &event.reference,
                Some(EventRef(event)) if event.event_type == 0 && event.event_id != 0
            );
            first_empty(&[
                (&event.namespace, "workflow event link must not have an empty namespace field"),
                (&event.workflow_id, "workflow event link must not have an empty workflow ID field"),
                (&event.run_id, "workflow event link must not have an empty run ID field"),
            ])
            .or(has_no_type.then_some(
                "workflow event link ref cannot have an unspecified event type and a non-zero event ID",
            ))
        }
        Some(Variant::BatchJob(job)) => {
            first_empty(&[(&job.job_id, "batch job link must not have an empty job ID")])
        }
        Some(Variant::Activity(activity)) => first_empty(&[
            (&activity.namespace, "activity link must not have an empty namespace field"),
            (&activity.activity_id, "activity link must not have an empty activity ID field"),
            (&activity.run_id, "activity link must not have an empty run ID field"),
        ]),
        Some(Variant::NexusOperation(operation)) => first_empty(&[
            (&operation.namespace, "nexus operation link must not have an empty namespace field"),
            (&operation.operation_id, "nexus operation link must not have an empty operation ID field"),
            (&operation.run_id, "nexus operation link must not have an empty run ID field"),
        ]),
        _ => Some("unsupported link variant"),
    }
}

/// Refuses too many links, and links that are too large or lead nowhere.
pub(crate) fn check_links(limits: &Limits, links: &[Link]) -> Result<(), Error> {
    if links.len() > limits.links {
        return Err(Error::invalid_argument(format!(
            "cannot attach more than {} links per request, got {}",
            limits.links,
            links.len()
        )));
    }
    for link in links {
        let size = link.encoded_len();
        if size > LINK_SIZE {
            return Err(Error::invalid_argument(format!(
                "link exceeds allowed size of {LINK_SIZE}, got {size}"
            )));
        }
        if let Some(missing) = missing_in_link(link) {
            return Err(Error::invalid_argument(missing));
        }
    }
    Ok(())
}
