//! Which batch operations are refused.

use temporalio_common::protos::temporal::api::{
    batch::v1::{
        batch_operation_reset_activities, batch_operation_unpause_activities,
        batch_operation_update_activity_options,
    },
    enums::v1::{ExecutionType, ResetType},
    workflowservice::v1::{StartBatchOperationRequest, start_batch_operation_request::Operation},
};

use crate::cluster::{error::Error, requests};

/// Checks a request in the order in which the server does.
///
/// # Errors
///
/// INVALID_ARGUMENT, in the server's words.
pub(super) fn check(request: &StartBatchOperationRequest) -> Result<(), Error> {
    let invalid = |text: &str| Err(Error::invalid_argument(text));
    if let Some(operation) = &request.operation
        && let Some(name) = standalone_activities(operation)
    {
        return Err(Error::invalid_argument(format!(
            "The operation type *workflowservice.StartBatchOperationRequest_{name} is not supported for this namespace"
        )));
    }
    let selectors = [
        !request.visibility_query.is_empty(),
        !request.executions.is_empty(),
        !request.target_executions.is_empty(),
    ];
    let selectors = selectors.into_iter().filter(|&given| given).count();
    let Some(operation) = request.operation.as_ref().filter(|_| !request.reason.is_empty() && selectors > 0)
    else {
        return invalid(
            "must provide required parameters: BatchType,Reason,Namespace, AND one of (Query OR Executions OR \
             TargetExecutions)",
        );
    };
    if request.job_id.is_empty() {
        return invalid("JobId is not set on request.");
    }
    if selectors > 1 {
        return invalid("visibility query, executions, and target executions are mutually exclusive");
    }
    for (index, execution) in request.target_executions.iter().enumerate() {
        if execution.r#type() != ExecutionType::Workflow {
            return Err(Error::invalid_argument(format!(
                "target_executions[{index}] is not a workflow execution, which the operation requires"
            )));
        }
    }
    check_operation(operation)
}

/// What a server does to activities that belong to no workflow, and only if it is told to.
fn standalone_activities(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::CancelActivitiesOperation(_) => Some("CancelActivitiesOperation"),
        Operation::TerminateActivitiesOperation(_) => Some("TerminateActivitiesOperation"),
        Operation::DeleteActivitiesOperation(_) => Some("DeleteActivitiesOperation"),
        _ => None,
    }
}

fn check_operation(operation: &Operation) -> Result<(), Error> {
    use batch_operation_reset_activities::Activity as Reset;
    use batch_operation_unpause_activities::Activity as Unpause;
    use batch_operation_update_activity_options::Activity as Update;
    const NO_FILTER: &str = "Either activity type must be set, or match all should be set to true";
    let invalid = |text: &str| Err(Error::invalid_argument(text));
    match operation {
        Operation::SignalOperation(signal) if signal.signal.is_empty() => invalid("must provide signal name"),
        Operation::UpdateWorkflowOptionsOperation(update) => {
            let Some(options) = &update.workflow_execution_options else {
                return invalid("must provide UpdateOptions");
            };
            if update.update_mask.is_none() {
                return invalid("must provide UpdateMask");
            }
            requests::check_time_skipping(options.time_skipping_config.as_ref())
        }
        Operation::ResetOperation(reset) => match &reset.options {
            Some(options) if options.target.is_none() => invalid("batch reset missing target"),
            Some(_) => Ok(()),
            None => match ResetType::try_from(reset.reset_type) {
                Ok(ResetType::FirstWorkflowTask | ResetType::LastWorkflowTask) => Ok(()),
                Ok(ResetType::Unspecified) => invalid("unknown batch reset type Unspecified"),
                Err(_) => {
                    Err(Error::invalid_argument(format!("unknown batch reset type {}", reset.reset_type)))
                }
            },
        },
        Operation::UnpauseActivitiesOperation(unpause) => match &unpause.activity {
            None => invalid("activity filter must be set"),
            Some(Unpause::Type(name)) if name.is_empty() => invalid(NO_FILTER),
            Some(Unpause::MatchAll(false)) => invalid(NO_FILTER),
            Some(_) => Ok(()),
        },
        Operation::ResetActivitiesOperation(reset) => match &reset.activity {
            None => invalid("must provide ActivityType or MatchAll"),
            Some(Reset::Type(name)) if name.is_empty() => invalid(NO_FILTER),
            Some(Reset::MatchAll(false)) => invalid(NO_FILTER),
            Some(_) => Ok(()),
        },
        Operation::UpdateActivityOptionsOperation(update) => {
            match (&update.activity_options, update.restore_original) {
                (Some(_), true) => invalid("cannot set both activity options and restore original"),
                (None, false) => {
                    invalid("Either activity type must be set, or restore original should be set to true")
                }
                _ => match &update.activity {
                    Some(Update::Type(name)) if name.is_empty() => invalid(NO_FILTER),
                    Some(Update::MatchAll(false)) => invalid(NO_FILTER),
                    _ => Ok(()),
                },
            }
        }
        _ => Ok(()),
    }
}
