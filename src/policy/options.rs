//! The settings of an activity and of the workflow around it, as workflow code states them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions as ProtoActivityOptions,
    common::v1::RetryPolicy as ProtoRetryPolicy,
    history::v1::{ActivityTaskScheduledEventAttributes, WorkflowExecutionStartedEventAttributes},
};

use super::duration::serde_text;
use crate::{
    clock,
    rules::{
        activity_options::{self, InvalidActivity},
        durations, workflow_timeouts,
    },
};

/// The four timeouts of an activity and its retry policy. One of start-to-close and schedule-to-close has to be set.
///
/// A timeout of zero is none, as the server reads it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivityOptions {
    /// How long the activity may take altogether, with all its attempts and backoffs. Default: the run timeout of the
    /// workflow, or for ever.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub schedule_to_close_timeout: Option<Duration>,
    /// How long an attempt may wait for a worker. When it expires the activity is not retried. Default: the
    /// schedule-to-close timeout.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub schedule_to_start_timeout: Option<Duration>,
    /// How long one attempt may take once a worker has it. Default: the schedule-to-close timeout.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub start_to_close_timeout: Option<Duration>,
    /// How long the server may hear nothing of an attempt. Default: for ever.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout: Option<Duration>,
    /// What happens when an attempt fails or times out.
    #[serde(skip_serializing_if = "RetryPolicy::is_default")]
    pub retry_policy: RetryPolicy,
}

/// When and how often something is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The pause after the first attempt. Default 1 s.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub initial_interval: Option<Duration>,
    /// By how much each pause is longer than the one before. Default 2.
    #[serde(skip_serializing_if = "is_default_coefficient")]
    pub backoff_coefficient: f64,
    /// The longest pause. Default: 100 times the initial one.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub maximum_interval: Option<Duration>,
    /// How many attempts there are at most, the first one included. Default 0: as many as there is time for.
    #[serde(skip_serializing_if = "is_zero")]
    pub maximum_attempts: u32,
    /// The types of application failures that are not retried, and of timeouts: `TemporalTimeout:StartToClose` and
    /// `TemporalTimeout:Heartbeat`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub non_retryable_error_types: Vec<String>,
}

/// The timeouts of a workflow. Without one it may take for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowTimeouts {
    /// Of the whole chain of runs: retries, cron runs and continue-as-new included.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub execution_timeout: Option<Duration>,
    /// Of one run.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<Duration>,
    /// Of each workflow task. Default 10 s; at most 120 s.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub task_timeout: Option<Duration>,
}

/// What can be set about the time and the retries of a workflow.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowOptions {
    /// Its timeouts.
    pub timeouts: WorkflowTimeouts,
    /// How it is retried. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

/// Why the server refuses options: its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOptions(String);

/// The backoff coefficient of a policy that sets none.
const DEFAULT_COEFFICIENT: f64 = 2.0;

/// The names in the server's words about invalid options.
const ACTIVITY_ID: &str = "1";
const ACTIVITY_TYPE: &str = "Activity";

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval: None,
            backoff_coefficient: DEFAULT_COEFFICIENT,
            maximum_interval: None,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
        }
    }
}

impl RetryPolicy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn to_proto(&self) -> ProtoRetryPolicy {
        ProtoRetryPolicy {
            initial_interval: self.initial_interval.map(clock::to_proto),
            backoff_coefficient: self.backoff_coefficient,
            maximum_interval: self.maximum_interval.map(clock::to_proto),
            maximum_attempts: i32::try_from(self.maximum_attempts).unwrap_or(i32::MAX),
            non_retryable_error_types: self.non_retryable_error_types.clone(),
        }
    }

    pub(crate) fn from_proto(policy: &ProtoRetryPolicy) -> Self {
        Self {
            initial_interval: set(policy.initial_interval.as_ref()),
            // The server takes zero for the default.
            backoff_coefficient: if policy.backoff_coefficient == 0.0 {
                DEFAULT_COEFFICIENT
            } else {
                policy.backoff_coefficient
            },
            maximum_interval: set(policy.maximum_interval.as_ref()),
            maximum_attempts: u32::try_from(policy.maximum_attempts).unwrap_or(0),
            non_retryable_error_types: policy.non_retryable_error_types.clone(),
        }
    }
}

impl ActivityOptions {
    pub(crate) fn to_proto(&self) -> ProtoActivityOptions {
        ProtoActivityOptions {
            schedule_to_close_timeout: self.schedule_to_close_timeout.map(clock::to_proto),
            schedule_to_start_timeout: self.schedule_to_start_timeout.map(clock::to_proto),
            start_to_close_timeout: self.start_to_close_timeout.map(clock::to_proto),
            heartbeat_timeout: self.heartbeat_timeout.map(clock::to_proto),
            retry_policy: Some(self.retry_policy.to_proto()),
            ..Default::default()
        }
    }

    pub(crate) fn from_proto(options: &ProtoActivityOptions) -> Self {
        Self {
            schedule_to_close_timeout: set(options.schedule_to_close_timeout.as_ref()),
            schedule_to_start_timeout: set(options.schedule_to_start_timeout.as_ref()),
            start_to_close_timeout: set(options.start_to_close_timeout.as_ref()),
            heartbeat_timeout: set(options.heartbeat_timeout.as_ref()),
            retry_policy: options.retry_policy.as_ref().map(RetryPolicy::from_proto).unwrap_or_default(),
        }
    }

    /// The options with which an activity was scheduled. The server has filled in and capped them.
    pub fn recorded(scheduled: &ActivityTaskScheduledEventAttributes) -> Self {
        Self::from_proto(&activity_options::of_event(scheduled))
    }

    /// The options as the server reads them, with everything filled in and capped, in a workflow with these timeouts.
    ///
    /// # Errors
    ///
    /// What the server would refuse, in its words.
    pub fn effective(&self, workflow: WorkflowTimeouts) -> Result<Self, InvalidOptions> {
        self.normalized(workflow).map(|options| Self::from_proto(&options))
    }

    pub(crate) fn normalized(
        &self,
        workflow: WorkflowTimeouts,
    ) -> Result<ProtoActivityOptions, InvalidOptions> {
        let mut options = self.to_proto();
        let run_timeout = workflow.effective_run_timeout().map(clock::to_proto).unwrap_or_default();
        activity_options::normalize_retry_policy(&mut options)
            .map_err(InvalidActivity::from)
            .and_then(|()| {
                activity_options::normalize_timeouts(ACTIVITY_ID, ACTIVITY_TYPE, &mut options, run_timeout)
            })
            .map_err(|invalid| InvalidOptions(invalid.to_string()))?;
        Ok(options)
    }
}

/// What the official SDK's options say of timeouts and retries.
impl From<&temporalio_sdk::ActivityOptions> for ActivityOptions {
    fn from(options: &temporalio_sdk::ActivityOptions) -> Self {
        Self {
            schedule_to_close_timeout: options.close_timeouts.schedule_to_close(),
            schedule_to_start_timeout: options.schedule_to_start_timeout,
            start_to_close_timeout: options.close_timeouts.start_to_close(),
            heartbeat_timeout: options.heartbeat_timeout,
            retry_policy: options
                .retry_policy
                .as_ref()
                .map(|policy| RetryPolicy::from_proto(policy.raw()))
                .unwrap_or_default(),
        }
    }
}

impl WorkflowTimeouts {
    /// The timeouts with which a run was started.
    pub fn recorded(started: &WorkflowExecutionStartedEventAttributes) -> Self {
        Self {
            execution_timeout: set(started.workflow_execution_timeout.as_ref()),
            run_timeout: set(started.workflow_run_timeout.as_ref()),
            task_timeout: set(started.workflow_task_timeout.as_ref()),
        }
    }

    /// How long a run may take: its run timeout, but no longer than the whole chain.
    pub fn effective_run_timeout(self) -> Option<Duration> {
        let capped = |timeout: Option<Duration>| {
            let mut timeout = timeout.map(clock::to_proto);
            // A duration of the standard library is never negative.
            let _ = durations::validate(timeout.as_mut());
            clock::duration(timeout.as_ref())
        };
        let timeout =
            workflow_timeouts::run_timeout(capped(self.run_timeout), capped(self.execution_timeout));
        Some(timeout).filter(|timeout| !timeout.is_zero())
    }
}

/// A timeout that is there, and not zero.
fn set(timeout: Option<&prost_types::Duration>) -> Option<Duration> {
    Some(clock::duration(timeout)).filter(|timeout| !timeout.is_zero())
}

fn is_default_coefficient(coefficient: &f64) -> bool {
    *coefficient == DEFAULT_COEFFICIENT
}

fn is_zero(attempts: &u32) -> bool {
    *attempts == 0
}
