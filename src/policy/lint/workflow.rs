//! The rules for workflows.

use std::time::Duration;

use super::{Finding, Findings, Linter, Rule};
use crate::{
    policy::{RetryPolicy, WorkflowTimeouts, text},
    rules::workflow_timeouts,
};

impl Linter {
    /// What cannot be meant about the timeouts and the retry policy of a workflow. The subject is what the findings
    /// call it.
    pub fn workflow(
        &self,
        subject: &str,
        timeouts: WorkflowTimeouts,
        retry_policy: Option<&RetryPolicy>,
    ) -> Vec<Finding> {
        let mut findings = Findings::about(subject);
        let set = |timeout: Option<Duration>| timeout.filter(|timeout| !timeout.is_zero());
        let execution = set(timeouts.execution_timeout);
        if let (Some(run), Some(execution)) = (set(timeouts.run_timeout), execution)
            && run > execution
        {
            findings.add(
                Rule::RunTimeoutAboveExecutionTimeout,
                format!(
                    "run_timeout is {}, and the server cuts it to the execution_timeout of {}",
                    text(run),
                    text(execution)
                ),
                format!("let run_timeout be at most {}", text(execution)),
            );
        }
        if let Some(task) = set(timeouts.task_timeout) {
            let run = timeouts.effective_run_timeout().unwrap_or_default();
            let effective = workflow_timeouts::task_timeout(task, run);
            if effective < task {
                findings.add(
                    Rule::TaskTimeoutCapped,
                    format!("task_timeout is {}, and the server cuts it to {}", text(task), text(effective)),
                    format!("let task_timeout be at most {}", text(effective)),
                );
            }
        }
        if let Some(policy) = retry_policy
            && policy.maximum_attempts == 0
            && execution.is_none()
        {
            findings.add(
                Rule::UnlimitedWorkflowRetries,
                "a workflow that always fails is run again for ever".to_owned(),
                "set maximum_attempts or execution_timeout, or leave the retry policy out: activities have their own",
            );
        }
        self.without_allowed(findings.found)
    }
}
