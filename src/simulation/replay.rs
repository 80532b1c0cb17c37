//! The replay of everything that has closed, at the end of a simulation.

use temporalio_common::protos::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus};

use super::{builder::Builder, report::Execution};
use crate::{
    history::History,
    overrides::Overrides,
    replay::{Difference, Production, Replayer, Verdict},
    worker::Worker,
};

/// The verdicts on those closed runs whose code does something else the second time. What the test has overridden is nothing
/// of the code's.
pub(crate) fn divergent(builder: &Builder, overrides: &Overrides, executions: &[Execution]) -> Vec<Verdict> {
    let closed = executions.iter().filter(|execution| {
        execution.run.namespace == builder.namespace
            && execution.history.status() != WorkflowExecutionStatus::Running
    });
    let overridden = overridden(overrides);
    closed.filter_map(|execution| replay(builder, &overridden, execution)).collect()
}

/// What overrides make differ between the commands of the code and what was recorded of them.
fn overridden(overrides: &Overrides) -> Vec<Difference> {
    let mut overridden = Vec::new();
    if overrides.change_activities() {
        overridden.extend([Difference::ActivityTimeouts, Difference::ActivityRetryPolicy]);
    }
    if overrides.change_child_workflows() {
        overridden.extend([Difference::ChildTimeouts, Difference::ChildRetryPolicy]);
    }
    overridden
}

/// Replays a run on each worker that may have had it, until one does what was recorded.
fn replay(builder: &Builder, overridden: &[Difference], execution: &Execution) -> Option<Verdict> {
    let mut divergent = None;
    for worker in workers_of(builder, execution) {
        let replayer = Replayer::of_worker(worker)
            .namespace(builder.namespace.clone())
            .blocked_after(builder.watchdog)
            // It is the second time already.
            .replays(1);
        let replayer = overridden.iter().fold(replayer, |replayer, it| replayer.allow(*it));
        let mut verdict = replayer.replay(&execution.history);
        if verdict.is_compatible() || is_tolerated(builder, &execution.history, &verdict) {
            return None;
        }
        // It is for code that has been changed.
        verdict.advice.clear();
        divergent.get_or_insert(verdict);
    }
    divergent
}

/// The workers of the run's task queue that have its workflow. If there is none, no code can have run.
fn workers_of<'a>(builder: &'a Builder, execution: &'a Execution) -> impl Iterator<Item = &'a Worker> {
    builder.workers.iter().map(AsRef::as_ref).filter(|worker| {
        let registered = worker.runs(execution.history.workflow_type());
        registered.is_some_and(|(task_queue, _)| task_queue == execution.run.task_queue)
    })
}

/// Whether the code failed a workflow task that it failed in the simulation as well.
fn is_tolerated(builder: &Builder, history: &History, verdict: &Verdict) -> bool {
    let completed = history.events().iter().rfind(|it| it.event_type() == EventType::WorkflowTaskCompleted);
    let completed = completed.map_or(0, |event| event.event_id);
    match verdict.production {
        Production::TaskFailure { event_id: Some(event_id), .. } => {
            builder.tolerate_workflow_task_failures && event_id > completed && verdict.differences.is_empty()
        }
        _ => false,
    }
}
