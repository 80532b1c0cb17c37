//! What every workflow execution is doing, for people.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{WorkflowExecutionUpdateAcceptedEventAttributes, history_event::Attributes},
    workflow::v1::PendingActivityInfo,
};

use super::failure::Cause;
use crate::{
    clock::Time,
    cluster::{self, PendingWorkflowTask, RunSnapshot},
    history::{History, RetriedAttempt},
    service::Service,
};

/// All runs, in the order in which they started.
pub(super) fn executions(service: &Service) -> Vec<Execution> {
    let now = service.now();
    let runs = service.with_cluster(|cluster| cluster.runs(now));
    runs.into_iter().filter_map(Execution::new).collect()
}

/// The runs that a failure report should show: the open ones, those that did not complete and those that the cause is
/// about, the busiest first; not too many.
pub(super) fn noteworthy(mut executions: Vec<Execution>, cause: &Cause) -> Vec<Execution> {
    executions.retain(|execution| !execution.is_completed() || cause.is_about(&execution.run.run_id));
    executions.sort_by_key(|execution| Reverse(execution.busyness()));
    executions.truncate(SHOWN);
    executions
}

/// More executions than this help nobody.
const SHOWN: usize = 10;

/// One run and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    /// What the history does not say; its events have gone there.
    pub(crate) run: RunSnapshot,
    pub(crate) history: History,
}

impl Execution {
    /// `None` never happens: the cluster writes whole histories.
    fn new(mut run: RunSnapshot) -> Option<Self> {
        let retried_attempts = std::mem::take(&mut run.retried_attempts).into_iter().map(retried).collect();
        let history =
            History::new(std::mem::take(&mut run.events)).ok()?.with_retried_attempts(retried_attempts);
        Some(Self { run, history })
    }

    /// How much has happened to the run: its events, and the attempts that leave none.
    fn busyness(&self) -> usize {
        let attempts = self.run.pending_activities.iter().map(|activity| activity.attempt);
        self.history.events().len() + attempts.sum::<i32>().unsigned_abs() as usize
    }

    pub(crate) fn is_completed(&self) -> bool {
        matches!(
            self.history.status(),
            WorkflowExecutionStatus::Completed | WorkflowExecutionStatus::ContinuedAsNew
        )
    }

    fn workflow_task(&self, task: PendingWorkflowTask) -> String {
        let attempt = attempt(task.attempt);
        if task.is_started {
            format!("its workflow task, which a worker has{attempt}")
        } else if self.run.is_polled {
            format!("its workflow task, which waits for a worker{attempt}")
        } else {
            format!("its workflow task{attempt}: no worker polls the task queue {:?}", self.run.task_queue)
        }
    }

    /// What has to happen before the run can go on, one line each.
    pub(crate) fn waits_for(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut open = BTreeMap::new();
        let mut updates = BTreeMap::new();
        for event in self.history.events() {
            match &event.attributes {
                Some(Attributes::TimerStartedEventAttributes(timer)) => {
                    open.insert(event.event_id, format!("timer {}", timer.timer_id));
                }
                Some(Attributes::TimerFiredEventAttributes(timer)) => {
                    open.remove(&timer.started_event_id);
                }
                Some(Attributes::TimerCanceledEventAttributes(timer)) => {
                    open.remove(&timer.started_event_id);
                }
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                    updates.insert(event.event_id, update(accepted));
                }
                Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                    updates.remove(&completed.accepted_event_id);
                }
                _ => {}
            }
        }
        lines.extend(self.run.pending_activities.iter().map(activity));
        lines.extend(open.into_values());
        lines.extend(self.run.workflow_task.map(|task| self.workflow_task(task)));
        if lines.is_empty() {
            lines.push("somebody outside: a signal, an update or a cancellation".to_owned());
        }
        lines.extend(updates.into_values());
        lines
    }
}

fn retried(it: cluster::RetriedAttempt) -> RetriedAttempt {
    RetriedAttempt {
        scheduled_event_id: it.scheduled_event_id,
        attempt: it.attempt,
        started_time: it.started_time.map(Time::to_system_time),
        end_time: it.end_time.to_system_time(),
        failure: it.failure,
        next_attempt_time: it.next_attempt_time.map(Time::to_system_time),
    }
}

fn attempt(attempt: i32) -> String {
    if attempt > 1 { format!(", attempt {attempt}") } else { String::new() }
}

fn update(accepted: &WorkflowExecutionUpdateAcceptedEventAttributes) -> String {
    let input = accepted.accepted_request.as_ref().and_then(|request| request.input.as_ref());
    let name = input.map_or("", |input| &input.name);
    format!("its handler of the update {name}, id {}, which it has accepted", accepted.protocol_instance_id)
}

fn activity(info: &PendingActivityInfo) -> String {
    let activity_type = info.activity_type.as_ref().map_or("", |activity_type| &activity_type.name);
    let state = info
        .state()
        .as_str_name()
        .trim_start_matches("PENDING_ACTIVITY_STATE_")
        .to_lowercase()
        .replace('_', " ");
    let mut line = format!("activity {} {activity_type}: {state}{}", info.activity_id, attempt(info.attempt));
    if let Some(failure) = &info.last_failure {
        line += &format!(", last failure: {}", failure.message);
    }
    line
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.history.status();
        let is_open = status == WorkflowExecutionStatus::Running;
        let state = if is_open {
            "open, waits for".to_owned()
        } else {
            status.as_str_name().trim_start_matches("WORKFLOW_EXECUTION_STATUS_").to_lowercase()
        };
        writeln!(f, "{} {:?}: {state}", self.history.workflow_type(), self.run.workflow_id)?;
        if is_open {
            self.waits_for().iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
        }
        writeln!(f)?;
        let timeline = self.history.timeline().to_string();
        timeline.lines().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
