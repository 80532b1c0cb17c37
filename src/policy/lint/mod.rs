//! Settings that cannot mean what they say.
//!
//! A [`Linter`] reads the options of activities and workflows and finds those that the server refuses, those that it
//! silently turns into something else, and those that can never have an effect. Each [`Finding`] has the numbers and
//! the way out.
//!
//! ```
//! use std::time::Duration;
//! use temporal_sim::policy::{ActivityOptions, RetryPolicy, lint::{Linter, Rule}};
//!
//! let options = ActivityOptions {
//!     schedule_to_close_timeout: Some(Duration::from_secs(10)),
//!     retry_policy: RetryPolicy { maximum_attempts: 10, ..Default::default() },
//!     ..Default::default()
//! };
//! let findings = Linter::default().activity("charge", &options);
//! assert_eq!(findings[0].rule, Rule::AttemptsCutByDeadline);
//! assert_eq!(
//!     findings[0].to_string(),
//!     "charge: of the 10 attempts only 4 fit into the schedule-to-close timeout of 10s, even if each fails at once: \
//!      the backoff of 8s after attempt 4 would end after 15s\n  fix: let maximum_attempts be 4, or \
//!      schedule_to_close_timeout at least 5m 27s [attempts-cut-by-deadline]"
//! );
//! ```

mod activity;
mod history;
mod workflow;

use std::{collections::BTreeSet, fmt, time::Duration};

use super::WorkflowTimeouts;

/// Reads settings. What it knows of the code around them it has to be told.
#[derive(Debug, Clone, Default)]
pub struct Linter {
    workflow: WorkflowTimeouts,
    thrown: Option<BTreeSet<String>>,
    slowest_success: Option<Duration>,
    heartbeat_interval: Option<Duration>,
    allowed: BTreeSet<Rule>,
}

impl Linter {
    /// The timeouts of the workflow around the activities. Default: none.
    #[must_use]
    pub fn workflow_timeouts(mut self, workflow: WorkflowTimeouts) -> Self {
        self.workflow = workflow;
        self
    }

    /// All types of application failures that the activities return. Default: not known.
    #[must_use]
    pub fn throws<T: Into<String>>(mut self, error_types: impl IntoIterator<Item = T>) -> Self {
        self.thrown = Some(error_types.into_iter().map(Into::into).collect());
        self
    }

    /// How long an attempt takes that succeeds, at the longest. Default: not known.
    #[must_use]
    pub fn slowest_success(mut self, duration: Duration) -> Self {
        self.slowest_success = Some(duration);
        self
    }

    /// How often the activities heartbeat. Default: not known.
    #[must_use]
    pub fn heartbeats_every(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = Some(interval);
        self
    }

    /// Reports nothing of this rule.
    #[must_use]
    pub fn allow(mut self, rule: Rule) -> Self {
        self.allowed.insert(rule);
        self
    }

    fn without_allowed(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        findings.retain(|finding| !self.allowed.contains(&finding.rule));
        findings
    }
}

/// A setting that cannot mean what it says.
///
/// Its [`Display`](fmt::Display) form is the problem, and in a second line the fix and the name of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule found it.
    pub rule: Rule,
    /// What it is about, for example an activity type.
    pub subject: String,
    /// What is wrong, with the numbers.
    pub problem: String,
    /// What to set instead.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, subject, problem, fix } = self;
        write!(f, "{subject}: {problem}\n  fix: {fix} [{rule}]")
    }
}

/// What a [`Linter`] looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The server refuses the options.
    Refused,
    /// The start-to-close timeout is longer than the schedule-to-close timeout, which caps it.
    StartToCloseAboveScheduleToClose,
    /// The schedule-to-start timeout is longer than the schedule-to-close timeout, which caps it.
    ScheduleToStartAboveScheduleToClose,
    /// A timeout of the activity is longer than the workflow's run timeout, which caps it.
    TimeoutAboveRunTimeout,
    /// The heartbeat timeout is not below the start-to-close timeout, which expires first.
    HeartbeatNotBelowStartToClose,
    /// Nothing ends the retries of a permanent failure.
    UnlimitedRetries,
    /// The deadline comes before the maximum number of attempts.
    AttemptsCutByDeadline,
    /// After a start-to-close timeout there is never time for a retry.
    NoTimeToRetryTimeout,
    /// No backoff is as long as the maximum interval.
    MaximumIntervalNeverReached,
    /// There is one attempt, so that intervals and non-retryable types say nothing.
    RetryPolicyNeverUsed,
    /// The non-retryable types have one that the code never throws.
    NonRetryableTypeNeverThrown,
    /// The non-retryable types have a timeout that is never retried anyway.
    NonRetryableTimeoutNeverRetried,
    /// A successful attempt takes longer than the start-to-close timeout.
    SlowestSuccessAboveStartToClose,
    /// The activity heartbeats too seldom for its heartbeat timeout.
    HeartbeatIntervalNotBelowTimeout,
    /// The activity heartbeats, but nobody notices when it stops.
    HeartbeatWithoutTimeout,
    /// The workflow's run timeout is longer than its execution timeout, which caps it.
    RunTimeoutAboveExecutionTimeout,
    /// The workflow task timeout is above what the server allows or above the run timeout, which caps it.
    TaskTimeoutCapped,
    /// The workflow is retried for ever.
    UnlimitedWorkflowRetries,
}

impl Rule {
    /// Its name: `unlimited-retries` and the like.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::StartToCloseAboveScheduleToClose => "start-to-close-above-schedule-to-close",
            Self::ScheduleToStartAboveScheduleToClose => "schedule-to-start-above-schedule-to-close",
            Self::TimeoutAboveRunTimeout => "timeout-above-run-timeout",
            Self::HeartbeatNotBelowStartToClose => "heartbeat-not-below-start-to-close",
            Self::UnlimitedRetries => "unlimited-retries",
            Self::AttemptsCutByDeadline => "attempts-cut-by-deadline",
            Self::NoTimeToRetryTimeout => "no-time-to-retry-timeout",
            Self::MaximumIntervalNeverReached => "maximum-interval-never-reached",
            Self::RetryPolicyNeverUsed => "retry-policy-never-used",
            Self::NonRetryableTypeNeverThrown => "non-retryable-type-never-thrown",
            Self::NonRetryableTimeoutNeverRetried => "non-retryable-timeout-never-retried",
            Self::SlowestSuccessAboveStartToClose => "slowest-success-above-start-to-close",
            Self::HeartbeatIntervalNotBelowTimeout => "heartbeat-interval-not-below-timeout",
            Self::HeartbeatWithoutTimeout => "heartbeat-without-timeout",
            Self::RunTimeoutAboveExecutionTimeout => "run-timeout-above-execution-timeout",
            Self::TaskTimeoutCapped => "task-timeout-capped",
            Self::UnlimitedWorkflowRetries => "unlimited-workflow-retries",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Collects findings about one subject.
struct Findings<'a> {
    subject: &'a str,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    fn about(subject: &'a str) -> Self {
        Self { subject, found: Vec::new() }
    }

    fn add(&mut self, rule: Rule, problem: String, fix: impl Into<String>) {
        self.found.push(Finding { rule, subject: self.subject.to_owned(), problem, fix: fix.into() });
    }
}

#[cfg(test)]
mod tests;
