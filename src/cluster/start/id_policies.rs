//! What becomes of a start when its workflow id has been used before.

use temporalio_common::protos::temporal::api::enums::v1::{
    WorkflowExecutionStatus as Status, WorkflowIdConflictPolicy as ConflictPolicy,
    WorkflowIdReusePolicy as ReusePolicy,
};

use crate::cluster::{
    error::Error,
    execution::{Run, RunKey},
};

/// What to do if the workflow id is in use, and if it has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdPolicies {
    reuse: ReusePolicy,
    conflict: ConflictPolicy,
}

/// What becomes of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// A run begins, and another one may have to make way for it.
    Start { terminate: Option<RunKey> },
    /// The very same start has been made before.
    Repeated(RunKey),
    /// The open run is as good as another one.
    UseExisting(RunKey),
}

impl IdPolicies {
    /// The policies that a request asks for. `default_conflict` is meant when it leaves the conflict open.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the policies contradict each other.
    pub(crate) fn new(
        reuse: ReusePolicy,
        conflict: ConflictPolicy,
        default_conflict: ConflictPolicy,
    ) -> Result<Self, Error> {
        match (reuse, conflict) {
            (ReusePolicy::TerminateIfRunning, ConflictPolicy::Unspecified) => {
                Ok(Self { reuse: ReusePolicy::AllowDuplicate, conflict: ConflictPolicy::TerminateExisting })
            }
            (ReusePolicy::TerminateIfRunning, _) => Err(Error::invalid_argument(
                "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used \
                 together with a WorkflowIDConflictPolicy",
            )),
            (ReusePolicy::RejectDuplicate, ConflictPolicy::TerminateExisting) => {
                Err(Error::invalid_argument(
                    "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used \
                     together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
                ))
            }
            (reuse, conflict) => Ok(Self {
                reuse: if reuse == ReusePolicy::Unspecified { ReusePolicy::AllowDuplicate } else { reuse },
                conflict: if conflict == ConflictPolicy::Unspecified { default_conflict } else { conflict },
            }),
        }
    }

    /// What becomes of a start when `current` is the latest run of its workflow id.
    ///
    /// # Errors
    ///
    /// ALREADY_EXISTS with the run that is in the way.
    pub(crate) fn resolve(self, current: &Run) -> Result<Resolution, Error> {
        let refuse = |text: String| {
            Err(Error::already_started(
                text,
                current.info.create_request_id.clone(),
                current.run_id.clone(),
                current.info.first_execution_run_id.clone(),
            ))
        };
        let ids = format!("WorkflowId: {}, RunId: {}.", current.workflow_id, current.run_id);
        match (current.state.status, self.conflict, self.reuse) {
            (Status::Running, ConflictPolicy::UseExisting, _) => Ok(Resolution::UseExisting(current.key)),
            (Status::Running, ConflictPolicy::TerminateExisting, _) => {
                Ok(Resolution::Start { terminate: Some(current.key) })
            }
            (Status::Running, _, _) => refuse(format!("Workflow execution is already running. {ids}")),
            (_, _, ReusePolicy::RejectDuplicate) => refuse(format!(
                "Workflow execution already finished. {ids} Workflow Id reuse policy: reject duplicate \
                 workflow Id."
            )),
            (Status::Completed | Status::ContinuedAsNew, _, ReusePolicy::AllowDuplicateFailedOnly) => {
                refuse(format!(
                    "Workflow execution already finished successfully. {ids} Workflow Id reuse policy: allow \
                     duplicate workflow Id if last run failed."
                ))
            }
            _ => Ok(Resolution::Start { terminate: None }),
        }
    }
}
