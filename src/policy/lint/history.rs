//! The settings in recorded histories.

use std::time::Duration;

use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use super::{Finding, Linter};
use crate::{
    history::History,
    policy::{ActivityOptions, RetryPolicy, WorkflowTimeouts},
};

/// The server's default for the maximum interval, as a multiple of the initial one.
const DEFAULT_MAXIMUM_INTERVAL_FACTOR: u32 = 100;

impl Linter {
    /// What cannot be meant about the settings in a history: those of the run, its activities and its child workflows.
    /// Each finding is reported once, however often its activity was scheduled.
    ///
    /// The server has recorded what it made of the settings: a timeout that was capped no longer shows.
    pub fn history(&self, history: &History) -> Vec<Finding> {
        let workflow_type = history.workflow_type();
        let mut linter = self.clone();
        let mut findings = Vec::new();
        for event in history.events() {
            let found = match &event.attributes {
                Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                    linter.workflow = WorkflowTimeouts::recorded(started);
                    let policy = started.retry_policy.as_ref().map(RetryPolicy::from_proto);
                    linter.workflow(workflow_type, linter.workflow, policy.as_ref())
                }
                Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                    let name = scheduled.activity_type.as_ref().map_or("", |it| it.name.as_str());
                    let options = as_stated(ActivityOptions::recorded(scheduled), linter.workflow);
                    linter.activity(&format!("{workflow_type}, activity {name}"), &options)
                }
                Some(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(child)) => {
                    let name = child.workflow_type.as_ref().map_or("", |it| it.name.as_str());
                    let timeouts = WorkflowTimeouts {
                        execution_timeout: positive(child.workflow_execution_timeout.as_ref()),
                        run_timeout: positive(child.workflow_run_timeout.as_ref()),
                        task_timeout: positive(child.workflow_task_timeout.as_ref()),
                    };
                    let policy = child.retry_policy.as_ref().map(RetryPolicy::from_proto);
                    linter.workflow(
                        &format!("{workflow_type}, child workflow {name}"),
                        timeouts,
                        policy.as_ref(),
                    )
                }
                _ => Vec::new(),
            };
            add_new(&mut findings, found);
        }
        findings
    }

    /// The same for many histories: each finding is reported once.
    pub fn histories<'a>(&self, histories: impl IntoIterator<Item = &'a History>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for history in histories {
            add_new(&mut findings, self.history(history));
        }
        findings
    }
}

fn add_new(findings: &mut Vec<Finding>, found: Vec<Finding>) {
    for finding in found {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

/// The recorded options without what the server fills in by itself.
fn as_stated(mut options: ActivityOptions, workflow: WorkflowTimeouts) -> ActivityOptions {
    let whole = options.schedule_to_close_timeout;
    for filled_in in [&mut options.schedule_to_start_timeout, &mut options.start_to_close_timeout] {
        if *filled_in == whole {
            *filled_in = None;
        }
    }
    if whole == workflow.effective_run_timeout() && options.start_to_close_timeout.is_some() {
        options.schedule_to_close_timeout = None;
    }
    let policy = &mut options.retry_policy;
    let default = policy.initial_interval.map(|it| it.saturating_mul(DEFAULT_MAXIMUM_INTERVAL_FACTOR));
    if policy.maximum_interval == default {
        policy.maximum_interval = None;
    }
    if policy.initial_interval == Some(Duration::from_secs(1)) {
        policy.initial_interval = None;
    }
    options
}

fn positive(timeout: Option<&prost_types::Duration>) -> Option<Duration> {
    Some(crate::clock::duration(timeout)).filter(|timeout| !timeout.is_zero())
}
