//! Closing an activity: the events that end one, and what a worker's answer leads to.

use temporalio_common::protos::temporal::api::{
    common::v1::Payloads,
    failure::v1::Failure,
    history::v1::{
        ActivityTaskCanceledEventAttributes, ActivityTaskCompletedEventAttributes,
        ActivityTaskFailedEventAttributes, ActivityTaskStartedEventAttributes, history_event::Attributes,
    },
};

use super::retry::NextStep;
use crate::cluster::{
    error::Error,
    execution::{BUFFERED_EVENT_ID, Event, Transaction},
};

impl Transaction<'_> {
    /// The activity succeeded.
    pub(crate) fn complete_activity(
        &mut self,
        scheduled_event_id: i64,
        result: Option<Payloads>,
        identity: &str,
    ) {
        self.close_activity(scheduled_event_id, |started_event_id| {
            Attributes::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
                result,
                scheduled_event_id,
                started_event_id,
                identity: identity.to_owned(),
                ..Default::default()
            })
        });
        self.need_workflow_task();
    }

    /// The attempt failed: the activity is retried or closes. `heartbeat_details` that come with the failure count as
    /// a heartbeat.
    pub(crate) fn fail_activity(
        &mut self,
        scheduled_event_id: i64,
        failure: Option<Failure>,
        heartbeat_details: Option<Payloads>,
        identity: &str,
    ) {
        let now = self.now;
        if heartbeat_details.is_some() {
            self.record_heartbeat(scheduled_event_id, heartbeat_details);
        }
        let next = self.run.activities.update(scheduled_event_id, |activity| {
            activity.last_attempt_complete_time = Some(now);
            activity.after_failure(failure.as_ref(), now)
        });
        match next {
            None => {}
            Some(NextStep::Close(retry_state)) => {
                self.close_activity(scheduled_event_id, |started_event_id| {
                    Attributes::ActivityTaskFailedEventAttributes(ActivityTaskFailedEventAttributes {
                        failure,
                        scheduled_event_id,
                        started_event_id,
                        identity: identity.to_owned(),
                        retry_state: retry_state.into(),
                        ..Default::default()
                    })
                });
                self.need_workflow_task();
            }
            Some(next) => self.retry_activity(scheduled_event_id, &next, failure),
        }
    }

    /// The worker gave in to the request for cancellation.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the workflow did not request it.
    pub(crate) fn cancel_activity(
        &mut self,
        scheduled_event_id: i64,
        details: Option<Payloads>,
        identity: &str,
    ) -> Result<(), Error> {
        let requested = self
            .run
            .activities
            .get(scheduled_event_id)
            .and_then(|activity| activity.cancel_requested_event_id);
        let latest_cancel_requested_event_id = requested.ok_or_else(|| {
            Error::invalid_argument(
                "unable to mark activity as canceled without activity being request canceled first",
            )
        })?;
        self.close_canceled_activity(scheduled_event_id, latest_cancel_requested_event_id, details, identity);
        self.need_workflow_task();
        Ok(())
    }

    /// Closes an activity as canceled.
    pub(super) fn close_canceled_activity(
        &mut self,
        scheduled_event_id: i64,
        latest_cancel_requested_event_id: i64,
        details: Option<Payloads>,
        identity: &str,
    ) {
        self.close_activity(scheduled_event_id, |started_event_id| {
            Attributes::ActivityTaskCanceledEventAttributes(ActivityTaskCanceledEventAttributes {
                details,
                latest_cancel_requested_event_id,
                scheduled_event_id,
                started_event_id,
                identity: identity.to_owned(),
                ..Default::default()
            })
        });
    }

    /// Turns the failed attempt into the next one and sees to it that it is put on its task queue.
    pub(super) fn retry_activity(
        &mut self,
        scheduled_event_id: i64,
        next: &NextStep,
        failure: Option<Failure>,
    ) {
        let now = self.now;
        let retried = self
            .run
            .activities
            .update(scheduled_event_id, |activity| activity.retry(scheduled_event_id, next, failure, now));
        self.run.retried_attempts.extend(retried);
        if matches!(next, NextStep::Retry(_)) {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
    }

    /// Writes the event that closes an activity, behind an ActivityTaskStarted event if its last attempt was started.
    /// `closing` makes it from the id of that event, which is 0 if there is none.
    ///
    /// The workflow has to see it: [`Self::need_workflow_task`] has to follow.
    pub(super) fn close_activity(
        &mut self,
        scheduled_event_id: i64,
        closing: impl FnOnce(i64) -> Attributes,
    ) {
        let Some(activity) = self.run.activities.remove(scheduled_event_id) else { return };
        let started_event_id = match activity.started {
            None => 0,
            Some(started) => {
                let attributes = ActivityTaskStartedEventAttributes {
                    scheduled_event_id,
                    identity: started.identity,
                    request_id: started.request_id,
                    attempt: activity.attempt,
                    last_failure: activity.last_failure,
                    worker_version: started.worker_version,
                    ..Default::default()
                };
                self.add_event(
                    Event::new(Attributes::ActivityTaskStartedEventAttributes(attributes)).at(started.time),
                );
                BUFFERED_EVENT_ID
            }
        };
        self.add(closing(started_event_id));
    }
}
