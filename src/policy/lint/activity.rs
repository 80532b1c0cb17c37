//! The rules for activities.

use std::time::Duration;

use temporalio_common::protos::temporal::api::enums::v1::{RetryState, TimeoutType};

use super::{Finding, Findings, Linter, Rule};
use crate::{
    policy::{ActivityOptions, AttemptOutcome, FinalOutcome, Model, Prediction, RetryPolicy, text},
    rules::retry,
};

/// The interval that the server takes if none is set.
const DEFAULT_INITIAL_INTERVAL: Duration = Duration::from_secs(1);

/// How many attempts are looked at.
const ATTEMPTS: u32 = 1_000;

/// How the non-retryable types name a timeout.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";

impl Linter {
    /// What cannot be meant about the options of an activity. The subject is what the findings call it.
    pub fn activity(&self, subject: &str, options: &ActivityOptions) -> Vec<Finding> {
        let mut findings = Findings::about(subject);
        if let Err(refused) = options.effective(self.workflow) {
            findings.add(
                Rule::Refused,
                format!("the server refuses this: {refused}"),
                "set what it asks for",
            );
            return self.without_allowed(findings.found);
        }
        self.caps(options, &mut findings);
        self.retries(options, &mut findings);
        retry_policy_of_one_attempt(&options.retry_policy, &mut findings);
        self.non_retryable_types(&options.retry_policy, &mut findings);
        self.knowledge(options, &mut findings);
        self.without_allowed(findings.found)
    }

    /// Timeouts that another one makes shorter than they say.
    fn caps(&self, options: &ActivityOptions, findings: &mut Findings<'_>) {
        let named = [
            (
                "start_to_close_timeout",
                options.start_to_close_timeout,
                Some(Rule::StartToCloseAboveScheduleToClose),
            ),
            (
                "schedule_to_start_timeout",
                options.schedule_to_start_timeout,
                Some(Rule::ScheduleToStartAboveScheduleToClose),
            ),
            ("schedule_to_close_timeout", options.schedule_to_close_timeout, None),
        ];
        for (name, timeout, rule) in named {
            let Some(timeout) = set(timeout) else { continue };
            if let Some(whole) = set(options.schedule_to_close_timeout)
                && let Some(rule) = rule
                && timeout > whole
            {
                findings.add(
                    rule,
                    format!(
                        "{name} is {}, and the server cuts it to the schedule_to_close_timeout of {}",
                        text(timeout),
                        text(whole)
                    ),
                    format!("let {name} be less than {}, or schedule_to_close_timeout longer", text(whole)),
                );
            } else if let Some(run) = self.workflow.effective_run_timeout()
                && timeout > run
            {
                findings.add(
                    Rule::TimeoutAboveRunTimeout,
                    format!(
                        "{name} is {}, and the workflow's run times out after {}",
                        text(timeout),
                        text(run)
                    ),
                    format!("let {name} be less than {}", text(run)),
                );
            }
        }
        let whole = [set(options.start_to_close_timeout), set(options.schedule_to_close_timeout)];
        if let Some(heartbeat) = set(options.heartbeat_timeout)
            && let Some(longest) = whole.into_iter().flatten().min()
            && heartbeat >= longest
        {
            findings.add(
                Rule::HeartbeatNotBelowStartToClose,
                format!(
                    "heartbeat_timeout is {}, and an attempt may take no more than {}: a lost worker is never noticed \
                     by its heartbeats",
                    text(heartbeat),
                    text(longest)
                ),
                format!("let heartbeat_timeout be a fraction of {}, or leave it out", text(longest)),
            );
        }
    }

    /// Attempts, intervals and deadlines that do not go together.
    fn retries(&self, options: &ActivityOptions, findings: &mut Findings<'_>) {
        let policy = &options.retry_policy;
        if policy.maximum_attempts == 1 {
            return;
        }
        let Some(failing) = self.failing_at_once(options) else { return };
        let ends = self.workflow.effective_run_timeout().or(set(options.schedule_to_close_timeout));
        if policy.maximum_attempts == 0 && ends.is_none() {
            findings.add(
                Rule::UnlimitedRetries,
                format!(
                    "a permanent failure is retried for ever, {}",
                    longest_backoff(&failing).map_or_else(
                        || "without an end".to_owned(),
                        |longest| format!("in the end every {}", text(longest))
                    )
                ),
                "set schedule_to_close_timeout, maximum_attempts or the workflow's run timeout",
            );
        }
        self.attempts_cut_by_deadline(options, &failing, findings);
        if let (Some(start), Some(whole)) =
            (set(options.start_to_close_timeout), set(options.schedule_to_close_timeout))
            && start <= whole
        {
            let first = first_interval(policy);
            if start.saturating_add(first) > whole {
                findings.add(
                    Rule::NoTimeToRetryTimeout,
                    format!(
                        "an attempt that times out after {} is never retried: with the backoff of {} the next one \
                         would begin after the schedule_to_close_timeout of {}",
                        text(start),
                        text(first),
                        text(whole)
                    ),
                    format!(
                        "let schedule_to_close_timeout be more than {}, or start_to_close_timeout less than {}",
                        text(start.saturating_add(first)),
                        text(whole.saturating_sub(first))
                    ),
                );
            }
        }
        maximum_interval(policy, &failing, findings);
    }

    fn attempts_cut_by_deadline(
        &self,
        options: &ActivityOptions,
        failing: &Prediction,
        findings: &mut Findings<'_>,
    ) {
        let wanted = options.retry_policy.maximum_attempts;
        let fitting = failing.attempts.len();
        let FinalOutcome::Failed { retry_state: RetryState::Timeout, .. } = failing.outcome else { return };
        let effective = options.effective(self.workflow).ok();
        let Some(whole) = effective.and_then(|effective| effective.schedule_to_close_timeout) else { return };
        if usize::try_from(wanted).is_ok_and(|wanted| wanted <= fitting) {
            return;
        }
        let ended = failing.attempts.last().and_then(|last| last.ended).unwrap_or_default();
        let backoff = interval(&options.retry_policy, fitting);
        let undisturbed = ActivityOptions {
            schedule_to_close_timeout: None,
            start_to_close_timeout: Some(whole),
            ..options.clone()
        };
        let enough = Self::default()
            .failing_at_once(&undisturbed)
            .filter(|_| wanted <= ATTEMPTS)
            .and_then(|all| all.closed_after)
            .map(|all| format!(", or schedule_to_close_timeout at least {}", text(all)));
        findings.add(
            Rule::AttemptsCutByDeadline,
            format!(
                "of the {wanted} attempts only {fitting} fit into the schedule-to-close timeout of {}, even if each \
                 fails at once: the backoff of {} after attempt {fitting} would end after {}",
                text(whole),
                text(backoff),
                text(ended.saturating_add(backoff))
            ),
            format!("let maximum_attempts be {fitting}{}", enough.unwrap_or_default()),
        );
    }

    /// What becomes of the activity if each attempt fails as soon as it starts.
    fn failing_at_once(&self, options: &ActivityOptions) -> Option<Prediction> {
        let mut options = options.clone();
        options.retry_policy.non_retryable_error_types.clear();
        let model = Model::new(options).workflow_timeouts(self.workflow).most_attempts(ATTEMPTS);
        model.predict(&[AttemptOutcome::fail("an error")]).ok()
    }

    fn non_retryable_types(&self, policy: &RetryPolicy, findings: &mut Findings<'_>) {
        for listed in &policy.non_retryable_error_types {
            if let Some(timeout) = listed.strip_prefix(TIMEOUT_PREFIX) {
                let is_retried = [TimeoutType::StartToClose, TimeoutType::Heartbeat]
                    .into_iter()
                    .any(|retried| timeout == retry::timeout_name(retried));
                if !is_retried {
                    findings.add(
                        Rule::NonRetryableTimeoutNeverRetried,
                        format!("{listed} in non_retryable_error_types has no effect"),
                        format!(
                            "remove it: only {TIMEOUT_PREFIX}StartToClose and {TIMEOUT_PREFIX}Heartbeat, spelt so, \
                             are looked at; the other timeouts are never retried"
                        ),
                    );
                }
            } else if let Some(thrown) = &self.thrown
                && !thrown.contains(listed)
            {
                let known = thrown.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                findings.add(
                    Rule::NonRetryableTypeNeverThrown,
                    format!(
                        "{listed:?} in non_retryable_error_types is never thrown; the code throws: {known}"
                    ),
                    "remove it, or spell it as the code does",
                );
            }
        }
    }

    /// What contradicts what is known of the code.
    fn knowledge(&self, options: &ActivityOptions, findings: &mut Findings<'_>) {
        let longest = [
            ("start_to_close_timeout", set(options.start_to_close_timeout)),
            ("schedule_to_close_timeout", set(options.schedule_to_close_timeout)),
        ];
        if let Some(slowest) = self.slowest_success
            && let Some((name, longest)) = longest
                .into_iter()
                .filter_map(|(name, timeout)| Some((name, timeout?)))
                .min_by_key(|&(_, timeout)| timeout)
            && slowest > longest
        {
            findings.add(
                Rule::SlowestSuccessAboveStartToClose,
                format!(
                    "{name} is {}, and an attempt that would succeed may take {}: it is cut off and done again",
                    text(longest),
                    text(slowest)
                ),
                format!("let {name} be more than {}", text(slowest)),
            );
        }
        match (self.heartbeat_interval, set(options.heartbeat_timeout)) {
            (Some(interval), Some(timeout)) if interval >= timeout => findings.add(
                Rule::HeartbeatIntervalNotBelowTimeout,
                format!(
                    "heartbeat_timeout is {}, and the activity heartbeats every {}: it is taken for dead while it works",
                    text(timeout),
                    text(interval)
                ),
                format!("let heartbeat_timeout be a multiple of {}", text(interval)),
            ),
            (Some(interval), None) => findings.add(
                Rule::HeartbeatWithoutTimeout,
                format!(
                    "the activity heartbeats every {}, and without a heartbeat_timeout nobody notices when it stops",
                    text(interval)
                ),
                format!("set heartbeat_timeout to a multiple of {}", text(interval)),
            ),
            _ => {}
        }
    }
}

fn maximum_interval(policy: &RetryPolicy, failing: &Prediction, findings: &mut Findings<'_>) {
    let Some(maximum) = set(policy.maximum_interval) else { return };
    let grows_on = failing.outcome == FinalOutcome::Open && policy.backoff_coefficient > 1.0;
    let Some(longest) = longest_backoff(failing).filter(|&longest| longest < maximum && !grows_on) else {
        return;
    };
    let why = if policy.backoff_coefficient == 1.0 {
        "the backoff_coefficient of 1 lets no backoff grow".to_owned()
    } else {
        format!("there are {} attempts at most", failing.attempts.len())
    };
    findings.add(
        Rule::MaximumIntervalNeverReached,
        format!("maximum_interval is {}, and the longest backoff is {}: {why}", text(maximum), text(longest)),
        format!("leave maximum_interval out, or let it be less than {}", text(longest)),
    );
}

fn retry_policy_of_one_attempt(policy: &RetryPolicy, findings: &mut Findings<'_>) {
    let says_more = RetryPolicy { maximum_attempts: 0, ..policy.clone() } != RetryPolicy::default();
    if policy.maximum_attempts == 1 && says_more {
        findings.add(
            Rule::RetryPolicyNeverUsed,
            "maximum_attempts is 1, so that nothing else in the retry policy has an effect".to_owned(),
            "leave out the rest of the retry policy, or let maximum_attempts be more than 1",
        );
    }
}

fn longest_backoff(prediction: &Prediction) -> Option<Duration> {
    prediction.attempts.iter().filter_map(|attempt| attempt.backoff).max()
}

fn first_interval(policy: &RetryPolicy) -> Duration {
    set(policy.initial_interval).unwrap_or(DEFAULT_INITIAL_INTERVAL)
}

/// The backoff after an attempt, whatever else is considered.
fn interval(policy: &RetryPolicy, attempt: usize) -> Duration {
    let mut policy = policy.to_proto();
    retry::fill_defaults(&mut policy);
    retry::interval_after(&policy, i32::try_from(attempt).unwrap_or(i32::MAX))
}

/// A timeout of zero is none.
fn set(timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| !timeout.is_zero())
}
