//! What keeps a run's workflow tasks from completing, as a search attribute.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::enums::v1::{
    IndexedValueType, TimeoutType, WorkflowTaskFailedCause,
};

use crate::cluster::{execution::Transaction, go_text, search_attributes::Value};

/// The search attribute that says why the workflow tasks of a run do not complete.
const REPORTED_PROBLEMS: &str = "TemporalReportedProblems";
/// So many workflow tasks in a row have to fail or time out before it is set.
const THRESHOLD: u32 = 5;

/// The workflow tasks that failed or timed out since the last one that completed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Problems {
    /// How many there were, without those that only cost the sticky queue.
    count: u32,
    /// The last one that has an event.
    last: Option<Problem>,
}

/// Why a workflow task did not complete.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    Failed(WorkflowTaskFailedCause),
    TimedOut(TimeoutType),
}

impl Problem {
    fn describe(self) -> Vec<String> {
        let (category, cause) = match self {
            Self::Failed(cause) => {
                ("WorkflowTaskFailed", go_text::enum_name(cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_"))
            }
            Self::TimedOut(timeout) => {
                ("WorkflowTaskTimedOut", go_text::enum_name(timeout.as_str_name(), "TIMEOUT_TYPE_"))
            }
        };
        vec![format!("category={category}"), format!("cause={category}Cause{cause}")]
    }
}

impl Transaction<'_> {
    /// Remembers why the workflow task whose event has just been written did not complete.
    pub(super) fn note_problem(&mut self, problem: Problem) {
        self.run.state.problems.last = Some(problem);
    }

    /// Another workflow task did not complete.
    pub(super) fn count_problem(&mut self) {
        let state = &mut self.run.state;
        state.problems.count = state.problems.count.saturating_add(1);
        if state.problems.count < THRESHOLD {
            return;
        }
        let Some(problem) = state.problems.last else { return };
        let payload = Value::KeywordList(problem.describe()).encode(IndexedValueType::KeywordList);
        if state.search_attributes.get(REPORTED_PROBLEMS) != Some(&payload) {
            Arc::make_mut(&mut state.search_attributes).insert(REPORTED_PROBLEMS.to_owned(), payload);
        }
    }

    /// A workflow task completed.
    pub(super) fn forget_problems(&mut self) {
        let state = &mut self.run.state;
        state.problems = Problems::default();
        if state.search_attributes.contains_key(REPORTED_PROBLEMS) {
            Arc::make_mut(&mut state.search_attributes).remove(REPORTED_PROBLEMS);
        }
    }
}
