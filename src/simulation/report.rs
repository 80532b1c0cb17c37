//! What every workflow execution is doing, for people.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use temporalio_common::protos::temporal::api::{
    enums::v1::EventType,
    history::v1::{
        HistoryEvent, WorkflowExecutionStartedEventAttributes,
        WorkflowExecutionUpdateAcceptedEventAttributes, history_event::Attributes,
    },
    workflow::v1::PendingActivityInfo,
};

use crate::{
    cluster::{PendingWorkflowTask, RunSnapshot},
    history::History,
    service::Service,
};

/// All runs, in the order in which they started.
pub(super) fn executions(service: &Service) -> Vec<Execution> {
    let now = service.now();
    service.with_cluster(|cluster| cluster.runs(now)).into_iter().map(Execution).collect()
}

/// The runs that a failure report should show: the open ones and those that did not complete, the
/// busiest first; not too many.
pub(super) fn noteworthy(mut executions: Vec<Execution>) -> Vec<Execution> {
    executions.retain(|execution| !execution.is_completed());
    executions.sort_by_key(|execution| Reverse(execution.busyness()));
    executions.truncate(SHOWN);
    executions
}

/// More executions than this help nobody.
const SHOWN: usize = 10;

/// One run and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Execution(pub(crate) RunSnapshot);

impl Execution {
    /// `None` never happens: the cluster writes whole histories.
    pub(super) fn into_history(self) -> Option<History> {
        History::new(self.0.events).ok()
    }

    /// Whether a worker has one of the run's activities.
    pub(super) fn runs_activity(&self) -> bool {
        self.0.pending_activities.iter().any(|activity| {
            activity.last_started_time.is_some() && activity.next_attempt_schedule_time.is_none()
        })
    }

    /// How much has happened to the run: its events, and the attempts that leave none.
    fn busyness(&self) -> usize {
        let attempts = self.0.pending_activities.iter().map(|activity| activity.attempt);
        self.0.events.len() + attempts.sum::<i32>().unsigned_abs() as usize
    }

    fn is_completed(&self) -> bool {
        self.close_event().is_some_and(|event| {
            matches!(
                event.event_type(),
                EventType::WorkflowExecutionCompleted | EventType::WorkflowExecutionContinuedAsNew
            )
        })
    }

    fn close_event(&self) -> Option<&HistoryEvent> {
        self.0.events.last().filter(|event| {
            matches!(
                event.event_type(),
                EventType::WorkflowExecutionCompleted
                    | EventType::WorkflowExecutionFailed
                    | EventType::WorkflowExecutionTimedOut
                    | EventType::WorkflowExecutionCanceled
                    | EventType::WorkflowExecutionTerminated
                    | EventType::WorkflowExecutionContinuedAsNew
            )
        })
    }

    fn started(&self) -> Option<&WorkflowExecutionStartedEventAttributes> {
        match &self.0.events.first()?.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Some(started),
            _ => None,
        }
    }

    fn workflow_type(&self) -> &str {
        self.started().and_then(|started| started.workflow_type.as_ref()).map_or("", |it| &it.name)
    }

    fn workflow_task(&self, task: PendingWorkflowTask) -> String {
        let attempt = attempt(task.attempt);
        if task.is_started {
            format!("its workflow task, which a worker has{attempt}")
        } else if self.0.is_polled {
            format!("its workflow task, which waits for a worker{attempt}")
        } else {
            format!("its workflow task{attempt}: no worker polls the task queue {:?}", self.0.task_queue)
        }
    }

    /// What has to happen before the run can go on, one line each.
    fn waits_for(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut open = BTreeMap::new();
        let mut updates = BTreeMap::new();
        for event in &self.0.events {
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
        lines.extend(self.0.pending_activities.iter().map(activity));
        lines.extend(open.into_values());
        lines.extend(self.0.workflow_task.map(|task| self.workflow_task(task)));
        if lines.is_empty() {
            lines.push("somebody outside: a signal, an update or a cancellation".to_owned());
        }
        lines.extend(updates.into_values());
        lines
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
        let state = match self.close_event() {
            None => "open, waits for".to_owned(),
            Some(event) => event
                .event_type()
                .as_str_name()
                .trim_start_matches("EVENT_TYPE_WORKFLOW_EXECUTION_")
                .to_lowercase(),
        };
        writeln!(f, "{} {:?}: {state}", self.workflow_type(), self.0.workflow_id)?;
        if self.close_event().is_none() {
            self.waits_for().iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
        }
        writeln!(f)?;
        let timeline = self.clone().into_history().map(|history| history.timeline().to_string());
        timeline.unwrap_or_default().lines().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
