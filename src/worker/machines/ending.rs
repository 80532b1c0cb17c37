//! The other ways in which a workflow ends: it completes, fails, or continues as new.

use crate::proto_map::ProtoMap;
use temporalio_common::protos::{
    coresdk::workflow_commands::{
        CompleteWorkflowExecution, ContinueAsNewWorkflowExecution, FailWorkflowExecution, WorkflowCommand,
        workflow_command::Variant,
    },
    temporal::api::{
        command::v1::{Command, continue_as_new_cmd_to_api},
        common::v1::{Payload, SearchAttributes},
    },
};

use super::{Machines, annotations::Annotations};

/// The command that completes the workflow.
pub(super) fn complete_workflow(complete: CompleteWorkflowExecution, annotations: Annotations) -> Command {
    annotations.command(complete.into())
}

/// The command that fails the workflow.
pub(super) fn fail_workflow(fail: FailWorkflowExecution, annotations: Annotations) -> Command {
    annotations.command(fail.into())
}

/// Whether a command ends the workflow.
pub(super) fn ends_workflow(command: &WorkflowCommand) -> bool {
    matches!(
        command.variant,
        Some(
            Variant::CompleteWorkflowExecution(_)
                | Variant::FailWorkflowExecution(_)
                | Variant::CancelWorkflowExecution(_)
                | Variant::ContinueAsNewWorkflowExecution(_)
        )
    )
}

/// Puts the first command that ends the workflow behind all others and drops the rest of its kind, so that
/// everything else the code asked for still happens.
///
/// Histories from before this rule were recorded with everything behind the first such command cut off; so
/// they are replayed with `cut_off`.
pub(super) fn order_commands(commands: Vec<WorkflowCommand>, cut_off: bool) -> Vec<WorkflowCommand> {
    let end = commands.iter().position(ends_workflow).map_or(commands.len(), |first| first + 1);
    if end == commands.len() {
        return commands;
    }
    if cut_off {
        return commands.into_iter().take(end).collect();
    }
    let (ending, mut others): (Vec<_>, Vec<_>) = commands.into_iter().partition(ends_workflow);
    others.extend(ending.into_iter().next());
    others
}

impl Machines {
    /// The command that continues the workflow as new. What the workflow does not set is taken over from this
    /// run: memo and retry policy as it was started with, search attributes as they are.
    pub(super) fn continue_as_new(
        &self,
        mut next: ContinueAsNewWorkflowExecution,
        inherit_build_id: bool,
        annotations: Annotations,
    ) -> Command {
        if let Some(start) = &self.start {
            if next.memo.is_empty() {
                next.memo = start.memo.clone().map(|memo| memo.fields).unwrap_or_default();
            }
            if next.retry_policy.is_none() {
                next.retry_policy.clone_from(&start.retry_policy);
            }
        }
        if next.search_attributes.is_none() {
            let indexed_fields = self.current_search_attributes();
            next.search_attributes =
                (!indexed_fields.is_empty()).then_some(SearchAttributes { indexed_fields });
        }
        annotations.command(continue_as_new_cmd_to_api(next, inherit_build_id))
    }

    fn current_search_attributes(&self) -> ProtoMap<Payload> {
        let at_start = self.start.as_ref().and_then(|start| start.search_attributes.clone());
        let mut current = at_start.map(|attributes| attributes.indexed_fields).unwrap_or_default();
        current.extend(self.upserted_search_attributes.clone());
        current
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::coresdk::workflow_commands::StartTimer;

    use super::*;

    fn timer(seq: u32) -> WorkflowCommand {
        Variant::StartTimer(StartTimer { seq, ..Default::default() }).into()
    }

    fn complete() -> WorkflowCommand {
        Variant::CompleteWorkflowExecution(CompleteWorkflowExecution::default()).into()
    }

    fn fail() -> WorkflowCommand {
        Variant::FailWorkflowExecution(FailWorkflowExecution::default()).into()
    }

    #[test]
    fn the_first_ending_goes_last() {
        let issued = vec![timer(1), complete(), timer(2), fail()];
        assert_eq!(order_commands(issued, false), [timer(1), timer(2), complete()]);
    }

    #[test]
    fn old_histories_end_with_the_first_ending() {
        let issued = vec![timer(1), complete(), timer(2), fail()];
        assert_eq!(order_commands(issued, true), [timer(1), complete()]);
    }
}
