//! The timeouts of workflow runs and of their workflow tasks.

use std::time::Duration;

/// The workflow task timeout of a run that asked for none.
const WORKFLOW_TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest workflow task timeout.
const WORKFLOW_TASK_TIMEOUT_MAXIMUM: Duration = Duration::from_secs(120);

/// A run's timeout, which is at most its chain's. Zero is none, of both.
pub(crate) fn run_timeout(run: Duration, execution: Duration) -> Duration {
    match (run.is_zero(), execution.is_zero()) {
        (_, true) => run,
        (true, false) => execution,
        (false, false) => run.min(execution),
    }
}

/// The timeout of a run's workflow tasks, which is at most the run's.
pub(crate) fn task_timeout(task: Duration, run: Duration) -> Duration {
    let task = if task.is_zero() { WORKFLOW_TASK_TIMEOUT } else { task };
    let task = task.min(WORKFLOW_TASK_TIMEOUT_MAXIMUM);
    if run.is_zero() { task } else { task.min(run) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_lasts_no_longer_than_its_chain() {
        for (run, execution, expected) in [(0, 0, 0), (5, 0, 5), (0, 7, 7), (5, 7, 5), (9, 7, 7)] {
            assert_eq!(run_timeout(seconds(run), seconds(execution)), seconds(expected), "{run} {execution}");
        }
    }

    #[test]
    fn a_workflow_task_lasts_no_longer_than_its_run() {
        for (task, run, expected) in [(0, 0, 10), (0, 3, 3), (30, 0, 30), (300, 0, 120), (30, 20, 20)] {
            assert_eq!(task_timeout(seconds(task), seconds(run)), seconds(expected), "{task} {run}");
        }
    }
}
