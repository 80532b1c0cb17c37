//! The workflow's answer to a cancellation request: it ends as cancelled.

use temporalio_common::protos::{
    coresdk::workflow_commands::CancelWorkflowExecution, temporal::api::command::v1::Command,
};

use super::annotations::Annotations;

/// The command that ends the workflow as cancelled.
pub(super) fn cancel_workflow(cancel: CancelWorkflowExecution, annotations: Annotations) -> Command {
    annotations.command(cancel.into())
}
