//! Activities.

use temporalio_common::protos::{
    coresdk::{
        activity_result::{
            ActivityResolution, Cancellation, Failure as Failed, Success, activity_resolution::Status,
        },
        workflow_activation::ResolveActivity,
        workflow_commands::{ActivityCancellationType, ScheduleActivity},
    },
    temporal::api::{
        command::v1::{
            Command, RequestCancelActivityTaskCommandAttributes, command::Attributes as CommandAttributes,
            schedule_activity_cmd_to_api,
        },
        common::v1::ActivityType,
        enums::v1::{EventType, RetryState},
        failure::v1::{ActivityFailureInfo, CanceledFailureInfo, Failure, failure::FailureInfo},
        history::v1::{
            ActivityTaskCanceledEventAttributes, ActivityTaskFailedEventAttributes,
            ActivityTaskTimedOutEventAttributes, history_event::Attributes,
        },
    },
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    flags::Flag,
    machine::{
        Outbox, RecordedEvent, compare, single_payload, unexpected, unexpected_command, without_attributes,
    },
};

/// An activity that a worker runs.
#[derive(Debug)]
pub(super) struct Activity {
    seq: u32,
    activity_id: String,
    activity_type: String,
    cancellation_type: ActivityCancellationType,
    scheduled_event_id: i64,
    state: State,
    annotations: Annotations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Requested,
    Scheduled,
    Started,
    /// The workflow cancelled it; the command is on its way.
    CancelIssued {
        started: bool,
    },
    /// The server knows of the cancellation.
    CancelRequested {
        started: bool,
    },
    Cancelled,
    CancelledBeforeSent,
    Closed,
}

impl Activity {
    /// An activity and the command that schedules it.
    pub(super) fn new(
        schedule: ScheduleActivity,
        use_workflow_build_id: bool,
        annotations: Annotations,
    ) -> (Self, Command) {
        let activity = Self {
            seq: schedule.seq,
            activity_id: schedule.activity_id.clone(),
            activity_type: schedule.activity_type.clone(),
            cancellation_type: schedule.cancellation_type(),
            scheduled_event_id: 0,
            state: State::Requested,
            annotations: annotations.clone(),
        };
        let attributes = schedule_activity_cmd_to_api(schedule, use_workflow_build_id);
        (activity, annotations.command(attributes))
    }

    /// The workflow cancels the activity.
    ///
    /// An activity that is not sent yet is simply not sent. One that is abandoned runs on unattended. For the
    /// others the server is asked; unless the workflow waits for the outcome, it is told at once that the
    /// activity is cancelled.
    pub(super) fn cancel(&mut self, annotations: Annotations, out: &mut Outbox) -> Result<(), Error> {
        self.annotations.override_with(annotations);
        let started = match self.state {
            State::Cancelled | State::CancelledBeforeSent | State::Closed => return Ok(()),
            State::CancelIssued { .. } | State::CancelRequested { .. } => {
                return Err(unexpected_command(self.name(), self.state.describe()));
            }
            State::Requested => {
                self.state = State::CancelledBeforeSent;
                self.resolve_cancelled(&ActivityTaskCanceledEventAttributes::default(), out);
                return Ok(());
            }
            State::Scheduled => false,
            State::Started => true,
        };
        if self.cancellation_type == ActivityCancellationType::Abandon {
            self.state = State::Cancelled;
        } else {
            self.state = State::CancelIssued { started };
            out.commands.push(self.annotations.clone().command(
                CommandAttributes::RequestCancelActivityTaskCommandAttributes(
                    RequestCancelActivityTaskCommandAttributes {
                        scheduled_event_id: self.scheduled_event_id,
                    },
                ),
            ));
        }
        if self.cancellation_type != ActivityCancellationType::WaitCancellationCompleted {
            self.resolve_cancelled(&ActivityTaskCanceledEventAttributes::default(), out);
        }
        Ok(())
    }

    pub(super) fn handle_event(
        &mut self,
        recorded: RecordedEvent<'_>,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let at = EventRef::of(recorded.event);
        let attributes = recorded.event.attributes.as_ref().ok_or_else(|| without_attributes(at))?;
        let requested = matches!(self.state, State::CancelRequested { .. });
        let running = matches!(self.state, State::Started | State::CancelRequested { started: true });
        // A workflow that asked for cancellation without waiting has its answer already.
        let heard = requested && self.cancellation_type == ActivityCancellationType::TryCancel;
        let abandoned =
            self.state == State::Cancelled && self.cancellation_type == ActivityCancellationType::Abandon;
        match attributes {
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) if self.state == State::Requested => {
                if recorded.flags.try_use(Flag::IdAndTypeChecks, recorded.in_last_step) {
                    compare(at, "activity id", &scheduled.activity_id, &self.activity_id)?;
                    compare(
                        at,
                        "activity type",
                        name_of(scheduled.activity_type.as_ref()),
                        &self.activity_type,
                    )?;
                }
                self.scheduled_event_id = at.id;
                self.state = State::Scheduled;
            }
            Attributes::ActivityTaskStartedEventAttributes(_) => match self.state {
                State::Scheduled => self.state = State::Started,
                State::CancelRequested { started: false } => {
                    self.state = State::CancelRequested { started: true };
                }
                _ if abandoned => {}
                _ => return self.cannot_take(at),
            },
            Attributes::ActivityTaskCompletedEventAttributes(completed) if running => {
                self.state = State::Closed;
                if !heard {
                    let result = single_payload(at, completed.result.as_ref())?;
                    self.resolve(Status::Completed(Success { result }), out);
                }
            }
            Attributes::ActivityTaskCompletedEventAttributes(_) if abandoned => {}
            Attributes::ActivityTaskFailedEventAttributes(failed) if running => {
                self.state = State::Closed;
                if !heard {
                    let failure = self.failure_of(failed);
                    self.resolve(failed_with(failure), out);
                }
            }
            Attributes::ActivityTaskTimedOutEventAttributes(timed_out)
                if running || requested || self.state == State::Scheduled =>
            {
                self.state = State::Closed;
                if !heard {
                    let failure = self.timeout_of(timed_out);
                    self.resolve(failed_with(failure), out);
                }
            }
            Attributes::ActivityTaskCancelRequestedEventAttributes(_) => match self.state {
                State::CancelIssued { started } => self.state = State::CancelRequested { started },
                _ => return self.cannot_take(at),
            },
            Attributes::ActivityTaskCanceledEventAttributes(canceled) if requested => {
                self.state = State::Cancelled;
                if !heard {
                    self.resolve_cancelled(canceled, out);
                }
            }
            _ => return self.cannot_take(at),
        }
        Ok(())
    }

    pub(super) fn is_cancelled_before_sent(&self) -> bool {
        self.state == State::CancelledBeforeSent
    }

    fn resolve(&self, status: Status, out: &mut Outbox) {
        let result = Some(ActivityResolution { status: Some(status) });
        out.jobs.push(ResolveActivity { seq: self.seq, result, is_local: false }.into());
    }

    fn resolve_cancelled(&self, canceled: &ActivityTaskCanceledEventAttributes, out: &mut Outbox) {
        let cause = Failure {
            failure_info: Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo {
                details: canceled.details.clone(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let info = ActivityFailureInfo {
            scheduled_event_id: canceled.scheduled_event_id,
            started_event_id: canceled.started_event_id,
            identity: canceled.identity.clone(),
            retry_state: RetryState::CancelRequested.into(),
            ..self.info()
        };
        let failure = activity_failure("Activity cancelled", Some(cause), info);
        self.resolve(Status::Cancelled(Cancellation { failure: Some(failure) }), out);
    }

    fn failure_of(&self, failed: &ActivityTaskFailedEventAttributes) -> Failure {
        let info = ActivityFailureInfo {
            scheduled_event_id: failed.scheduled_event_id,
            started_event_id: failed.started_event_id,
            retry_state: failed.retry_state,
            identity: failed.identity.clone(),
            ..self.info()
        };
        activity_failure("Activity task failed", failed.failure.clone(), info)
    }

    fn timeout_of(&self, timed_out: &ActivityTaskTimedOutEventAttributes) -> Failure {
        let info = ActivityFailureInfo {
            scheduled_event_id: timed_out.scheduled_event_id,
            started_event_id: timed_out.started_event_id,
            retry_state: timed_out.retry_state,
            ..self.info()
        };
        activity_failure("Activity task timed out", timed_out.failure.clone(), info)
    }

    fn info(&self) -> ActivityFailureInfo {
        ActivityFailureInfo {
            activity_type: Some(ActivityType { name: self.activity_type.clone() }),
            activity_id: self.activity_id.clone(),
            ..Default::default()
        }
    }

    fn cannot_take(&self, event: EventRef) -> Result<(), Error> {
        debug_assert_ne!(event.event_type, EventType::Unspecified, "filtered before it gets here");
        Err(unexpected(event, self.name(), self.state.describe()))
    }

    fn name(&self) -> String {
        format!("activity {}", self.seq)
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Requested => "it is not recorded as scheduled",
            Self::Scheduled => "it is scheduled",
            Self::Started => "it is started",
            Self::CancelIssued { .. } => "its cancellation request is not recorded",
            Self::CancelRequested { .. } => "its cancellation is requested",
            Self::Cancelled | Self::CancelledBeforeSent => "it is cancelled",
            Self::Closed => "it is closed",
        }
    }
}

fn name_of(activity_type: Option<&ActivityType>) -> &str {
    activity_type.map_or("", |activity_type| &activity_type.name)
}

/// A failure of an activity as workflow code sees it, around what went wrong.
pub(super) fn activity_failure(message: &str, cause: Option<Failure>, info: ActivityFailureInfo) -> Failure {
    Failure {
        message: message.to_owned(),
        cause: cause.map(Box::new),
        failure_info: Some(FailureInfo::ActivityFailureInfo(info)),
        ..Default::default()
    }
}

fn failed_with(failure: Failure) -> Status {
    Status::Failed(Failed { failure: Some(failure), ..Default::default() })
}
