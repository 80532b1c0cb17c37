//! UpdateWorkflowExecutionOptions.

use temporalio_common::protos::temporal::api::{
    history::v1::{WorkflowExecutionOptionsUpdatedEventAttributes, history_event::Attributes},
    workflow::v1::{
        VersioningOverride, WorkflowExecutionOptions, versioning_override::Override,
        versioning_override::PinnedOverrideBehavior,
    },
    workflowservice::v1::{UpdateWorkflowExecutionOptionsRequest, UpdateWorkflowExecutionOptionsResponse},
};

use super::{
    super::{Event, Transaction},
    mask,
    versioning::{check_override, normalised},
};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, requests, start},
};

impl Cluster {
    /// Changes the options of an open run, and answers what they are then.
    pub(in crate::cluster) fn update_workflow_execution_options(
        &mut self,
        now: Time,
        request: UpdateWorkflowExecutionOptionsRequest,
    ) -> Result<UpdateWorkflowExecutionOptionsResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = request.workflow_execution.unwrap_or_default();
        if execution.workflow_id.is_empty() {
            return Err(Error::invalid_argument("WorkflowId is not set on request."));
        }
        let mask = request.update_mask.ok_or_else(|| Error::invalid_argument("UpdateMask is required"))?;
        let options = request
            .workflow_execution_options
            .ok_or_else(|| Error::invalid_argument("WorkflowExecutionOptions is required"))?;
        mask::check(&mask.paths)?;
        start::check_priority(options.priority.as_ref())?;
        requests::check_time_skipping(options.time_skipping_config.as_ref())?;
        requests::check_run_uuid(&execution.run_id)?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?.key;
        let merged = self.transact(now, run, |tx| {
            if !tx.run.is_running() {
                return Err(Error::already_completed());
            }
            if names_no_version(options.versioning_override.as_ref()) {
                return Err(Error::failed_precondition(format!(
                    "must specify a specific pinned override version because workflow with id {} has behavior \
                     Unspecified and is not yet pinned to any version",
                    tx.run.workflow_id
                )));
            }
            check_override(options.versioning_override.as_ref(), &tx.run.info.task_queue)?;
            tx.update_options(&options, &mask.paths, request.identity)
        })?;
        Ok(UpdateWorkflowExecutionOptionsResponse {
            workflow_execution_options: Some(merged),
            ..Default::default()
        })
    }
}

/// Whether the override pins a run to whichever version it is at.
fn names_no_version(given: Option<&VersioningOverride>) -> bool {
    match given.and_then(|given| given.r#override.as_ref()) {
        Some(Override::Pinned(pinned)) => {
            pinned.version.is_none() && pinned.behavior() != PinnedOverrideBehavior::Unspecified
        }
        _ => false,
    }
}

impl Transaction<'_> {
    /// Changes the options that the paths name, and answers what all are then. The event is written unless nothing changes.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if a path names a part that cannot be changed by itself.
    pub(in crate::cluster::execution) fn update_options(
        &mut self,
        changes: &WorkflowExecutionOptions,
        paths: &[String],
        identity: String,
    ) -> Result<WorkflowExecutionOptions, Error> {
        let present = self.run.state.options.to_proto();
        let mut merged = present.clone();
        mask::merge(&mut merged, changes, paths)?;
        if merged == present {
            self.keep_in_memory();
            return Ok(merged);
        }
        let updated = WorkflowExecutionOptionsUpdatedEventAttributes {
            versioning_override: merged.versioning_override.clone().map(normalised),
            unset_versioning_override: merged.versioning_override.is_none(),
            identity,
            priority: merged.priority.clone(),
            ..Default::default()
        };
        let before = self.run.state.effective_behavior();
        self.run.apply_options_updated(&updated, None);
        if before != self.run.state.effective_behavior() {
            self.reschedule_tasks();
        }
        self.add_event(Event::new(Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(updated)));
        Ok(merged)
    }
}
