//! Modifications of the workflow's properties, which is its memo.

use temporalio_common::protos::{
    coresdk::workflow_commands::ModifyWorkflowProperties, temporal::api::command::v1::Command,
};

use super::annotations::Annotations;

/// The command of a modification.
pub(super) fn modify_properties(modify: ModifyWorkflowProperties, annotations: Annotations) -> Command {
    annotations.command(modify.into())
}
