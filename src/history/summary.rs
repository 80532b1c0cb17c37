//! A history in a few numbers.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{ActivityTaskScheduledEventAttributes, HistoryEvent, history_event::Attributes},
};

use super::{History, duration};
use crate::clock::{self, Time};

/// What a run did, in numbers. Its `Display` is a few lines for people.
///
/// ```
/// # use temporal_sim::history::History;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let summary = History::load("histories/production/scan_heartbeat_timeout.json")?.summary();
/// assert_eq!(summary.timers_started, 0);
/// assert_eq!(summary.activities["Scanner::wait_for_pages"].attempts, 3);
/// assert_eq!(summary.activities["Scanner::wait_for_pages"].timed_out, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the workflow type.
    pub workflow_type: String,
    /// The workflow id.
    pub workflow_id: String,
    /// How the run ended, or that it is running.
    pub status: WorkflowExecutionStatus,
    /// From the first event to the last.
    pub duration: Duration,
    /// How many events there are.
    pub events: usize,
    /// Workflow tasks that were completed.
    pub workflow_tasks_completed: usize,
    /// Workflow tasks that failed or timed out.
    pub workflow_tasks_failed: usize,
    /// Activities by the name of their type, without local ones.
    pub activities: BTreeMap<String, ActivitySummary>,
    /// Timers that were started.
    pub timers_started: usize,
    /// Timers that fired.
    pub timers_fired: usize,
    /// Child workflows that were asked for.
    pub child_workflows: usize,
    /// Signals that were received.
    pub signals: usize,
    /// Updates that were accepted.
    pub updates: usize,
    /// Markers by their name: patches, local activities, side effects.
    pub markers: BTreeMap<String, usize>,
}

/// What became of the activities of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivitySummary {
    /// How many were scheduled.
    pub scheduled: usize,
    /// Attempts of those that have ended. A running activity's attempts are not in its history.
    pub attempts: u64,
    /// How many were completed.
    pub completed: usize,
    /// How many failed for good.
    pub failed: usize,
    /// How many timed out for good.
    pub timed_out: usize,
    /// How many were canceled.
    pub canceled: usize,
}

impl Summary {
    pub(super) fn new(history: &History) -> Self {
        let time = |event: Option<&Arc<HistoryEvent>>| {
            event.and_then(|event| event.event_time.as_ref()).map(Time::from_proto)
        };
        let (first, last) = (time(history.events.first()), time(history.events.last()));
        let mut summary = Self {
            workflow_type: history.workflow_type().to_owned(),
            workflow_id: history.workflow_id().to_owned(),
            status: history.status(),
            duration: first.zip(last).map_or(Duration::ZERO, |(first, last)| last.since(first)),
            events: history.events.len(),
            workflow_tasks_completed: 0,
            workflow_tasks_failed: 0,
            activities: BTreeMap::new(),
            timers_started: 0,
            timers_fired: 0,
            child_workflows: 0,
            signals: 0,
            updates: 0,
            markers: BTreeMap::new(),
        };
        for attributes in history.events.iter().filter_map(|event| event.attributes.as_ref()) {
            summary.count(history, attributes);
        }
        summary
    }

    fn count(&mut self, history: &History, attributes: &Attributes) {
        match attributes {
            Attributes::WorkflowTaskCompletedEventAttributes(_) => self.workflow_tasks_completed += 1,
            Attributes::WorkflowTaskFailedEventAttributes(_)
            | Attributes::WorkflowTaskTimedOutEventAttributes(_) => self.workflow_tasks_failed += 1,
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
                self.activities.entry(type_name(scheduled)).or_default().scheduled += 1;
            }
            Attributes::ActivityTaskStartedEventAttributes(started) => {
                let attempts = u64::try_from(started.attempt).unwrap_or_default().max(1);
                self.activity(history, started.scheduled_event_id).attempts += attempts;
            }
            Attributes::ActivityTaskCompletedEventAttributes(it) => {
                self.activity(history, it.scheduled_event_id).completed += 1;
            }
            Attributes::ActivityTaskFailedEventAttributes(it) => {
                self.activity(history, it.scheduled_event_id).failed += 1;
            }
            Attributes::ActivityTaskTimedOutEventAttributes(it) => {
                self.activity(history, it.scheduled_event_id).timed_out += 1;
            }
            Attributes::ActivityTaskCanceledEventAttributes(it) => {
                self.activity(history, it.scheduled_event_id).canceled += 1;
            }
            Attributes::TimerStartedEventAttributes(_) => self.timers_started += 1,
            Attributes::TimerFiredEventAttributes(_) => self.timers_fired += 1,
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(_) => self.child_workflows += 1,
            Attributes::WorkflowExecutionSignaledEventAttributes(_) => self.signals += 1,
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(_) => self.updates += 1,
            Attributes::MarkerRecordedEventAttributes(marker) => {
                *self.markers.entry(marker.marker_name.clone()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// The numbers of the type of the activity that an event scheduled.
    fn activity(&mut self, history: &History, scheduled_event_id: i64) -> &mut ActivitySummary {
        let name = match history.event(scheduled_event_id).and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => type_name(scheduled),
            _ => String::new(),
        };
        self.activities.entry(name).or_default()
    }
}

fn type_name(scheduled: &ActivityTaskScheduledEventAttributes) -> String {
    scheduled.activity_type.as_ref().map(|activity_type| activity_type.name.clone()).unwrap_or_default()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.as_str_name().trim_start_matches("WORKFLOW_EXECUTION_STATUS_");
        let status = status.to_lowercase().replace('_', " ");
        let duration = duration::human(&clock::to_proto(self.duration));
        writeln!(f, "{} {}: {status} after {duration}", self.workflow_type, self.workflow_id)?;
        let counts = [
            (self.events, "events"),
            (self.workflow_tasks_completed, "workflow tasks"),
            (self.workflow_tasks_failed, "failed workflow tasks"),
            (self.timers_started, "timers"),
            (self.child_workflows, "child workflows"),
            (self.signals, "signals"),
            (self.updates, "updates"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        writeln!(
            f,
            "  {}",
            counts.map(|(count, of)| format!("{of}: {count}")).collect::<Vec<_>>().join(", ")
        )?;
        for (name, activity) in &self.activities {
            writeln!(f, "  activity {name}: {activity}")?;
        }
        for (name, count) in &self.markers {
            writeln!(f, "  marker {name}: {count}")?;
        }
        Ok(())
    }
}

/// `2 completed, 1 failed (5 attempts)`
impl fmt::Display for ActivitySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.completed + self.failed + self.timed_out + self.canceled;
        let results = [
            (self.completed, "completed"),
            (self.failed, "failed"),
            (self.timed_out, "timed out"),
            (self.canceled, "canceled"),
            (self.scheduled.saturating_sub(ended), "open"),
        ];
        let results = results.iter().filter(|(count, _)| *count > 0);
        let results: Vec<_> = results.map(|(count, result)| format!("{count} {result}")).collect();
        write!(f, "{}", results.join(", "))?;
        if self.attempts > ended as u64 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str) -> Summary {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production");
        History::load(format!("{folder}/{name}.json")).unwrap().summary()
    }

    #[test]
    fn a_summary_for_people() {
        insta::assert_snapshot!(summary("scan_heartbeat_timeout"), @r"
        DocumentScan scan_heartbeat_timeout-261006: completed after 5.069s
          events: 23, workflow tasks: 4
          activity Scanner::queue_for_typist: 1 completed
          activity Scanner::submit: 1 completed
          activity Scanner::wait_for_pages: 1 timed out (3 attempts)
        ");
        insta::assert_snapshot!(summary("subscription_first_run"), @r"
        Subscription subscription-261006: continued as new after 3.145s
          events: 36, workflow tasks: 7, timers: 2, signals: 1, updates: 1
          activity Billing::charge: 2 completed
        ");
        insta::assert_snapshot!(summary("quote_flaky_rates"), @r"
        PriceQuote quote_flaky_rates-261006: completed after 2.06s
          events: 25, workflow tasks: 4, timers: 2
          activity Rates::publish: 1 completed
          marker core_local_activity: 4
        ");
        insta::assert_snapshot!(summary("order_backordered"), @r"
        OrderFulfilment order_backordered-261006: completed after 132ms
          events: 32, workflow tasks: 4
          activity Warehouse::release: 2 completed
          activity Warehouse::reserve: 2 completed, 1 failed
        ");
        insta::assert_snapshot!(summary("approval_reset"), @r"
        ExpenseApproval approval_rejected-261006: completed after 2.018s
          events: 21, workflow tasks: 3, failed workflow tasks: 1, signals: 1
          activity send_email: 2 completed
        ");
    }

    #[test]
    fn timers_that_were_canceled_did_not_fire() {
        let summary = summary("approval_rejected");
        assert_eq!((summary.timers_started, summary.timers_fired), (1, 0));
    }
}
