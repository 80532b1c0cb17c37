//! What a batch operation does to one execution.

use temporalio_common::protos::temporal::api::{
    batch::v1::{
        BatchOperationReset, batch_operation_reset_activities, batch_operation_unpause_activities,
        batch_operation_update_activity_options,
    },
    common::v1::{WorkflowExecution, reset_options::Target},
    enums::v1::{BatchOperationType, EventType, ResetReapplyType, ResetType},
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, RequestCancelWorkflowExecutionRequest, ResetActivityRequest,
        ResetWorkflowExecutionRequest, SignalWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
        UnpauseActivityRequest, UpdateActivityOptionsRequest, UpdateWorkflowExecutionOptionsRequest,
        reset_activity_request, start_batch_operation_request, unpause_activity_request,
        update_activity_options_request,
    },
};
use tonic::Code;

use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, execution::Run, namespaces::NamespaceKey},
};

pub(super) use start_batch_operation_request::Operation;

/// Who terminates and cancels executions in a batch, whoever has asked for it.
const BATCHER: &str = "1@temporal-sim@";

/// The type by which an operation is told.
pub(super) fn operation_type(operation: &Operation) -> BatchOperationType {
    match operation {
        Operation::TerminationOperation(_) => BatchOperationType::TerminateWorkflow,
        Operation::SignalOperation(_) => BatchOperationType::SignalWorkflow,
        Operation::CancellationOperation(_) => BatchOperationType::CancelWorkflow,
        Operation::DeletionOperation(_) => BatchOperationType::DeleteWorkflow,
        Operation::ResetOperation(_) => BatchOperationType::ResetWorkflow,
        Operation::UpdateWorkflowOptionsOperation(_) => BatchOperationType::UpdateWorkflowExecutionOptions,
        Operation::UnpauseActivitiesOperation(_) => BatchOperationType::UnpauseActivity,
        Operation::UpdateActivityOptionsOperation(_) => BatchOperationType::UpdateActivityOptions,
        Operation::ResetActivitiesOperation(_) => BatchOperationType::ResetActivity,
        Operation::CancelActivitiesOperation(_) => BatchOperationType::CancelActivity,
        Operation::TerminateActivitiesOperation(_) => BatchOperationType::TerminateActivity,
        Operation::DeleteActivitiesOperation(_) => BatchOperationType::DeleteActivity,
    }
}

/// Who has asked for an operation.
pub(super) fn identity(operation: &Operation) -> &str {
    match operation {
        Operation::TerminationOperation(operation) => &operation.identity,
        Operation::SignalOperation(operation) => &operation.identity,
        Operation::CancellationOperation(operation) => &operation.identity,
        Operation::DeletionOperation(operation) => &operation.identity,
        Operation::ResetOperation(operation) => &operation.identity,
        Operation::UpdateWorkflowOptionsOperation(operation) => &operation.identity,
        Operation::UnpauseActivitiesOperation(operation) => &operation.identity,
        Operation::UpdateActivityOptionsOperation(operation) => &operation.identity,
        Operation::ResetActivitiesOperation(operation) => &operation.identity,
        Operation::CancelActivitiesOperation(operation) => &operation.identity,
        Operation::TerminateActivitiesOperation(operation) => &operation.identity,
        Operation::DeleteActivitiesOperation(_) => "",
    }
}

/// Whether an operation means open executions only.
pub(super) fn is_for_open_executions(operation: &Operation) -> bool {
    !matches!(operation, Operation::ResetOperation(_) | Operation::DeletionOperation(_))
}

impl Cluster {
    /// Does to an execution what the operation is about. One that is not there, or no longer open, needs nothing.
    ///
    /// # Errors
    ///
    /// Those of the RPC that does the same, without NOT_FOUND.
    pub(super) fn operate(
        &mut self,
        now: Time,
        namespace: NamespaceKey,
        execution: WorkflowExecution,
        operation: &Operation,
        reason: &str,
    ) -> Result<(), Error> {
        match self.operate_or_not_found(now, namespace, execution, operation, reason) {
            Err(error) if error.code == Code::NotFound => Ok(()),
            done => done,
        }
    }

    fn operate_or_not_found(
        &mut self,
        now: Time,
        key: NamespaceKey,
        execution: WorkflowExecution,
        operation: &Operation,
        reason: &str,
    ) -> Result<(), Error> {
        let namespace = self.shared.namespaces.name(key).to_owned();
        let reason = reason.to_owned();
        match operation.clone() {
            Operation::TerminationOperation(_) => {
                self.terminate_workflow_execution(
                    now,
                    TerminateWorkflowExecutionRequest {
                        namespace,
                        workflow_execution: Some(execution),
                        reason,
                        identity: BATCHER.to_owned(),
                        ..Default::default()
                    },
                )?;
            }
            Operation::CancellationOperation(_) => {
                self.request_cancel_workflow_execution(
                    now,
                    RequestCancelWorkflowExecutionRequest {
                        namespace,
                        workflow_execution: Some(execution),
                        identity: BATCHER.to_owned(),
                        ..Default::default()
                    },
                )?;
            }
            Operation::SignalOperation(signal) => {
                self.signal_workflow_execution(
                    now,
                    SignalWorkflowExecutionRequest {
                        namespace,
                        workflow_execution: Some(execution),
                        signal_name: signal.signal,
                        input: signal.input,
                        identity: signal.identity,
                        ..Default::default()
                    },
                )?;
            }
            Operation::DeletionOperation(_) => {
                self.delete_workflow_execution(
                    now,
                    DeleteWorkflowExecutionRequest { namespace, workflow_execution: Some(execution) },
                )?;
            }
            Operation::ResetOperation(reset) => {
                let request = self.reset_request(key, execution, reset)?;
                self.reset_workflow_execution(
                    now,
                    ResetWorkflowExecutionRequest { namespace, reason, ..request },
                )?;
            }
            Operation::UpdateWorkflowOptionsOperation(update) => {
                self.update_workflow_execution_options(
                    now,
                    UpdateWorkflowExecutionOptionsRequest {
                        namespace,
                        workflow_execution: Some(execution),
                        workflow_execution_options: update.workflow_execution_options,
                        update_mask: update.update_mask,
                        identity: update.identity,
                    },
                )?;
            }
            Operation::UnpauseActivitiesOperation(unpause) => {
                use batch_operation_unpause_activities::Activity;
                use unpause_activity_request::Activity as One;
                self.unpause_activity(
                    now,
                    UnpauseActivityRequest {
                        namespace,
                        execution: Some(execution),
                        identity: unpause.identity,
                        reset_attempts: unpause.reset_attempts,
                        reset_heartbeat: unpause.reset_heartbeat,
                        jitter: unpause.jitter,
                        activity: unpause.activity.map(|activity| match activity {
                            Activity::Type(name) => One::Type(name),
                            Activity::MatchAll(all) => One::UnpauseAll(all),
                        }),
                    },
                )?;
            }
            Operation::ResetActivitiesOperation(reset) => {
                use batch_operation_reset_activities::Activity;
                use reset_activity_request::Activity as One;
                self.reset_activity(
                    now,
                    ResetActivityRequest {
                        namespace,
                        execution: Some(execution),
                        identity: reset.identity,
                        reset_heartbeat: reset.reset_heartbeat,
                        keep_paused: reset.keep_paused,
                        jitter: reset.jitter,
                        restore_original_options: reset.restore_original_options,
                        activity: reset.activity.map(|activity| match activity {
                            Activity::Type(name) => One::Type(name),
                            Activity::MatchAll(all) => One::MatchAll(all),
                        }),
                    },
                )?;
            }
            Operation::UpdateActivityOptionsOperation(update) => {
                use batch_operation_update_activity_options::Activity;
                use update_activity_options_request::Activity as One;
                self.update_activity_options(
                    now,
                    UpdateActivityOptionsRequest {
                        namespace,
                        execution: Some(execution),
                        identity: update.identity,
                        activity_options: update.activity_options,
                        update_mask: update.update_mask,
                        restore_original: update.restore_original,
                        activity: update.activity.map(|activity| match activity {
                            Activity::Type(name) => One::Type(name),
                            Activity::MatchAll(all) => One::MatchAll(all),
                        }),
                    },
                )?;
            }
            Operation::CancelActivitiesOperation(_)
            | Operation::TerminateActivitiesOperation(_)
            | Operation::DeleteActivitiesOperation(_) => {
                return Err(Error::unimplemented("a batch operation on activities without a workflow"));
            }
        }
        Ok(())
    }

    /// The reset of one execution.
    fn reset_request(
        &mut self,
        namespace: NamespaceKey,
        mut execution: WorkflowExecution,
        reset: BatchOperationReset,
    ) -> Result<ResetWorkflowExecutionRequest, Error> {
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        let current_run_only = reset.options.as_ref().is_some_and(|options| options.current_run_only);
        let (target, reapply_type, exclude_types) = match reset.options {
            Some(options) => {
                (options.target, options.reset_reapply_type, options.reset_reapply_exclude_types)
            }
            None => {
                let target = match ResetType::try_from(reset.reset_type) {
                    Ok(ResetType::LastWorkflowTask) => Target::LastWorkflowTask(()),
                    _ => Target::FirstWorkflowTask(()),
                };
                (Some(target), reset.reset_reapply_type, Vec::new())
            }
        };
        let finish_event_id = match target {
            Some(Target::FirstWorkflowTask(())) => first_workflow_task(run)?,
            Some(Target::LastWorkflowTask(())) => last_workflow_task(run)?,
            Some(Target::WorkflowTaskId(event_id)) => event_id,
            Some(Target::BuildId(build_id)) => {
                let (run_id, event_id) = reset_point(run, &build_id, current_run_only)?;
                execution.run_id = run_id;
                event_id
            }
            None => return Err(Error::invalid_argument("batch reset missing target")),
        };
        let reapply_type = ResetReapplyType::try_from(reapply_type).unwrap_or_default();
        Ok(ResetWorkflowExecutionRequest {
            workflow_execution: Some(execution),
            request_id: self.shared.request_ids.uuid(),
            workflow_task_finish_event_id: finish_event_id,
            reset_reapply_type: reapply_type as i32,
            reset_reapply_exclude_types: exclude_types,
            post_reset_operations: reset.post_reset_operations,
            identity: reset.identity,
            ..Default::default()
        })
    }
}

/// The first workflow task that completed or, if none did, the first that was scheduled.
fn first_workflow_task(run: &Run) -> Result<i64, Error> {
    let of_type = |wanted| run.history.since(1).find(move |event| event.event_type() == wanted);
    of_type(EventType::WorkflowTaskCompleted)
        .map(|event| event.event_id)
        .or_else(|| of_type(EventType::WorkflowTaskScheduled).map(|event| event.event_id + 1))
        .ok_or_else(no_workflow_task)
}

/// The last workflow task that completed or, if none did, the first that was scheduled.
fn last_workflow_task(run: &Run) -> Result<i64, Error> {
    match run.history.since(1).rfind(|event| event.event_type() == EventType::WorkflowTaskCompleted) {
        Some(event) => Ok(event.event_id),
        None => first_workflow_task(run),
    }
}

/// The first workflow task that a build of the worker completed, and its run.
fn reset_point(run: &Run, build_id: &str, current_run_only: bool) -> Result<(String, i64), Error> {
    let point = run
        .state
        .auto_reset_points
        .iter()
        .find(|point| point.build_id == build_id)
        .ok_or_else(|| Error::internal(format!("Can't find reset point for {build_id}")))?;
    if current_run_only && point.run_id != run.run_id {
        return Err(Error::internal(format!(
            "Reset point for {build_id} points to previous run and CurrentRunOnly is set"
        )));
    }
    Ok((point.run_id.clone(), point.first_workflow_task_completed_id))
}

fn no_workflow_task() -> Error {
    Error::internal("unable to find any scheduled or completed task")
}
