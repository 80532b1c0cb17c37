//! Changing the options of a pending activity. No event is written.

use std::time::Duration;

use temporalio_common::protos::temporal::api::activity::v1::ActivityOptions;

use super::{options, pending::PendingActivity, start::scheduled_attributes};
use crate::{
    clock::Time,
    cluster::{Error, execution::Transaction, retry},
};

impl Transaction<'_> {
    /// The options that an activity would have if those that the mask names were set, or, without changes, those with
    /// which it was scheduled. Paths of the mask that name no option are passed over.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if a command with these options would be refused, or if the mask names a part of something that
    /// the changes leave out.
    pub(super) fn changed_activity_options(
        &self,
        scheduled_event_id: i64,
        changes: Option<(&ActivityOptions, &[String])>,
    ) -> Result<ActivityOptions, Error> {
        let Some(activity) = self.run.activities.get(scheduled_event_id) else {
            return Ok(ActivityOptions::default());
        };
        let Some((changes, mask)) = changes else {
            let scheduled = scheduled_attributes(self.run, scheduled_event_id);
            let mut options = scheduled.map_or_else(|| activity.options.clone(), options::of_event);
            if let Some(task_queue) = &mut options.task_queue {
                task_queue.kind = 0;
            }
            return Ok(options);
        };
        let mut changed = activity.options.clone();
        let paths: Vec<_> = mask.iter().map(|path| camel_case(path)).collect();
        for path in &paths {
            merge(&mut changed, changes, path)?;
        }
        if paths.iter().any(|path| path == "retryPolicy" || path.starts_with("retryPolicy."))
            && let Some(policy) = &mut changed.retry_policy
        {
            retry::validate(policy).map_err(|invalid| Error::invalid_argument(invalid.to_string()))?;
        }
        // The retry policy stays as it was merged: a policy with a part missing is not filled up with defaults.
        let retry_policy = changed.retry_policy.take();
        options::normalize(
            &activity.activity_id,
            &activity.activity_type,
            &mut changed,
            None,
            self.limits().id_length,
        )
        .map_err(|invalid| Error::invalid_argument(invalid.to_string()))?;
        changed.retry_policy = retry_policy;
        Ok(changed)
    }

    /// Puts a waiting attempt on its task queue once more, as if it had been scheduled later by so much.
    pub(in crate::cluster::execution) fn reschedule_activity(
        &mut self,
        scheduled_event_id: i64,
        delay: Duration,
    ) {
        let now = self.now;
        let waits = self.run.activities.update(scheduled_event_id, |activity| {
            activity.change_stamp();
            activity.scheduled_time = if activity.scheduled_time <= now {
                (activity.scheduled_time + delay).min(now)
            } else {
                activity.scheduled_time
            };
            activity.pause.is_none()
        });
        if waits == Some(true) {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
    }

    /// Gives an activity these options, and answers what a caller is told of them; `None` if it is not pending.
    pub(super) fn change_activity_options(
        &mut self,
        scheduled_event_id: i64,
        options: ActivityOptions,
    ) -> Option<ActivityOptions> {
        let waits = self.run.activities.update(scheduled_event_id, |activity| {
            activity.set_options(options);
            let waits = activity.waits();
            if waits {
                activity.reschedule(activity.scheduled_time_by_policy());
            }
            waits
        })?;
        if waits {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
        let activity = self.run.activities.get(scheduled_event_id)?;
        let mut options = activity.options.clone();
        if let Some(policy) = &mut options.retry_policy {
            policy.non_retryable_error_types.clear();
        }
        Some(options)
    }
}

impl PendingActivity {
    /// Changes the options. The types of failures that are not retried stay as the command gave them, and so does the
    /// instant after which there is no retry.
    pub(super) fn set_options(&mut self, mut options: ActivityOptions) {
        if let (Some(new), Some(present)) = (&mut options.retry_policy, &mut self.options.retry_policy) {
            new.non_retryable_error_types = std::mem::take(&mut present.non_retryable_error_types);
        }
        self.options = options;
        self.change_stamp();
    }

    /// When the waiting attempt is due under the present retry policy. The interval is that which follows the *coming*
    /// attempt, so a retry waits longer than it would have without a change.
    fn scheduled_time_by_policy(&self) -> Time {
        match &self.options.retry_policy {
            Some(policy) if self.attempt > 1 => {
                let interval = retry::interval_after(policy, self.attempt);
                if interval.is_zero() {
                    return self.scheduled_time;
                }
                self.last_attempt_complete_time.unwrap_or_default() + interval
            }
            _ => self.scheduled_time,
        }
    }
}

/// Sets the option at `path`, which is spelt as in JSON.
fn merge(options: &mut ActivityOptions, changes: &ActivityOptions, path: &str) -> Result<(), Error> {
    let missing = |what: &str| Error::invalid_argument(format!("{what} is not provided"));
    match path.split_once('.').unwrap_or((path, "")) {
        ("taskQueue", "name") => {
            let queue = changes.task_queue.as_ref().ok_or_else(|| missing("TaskQueue"))?;
            options.task_queue.get_or_insert_default().name.clone_from(&queue.name);
        }
        ("scheduleToCloseTimeout", "") => {
            options.schedule_to_close_timeout = changes.schedule_to_close_timeout
        }
        ("scheduleToStartTimeout", "") => {
            options.schedule_to_start_timeout = changes.schedule_to_start_timeout
        }
        ("startToCloseTimeout", "") => options.start_to_close_timeout = changes.start_to_close_timeout,
        ("heartbeatTimeout", "") => options.heartbeat_timeout = changes.heartbeat_timeout,
        ("priority", "") => options.priority.clone_from(&changes.priority),
        ("priority", part) => {
            let from = changes.priority.as_ref();
            let into = &mut options.priority;
            match part {
                "priorityKey" => {
                    into.get_or_insert_default().priority_key =
                        from.ok_or_else(|| missing("Priority"))?.priority_key;
                }
                "fairnessKey" => {
                    into.get_or_insert_default().fairness_key =
                        from.ok_or_else(|| missing("Priority"))?.fairness_key.clone();
                }
                "fairnessWeight" => {
                    into.get_or_insert_default().fairness_weight =
                        from.ok_or_else(|| missing("Priority"))?.fairness_weight;
                }
                _ => {}
            }
        }
        (
            "retryPolicy",
            part @ ("" | "initialInterval" | "backoffCoefficient" | "maximumInterval" | "maximumAttempts"),
        ) => {
            let from = changes.retry_policy.as_ref().ok_or_else(|| missing("RetryPolicy"))?;
            let into = options.retry_policy.get_or_insert_default();
            match part {
                "initialInterval" => into.initial_interval = from.initial_interval,
                "backoffCoefficient" => into.backoff_coefficient = from.backoff_coefficient,
                "maximumInterval" => into.maximum_interval = from.maximum_interval,
                "maximumAttempts" => into.maximum_attempts = from.maximum_attempts,
                _ => into.clone_from(from),
            }
        }
        _ => {}
    }
    Ok(())
}

/// `retry_policy.maximum_attempts` as JSON spells it: `retryPolicy.maximumAttempts`.
fn camel_case(path: &str) -> String {
    let mut after_underscore = false;
    path.chars()
        .filter_map(|character| {
            let upper = std::mem::replace(&mut after_underscore, character == '_');
            match character {
                '_' => None,
                _ if upper => Some(character.to_ascii_uppercase()),
                _ => Some(character),
            }
        })
        .collect()
}
