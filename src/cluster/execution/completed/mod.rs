//! RespondWorkflowTaskCompleted: a worker answers a workflow task with commands.
//!
//! Either all commands take effect, or none: the first one that is refused fails the workflow task, and
//! whatever the ones before it did is taken back.

mod commands;
mod failure;
mod reset_points;

pub(crate) use failure::CommandFailure;
pub(super) use reset_points::WorkerBuild;

use std::collections::BTreeSet;

use temporalio_common::protos::temporal::api::{
    command::v1::Command,
    common::v1::WorkerVersionStamp,
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::{CommandType, VersioningBehavior, WorkerVersioningMode},
    history::v1::WorkflowTaskCompletedEventAttributes,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse},
};

use super::{
    FollowUp, Run, RunKey, Transaction,
    update::{self, Messages},
    workflow_task::{Sticky, WorkflowTaskKind},
};
use crate::{
    clock::{self, Time},
    cluster::{
        Cluster,
        error::Error,
        matching::deployment_version,
        token::{Token as _, WorkflowTaskToken},
    },
    rpc::Response,
};

/// The request id of a workflow task that is started in the answer to the one before it.
const INLINE_REQUEST_ID: &str = "request-from-RespondWorkflowTaskCompleted";

/// What the commands of one completion share.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    /// The id of the WorkflowTaskCompleted event, which every event of a command carries.
    pub(crate) completed_event_id: i64,
    /// Who completed the workflow task.
    pub(crate) identity: String,
    /// Whether the run has events that the worker has not seen, so that it must not close the run.
    pub(crate) has_buffered_events: bool,
    /// Whether a command had a result that the workflow has to see at once.
    pub(crate) needs_workflow_task: bool,
    /// The workflow ids of the children that it initiated.
    pub(crate) initiated_children: BTreeSet<String>,
    /// The activities that are to be started in the answer, by the id of their scheduled event.
    pub(crate) eager_activities: Vec<i64>,
    /// What the worker says to updates, as far as no command has put it into its place yet.
    pub(crate) messages: Messages,
}

/// What is left to do for a completion that is committed.
#[derive(Debug, Default)]
struct Outcome {
    completion: Completion,
    /// Whether the answer carries the next workflow task.
    inline: bool,
    /// The WorkflowTaskStarted event that the worker goes back to, because the workflow task has left no trace; 0 otherwise.
    reset_history_event_id: i64,
}

impl Cluster {
    /// A worker completes a workflow task.
    pub(in crate::cluster) fn respond_workflow_task_completed(
        &mut self,
        now: Time,
        mut request: RespondWorkflowTaskCompletedRequest,
    ) -> Result<Response, Error> {
        let version = completed_by(&request)?;
        let run = self.run_of_workflow_task(&request.namespace, &request.task_token)?;
        self.check_completion(run, &request)?;
        if request.intermediate_page {
            return Err(Error::unimplemented("RespondWorkflowTaskCompleted in pages"));
        }
        check_command_sequence(&request.commands)?;
        let query_results = std::mem::take(&mut request.query_results);
        let outcome = self.transact(now, run, |tx| complete(tx, request, version));
        if outcome.is_ok() {
            self.take_query_results(run, query_results);
            self.follow_ups.push_back(FollowUp::DispatchQueries { run });
        }
        let outcome = outcome?;
        let mut response = RespondWorkflowTaskCompletedResponse {
            activity_tasks: self.eager_activity_tasks(now, run, &outcome.completion),
            reset_history_event_id: outcome.reset_history_event_id,
            ..Default::default()
        };
        if outcome.inline
            && let Some(found) = self.runs.get(run)
            && let Some((mut task, events)) = self.workflow_task_response(found, true)
        {
            self.attach_queries(run, &mut task);
            self.attach_updates(run, &mut task);
            response.workflow_task = Some(task);
            return Ok(Response::with_events(response, events));
        }
        Ok(response.into())
    }

    /// Checks what a worker asks for, and says of versions, against itself and against what the run knows.
    fn check_completion(
        &self,
        run: RunKey,
        request: &RespondWorkflowTaskCompletedRequest,
    ) -> Result<(), Error> {
        let is_paused = self.runs.get(run).is_some_and(|run| run.state.is_paused());
        if is_paused && request.force_create_new_workflow_task {
            return Err(Error::failed_precondition(
                "Workflow is paused and force create new workflow task is not allowed.",
            ));
        }
        let mode = request.deployment_options.as_ref().map(|it| it.worker_versioning_mode());
        let is_versioned = mode == Some(WorkerVersioningMode::Versioned);
        if request.versioning_behavior != 0 && request.deployment.is_none() && !is_versioned {
            return Err(Error::invalid_argument(
                "versioning behavior cannot be specified without deployment options being set with versioned mode",
            ));
        }
        let uses_versioning =
            |stamp: &Option<WorkerVersionStamp>| stamp.as_ref().is_some_and(|stamp| stamp.use_versioning);
        let must_go_on = self.runs.get(run).is_some_and(|run| {
            uses_versioning(&run.state.worker_version)
                && run.state.effective_behavior() == VersioningBehavior::Unspecified
        });
        if must_go_on && !uses_versioning(&request.worker_version_stamp) && !is_versioned {
            return Err(Error::invalid_argument(
                "Workflow using versioning must continue to use versioning.",
            ));
        }
        Ok(())
    }

    /// The run whose started workflow task a token names.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the token is none, NOT_FOUND if the task is over.
    pub(in crate::cluster) fn run_of_workflow_task(
        &self,
        namespace: &str,
        token: &[u8],
    ) -> Result<RunKey, Error> {
        self.shared.namespaces.check_given(namespace)?;
        let token = WorkflowTaskToken::from_bytes(token)?;
        let run = self.run_of_token(namespace, &token.namespace_id, &token.workflow_id, &token.run_id)?;
        if is_current(run, &token) { Ok(run.key) } else { Err(Error::workflow_task_not_found()) }
    }

    /// The run that a token of any kind names.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the token is of another namespace, NOT_FOUND if the run does not exist.
    pub(in crate::cluster) fn run_of_token(
        &self,
        namespace: &str,
        namespace_id: &str,
        workflow_id: &str,
        run_id: &str,
    ) -> Result<&Run, Error> {
        let of_token = self
            .shared
            .namespaces
            .by_id(namespace_id)
            .ok_or_else(|| Error::invalid_argument("Error deserializing task token."))?;
        if !namespace.is_empty() && of_token.name != namespace {
            return Err(Error::invalid_argument(
                "Operation requested with a token from a different namespace.",
            ));
        }
        self.runs.find(self.shared.namespaces.find(&of_token.name)?, workflow_id, run_id)
    }
}

/// Whether the token is of the workflow task that a worker has at this moment.
pub(super) fn is_current(run: &Run, token: &WorkflowTaskToken) -> bool {
    run.is_running()
        && run.state.workflow_task.as_ref().is_some_and(|task| {
            task.is_started() && task.stamp == token.stamp && task.started_event_id == token.started_event_id
        })
}

/// Does what the request asks, in the transaction of the run.
fn complete(
    tx: &mut Transaction<'_>,
    mut request: RespondWorkflowTaskCompletedRequest,
    version: Option<WorkerDeploymentVersion>,
) -> Result<Outcome, Error> {
    let task = tx.run.state.workflow_task.as_ref().ok_or_else(Error::workflow_task_not_found)?;
    let attempt = task.attempt;
    let scheduled_time = task.scheduled_time;
    let original_scheduled_time = task.original_scheduled_time;
    let heartbeats =
        request.force_create_new_workflow_task && request.commands.is_empty() && request.messages.is_empty();
    if heartbeats && tx.now > original_scheduled_time + tx.limits().workflow_task_heartbeats {
        tx.time_out_started_workflow_task();
        return Err(Error::not_found("workflow task heartbeat timeout"));
    }

    let savepoint = tx.savepoint();
    tx.run.state.sticky = sticky(&request);
    if tx.run.state.versioning.is_in_transition() && tx.run.state.effective_version() != version.as_ref() {
        // The next task is for other workers.
        tx.run.state.sticky = None;
    }
    let has_buffered_events = !tx.run.state.buffered.is_empty();
    let (completed_event_id, reset_history_event_id) = if tx.can_discard_workflow_task(&request) {
        tx.keep_in_memory();
        (0, tx.discard_workflow_task())
    } else {
        let completed_event_id = tx
            .complete_workflow_task(completed_attributes(&mut request, version.clone()))
            .ok_or_else(Error::workflow_task_not_found)?;
        let worker = WorkerBuild {
            stamp: request.worker_version_stamp.as_ref(),
            deployment_name: deployment_name(&request),
            version: version.as_ref(),
            behavior: behavior(&request),
            binary_checksum: &request.binary_checksum,
        };
        if tx.run.track_worker(tx.now, &mut tx.shared.shown_build, worker, completed_event_id) {
            tx.reschedule_activities(tx.now.since(scheduled_time));
        }
        (completed_event_id, 0)
    };
    let mut completion = Completion {
        completed_event_id,
        identity: std::mem::take(&mut request.identity),
        has_buffered_events,
        messages: Messages::new(std::mem::take(&mut request.messages)),
        ..Default::default()
    };
    if let Err(refused) = carry_out(tx, &mut completion, std::mem::take(&mut request.commands)) {
        tx.roll_back(savepoint);
        return Err(refused.fail_workflow_task(tx, attempt, completion.identity));
    }
    tx.release(savepoint);
    if tx.run.is_running() && !heartbeats {
        tx.reject_unanswered_updates();
    }

    let stamp = request.worker_version_stamp.take();
    let is_in_transition = tx.run.state.versioning.is_in_transition();
    let needs_workflow_task = request.force_create_new_workflow_task
        || completion.needs_workflow_task
        || is_in_transition
        || !tx.run.state.buffered.is_empty();
    let has_updates = tx.run.state.updates.wait_for_workflow_task();
    let mut inline = false;
    let goes_on = tx.run.is_running() && !tx.run.state.is_paused();
    if (needs_workflow_task || has_updates) && goes_on {
        let kind = if needs_workflow_task || !request.return_new_workflow_task {
            WorkflowTaskKind::Normal
        } else {
            WorkflowTaskKind::Speculative
        };
        tx.schedule_workflow_task_of(kind, heartbeats.then_some(original_scheduled_time));
        inline = request.return_new_workflow_task && !is_in_transition;
        if inline {
            let stamp = stamp.filter(|stamp| !stamp.use_versioning);
            tx.start_workflow_task(INLINE_REQUEST_ID.to_owned(), &completion.identity, stamp);
        } else {
            tx.dispatch_workflow_task();
        }
    }
    Ok(Outcome { completion, inline, reset_history_event_id })
}

/// Carries out the commands, and then the messages that none of them refers to.
fn carry_out(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    commands: Vec<Command>,
) -> Result<(), CommandFailure> {
    for command in commands {
        if !tx.run.is_running() {
            break;
        }
        commands::apply(tx, completion, command)?;
    }
    update::handle_remaining_messages(tx, completion)
}

/// The queue where the worker wants the run's next workflow tasks; without one it does not cache the run.
fn sticky(request: &RespondWorkflowTaskCompletedRequest) -> Option<Sticky> {
    let attributes = request.sticky_attributes.as_ref()?;
    let queue = attributes.worker_task_queue.as_ref().filter(|queue| !queue.name.is_empty())?;
    Some(Sticky {
        queue: queue.name.clone(),
        schedule_to_start_timeout: clock::duration(attributes.schedule_to_start_timeout.as_ref()),
    })
}

fn completed_attributes(
    request: &mut RespondWorkflowTaskCompletedRequest,
    version: Option<WorkerDeploymentVersion>,
) -> WorkflowTaskCompletedEventAttributes {
    WorkflowTaskCompletedEventAttributes {
        identity: request.identity.clone(),
        binary_checksum: request.binary_checksum.clone(),
        worker_version: request.worker_version_stamp.clone(),
        sdk_metadata: request.sdk_metadata.take(),
        metering_metadata: request.metering_metadata.take(),
        worker_deployment_name: deployment_name(request).to_owned(),
        deployment_version: version,
        versioning_behavior: behavior(request) as i32,
        ..Default::default()
    }
}

/// The version of the worker that completes a workflow task, if it goes by one.
///
/// # Errors
///
/// INVALID_ARGUMENT if it does not say which one.
fn completed_by(
    request: &RespondWorkflowTaskCompletedRequest,
) -> Result<Option<WorkerDeploymentVersion>, Error> {
    let version = deployment_version(request.deployment_options.as_ref())?;
    // Old workers say it in another place.
    let old = request.deployment.as_ref().filter(|it| !it.series_name.is_empty() && !it.build_id.is_empty());
    Ok(version.or_else(|| {
        old.map(|it| WorkerDeploymentVersion {
            deployment_name: it.series_name.clone(),
            build_id: it.build_id.clone(),
        })
    }))
}

/// How the run moves from version to version from here on. A worker without a version has no say in that.
fn behavior(request: &RespondWorkflowTaskCompletedRequest) -> VersioningBehavior {
    let is_unversioned = request
        .deployment_options
        .as_ref()
        .is_some_and(|it| it.worker_versioning_mode() != WorkerVersioningMode::Versioned);
    if is_unversioned { VersioningBehavior::Unspecified } else { request.versioning_behavior() }
}

fn deployment_name(request: &RespondWorkflowTaskCompletedRequest) -> &str {
    let name = request.deployment_options.as_ref().map(|it| it.deployment_name.as_str());
    let name = name.filter(|name| !name.is_empty());
    name.or_else(|| request.deployment.as_ref().map(|it| it.series_name.as_str())).unwrap_or_default()
}

/// A command that closes the run has to be the last one. A worker that gets this wrong is told so, and
/// keeps its workflow task.
fn check_command_sequence(commands: &[Command]) -> Result<(), Error> {
    let mut closing = None;
    for (index, command) in commands.iter().enumerate() {
        match CommandType::try_from(command.command_type) {
            Err(_) => {
                return Err(Error::invalid_argument(format!(
                    "unknown command type: {}",
                    command.command_type
                )));
            }
            Ok(CommandType::Unspecified) => {
                return Err(Error::invalid_argument("unknown command type: Unspecified"));
            }
            Ok(
                kind @ (CommandType::CompleteWorkflowExecution
                | CommandType::FailWorkflowExecution
                | CommandType::CancelWorkflowExecution
                | CommandType::ContinueAsNewWorkflowExecution),
            ) if index + 1 < commands.len() && closing.is_none() => closing = Some(kind),
            Ok(_) => {}
        }
    }
    let Some(closing) = closing else { return Ok(()) };
    let name = |kind: CommandType| camel_case(kind.as_str_name(), "COMMAND_TYPE_");
    let sequence: Vec<_> = commands.iter().map(|command| name(command.command_type())).collect();
    Err(Error::invalid_argument(format!(
        "invalid command sequence: [{}], command {} must be the last command.",
        sequence.join(", "),
        name(closing)
    )))
}

/// `COMMAND_TYPE_START_TIMER` without its prefix as `StartTimer`, the way the server spells it in errors.
pub(crate) fn camel_case(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            [first.to_owned(), rest.to_lowercase()]
        })
        .collect()
}
