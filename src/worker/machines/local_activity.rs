//! One local activity: scheduled by the workflow, run by the worker itself, recorded as a marker.

use temporalio_common::protos::{
    constants::LOCAL_ACTIVITY_MARKER_NAME,
    coresdk::{
        activity_result::{
            ActivityResolution, Cancellation, DoBackoff, Failure as Failed, Success,
            activity_resolution::Status,
        },
        common::{
            build_local_activity_marker_details, extract_local_activity_marker_data,
            extract_local_activity_marker_details,
        },
        external_data::LocalActivityMarkerData,
        workflow_activation::ResolveActivity,
        workflow_commands::ActivityCancellationType,
    },
    temporal::api::{
        command::v1::{Command, RecordMarkerCommandAttributes, command::Attributes as CommandAttributes},
        common::v1::{ActivityType, Payload, Payloads},
        enums::v1::RetryState,
        failure::v1::{ActivityFailureInfo, Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    Error, EventRef, LocalActivity, LocalActivityOutcome, LocalActivityResult, Mismatch, Nondeterminism,
    activity::activity_failure,
    annotations::Annotations,
    flags::Flag,
    machine::{Outbox, RecordedEvent, compare, unexpected, unexpected_command},
};
use crate::clock::{Time, to_proto};

/// A local activity.
#[derive(Debug)]
pub(super) struct LocalActivityMachine {
    pub(super) activity: LocalActivity,
    include_arguments_in_marker: bool,
    /// Whether the workflow scheduled it while it followed history, so that its marker is there already.
    replayed: bool,
    scheduled_at: Option<Time>,
    state: State,
    annotations: Annotations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The worker runs it.
    Running,
    /// It is resolved; its marker is among the commands of this activation.
    Resolved(Kind),
    /// Its marker goes with the next completion, or is to be matched.
    MarkerQueued(Kind),
    /// It was scheduled during replay, and its marker has not been seen yet.
    AwaitingMarker,
    /// Its marker was seen ahead of its turn.
    ResolvedByMarker,
    /// Its marker's turn came.
    Recorded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Completed,
    Failed,
    Cancelled,
}

/// How a local activity was resolved, by the worker or by its marker.
#[derive(Debug, Clone)]
pub(super) struct Resolution {
    pub(super) outcome: LocalActivityOutcome,
    /// When the workflow thinks that it ended; `None` leaves the workflow's time alone.
    complete_time: Option<Time>,
    attempt: u32,
    backoff: Option<prost_types::Duration>,
    original_schedule_time: Option<Time>,
    activation_index: Option<u64>,
}

/// What a resolution does beyond the [`Outbox`].
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// The workflow's time moves on to this.
    pub(super) time: Option<Time>,
    /// The workflow no longer cares, so the activity is not outstanding any more.
    pub(super) abandoned: bool,
}

impl LocalActivityMachine {
    pub(super) fn new(
        activity: LocalActivity,
        include_arguments_in_marker: bool,
        replaying: bool,
        now_in_workflow: Option<Time>,
        annotations: Annotations,
    ) -> Self {
        Self {
            activity,
            include_arguments_in_marker,
            replayed: replaying,
            scheduled_at: now_in_workflow,
            state: if replaying { State::AwaitingMarker } else { State::Running },
            annotations,
        }
    }

    /// Whether a marker seen ahead resolves it.
    pub(super) fn awaits_marker(&self) -> bool {
        self.state == State::AwaitingMarker
    }

    /// Replay is over and no marker was found: the worker has to run it. Returns whether that is so.
    pub(super) fn replay_ended(&mut self) -> bool {
        let runs = self.awaits_marker();
        if runs {
            self.state = State::Running;
            self.replayed = false;
        }
        runs
    }

    /// The worker ran it.
    pub(super) fn resolve(
        &mut self,
        result: LocalActivityResult,
        activation_index: u64,
        out: &mut Outbox,
    ) -> Result<Resolved, Error> {
        match self.state {
            State::Running => {}
            // It was resolved before, by a cancellation that did not wait.
            State::Resolved(_) | State::MarkerQueued(_) | State::Recorded => return Ok(Resolved::default()),
            State::AwaitingMarker | State::ResolvedByMarker => {
                return Err(unexpected_command(self.name(), self.state.describe()));
            }
        }
        let resolution = Resolution {
            outcome: result.outcome,
            complete_time: self.scheduled_at.map(|at| at + result.runtime),
            attempt: result.attempt,
            backoff: result.backoff.map(to_proto),
            original_schedule_time: result.original_schedule_time,
            activation_index: Some(activation_index),
        };
        self.state = State::Resolved(kind(&resolution.outcome));
        Ok(self.tell(resolution, out))
    }

    /// Its marker was seen ahead.
    pub(super) fn resolve_by_marker(
        &mut self,
        resolution: Resolution,
        out: &mut Outbox,
    ) -> Result<Resolved, Error> {
        if self.state != State::AwaitingMarker {
            return Err(unexpected_command(self.name(), self.state.describe()));
        }
        self.state = State::ResolvedByMarker;
        Ok(self.tell(resolution, out))
    }

    /// The workflow cancels it. Returns whether the worker has to be told, and what came of it here.
    pub(super) fn cancel(
        &mut self,
        activation_index: u64,
        out: &mut Outbox,
    ) -> Result<(bool, Resolved), Error> {
        let waits = self.activity.cancellation_type == ActivityCancellationType::WaitCancellationCompleted;
        let tries = self.activity.cancellation_type == ActivityCancellationType::TryCancel;
        match self.state {
            State::Running if !waits => {
                self.state = State::Resolved(Kind::Cancelled);
                let resolution = Resolution {
                    outcome: LocalActivityOutcome::cancelled(),
                    complete_time: None,
                    attempt: self.activity.attempt_as_scheduled,
                    backoff: None,
                    original_schedule_time: Some(self.activity.original_schedule_time),
                    activation_index: Some(activation_index),
                };
                Ok((tries, self.tell(resolution, out)))
            }
            State::Running | State::AwaitingMarker | State::ResolvedByMarker => {
                Ok((true, Resolved::default()))
            }
            // It may be waiting for its next attempt, which must not come.
            State::Recorded => Ok((waits || tries, Resolved::default())),
            State::Resolved(_) | State::MarkerQueued(_) => {
                Err(unexpected_command(self.name(), self.state.describe()))
            }
        }
    }

    pub(super) fn handle_queued(&mut self) {
        if let State::Resolved(kind) = self.state {
            self.state = State::MarkerQueued(kind);
        }
    }

    /// Whether the marker's event has no command to match: there is none for a result that came from the
    /// marker itself.
    pub(super) fn marker_stands_alone(&self, event: &HistoryEvent) -> Result<bool, Error> {
        match self.state {
            State::MarkerQueued(_) => Ok(false),
            State::ResolvedByMarker => Ok(true),
            _ => Err(unexpected(EventRef::of(event), self.name(), self.state.describe())),
        }
    }

    /// The marker's turn came.
    pub(super) fn handle_event(&mut self, recorded: RecordedEvent<'_>) -> Result<(), Error> {
        let at = EventRef::of(recorded.event);
        let Some(marker) = LocalActivityMarker::read(recorded.event) else {
            let name = super::patch::marker_name(recorded.event).unwrap_or_default();
            compare(at, "marker name", name, LOCAL_ACTIVITY_MARKER_NAME)?;
            return Err(Error::malformed(at.id, "a local activity's marker cannot be read"));
        };
        match self.state {
            State::ResolvedByMarker => {}
            State::MarkerQueued(kind) => {
                let failed_here = kind == Kind::Failed;
                if kind != Kind::Cancelled && failed_here != marker.result.is_err() {
                    let kind = Mismatch::OtherOutcome { seq: self.activity.seq, failed_here };
                    return Err(Nondeterminism { event: Some(at), kind }.into());
                }
            }
            _ => return Err(unexpected(at, self.name(), self.state.describe())),
        }
        let (data, own) = (&marker.data, &self.activity);
        compare(at, "local activity's number", &data.seq.to_string(), &own.seq.to_string())?;
        if recorded.flags.try_use(Flag::IdAndTypeChecks, !self.replayed) {
            compare(at, "local activity id", &data.activity_id, &own.activity_id)?;
            compare(at, "local activity type", &data.activity_type, &own.activity_type)?;
        }
        self.state = State::Recorded;
        Ok(())
    }

    /// Tells the workflow, and the server unless it knows.
    fn tell(&self, resolution: Resolution, out: &mut Outbox) -> Resolved {
        let over = matches!(
            resolution.outcome,
            LocalActivityOutcome::Cancelled(_) | LocalActivityOutcome::TimedOut(_)
        );
        let abandoned = over && self.activity.cancellation_type == ActivityCancellationType::Abandon;
        if !self.replayed {
            out.commands.push(self.marker(&resolution));
        }
        let time = resolution.complete_time;
        let result = Some(ActivityResolution { status: Some(self.status(resolution)) });
        out.jobs.push(ResolveActivity { seq: self.activity.seq, result, is_local: true }.into());
        Resolved { time, abandoned }
    }

    fn status(&self, resolution: Resolution) -> Status {
        if resolution.backoff.is_some() {
            return Status::Backoff(DoBackoff {
                attempt: resolution.attempt.saturating_add(1),
                backoff_duration: resolution.backoff,
                original_schedule_time: resolution.original_schedule_time.map(Time::to_proto),
            });
        }
        match resolution.outcome {
            LocalActivityOutcome::Completed(success) => Status::Completed(success),
            LocalActivityOutcome::Failed(failed) => Status::Failed(failed),
            LocalActivityOutcome::TimedOut(failed) => {
                let failure = self.wrap(failed.failure, "Local Activity timed out", |info| {
                    matches!(info, FailureInfo::TimeoutFailureInfo(_))
                });
                Status::Failed(Failed { failure, ..failed })
            }
            LocalActivityOutcome::Cancelled(cancelled) => {
                let failure = self.wrap(cancelled.failure, "Local Activity cancelled", |info| {
                    matches!(info, FailureInfo::CanceledFailureInfo(_))
                });
                Status::Cancelled(Cancellation { failure })
            }
        }
    }

    /// Puts a plain timeout or cancellation into the failure of an activity.
    fn wrap(
        &self,
        failure: Option<Failure>,
        message: &str,
        is_plain: impl Fn(&FailureInfo) -> bool,
    ) -> Option<Failure> {
        if !failure.as_ref().and_then(|failure| failure.failure_info.as_ref()).is_some_and(is_plain) {
            return failure;
        }
        let info = ActivityFailureInfo {
            activity_type: Some(ActivityType { name: self.activity.activity_type.clone() }),
            activity_id: self.activity.activity_id.clone(),
            retry_state: RetryState::CancelRequested.into(),
            ..Default::default()
        };
        Some(activity_failure(message, failure, info))
    }

    fn marker(&self, resolution: &Resolution) -> Command {
        let (result, failure) = match &resolution.outcome {
            LocalActivityOutcome::Completed(success) => (success.result.clone(), None),
            LocalActivityOutcome::Failed(failed) | LocalActivityOutcome::TimedOut(failed) => {
                (None, failed.failure.clone())
            }
            LocalActivityOutcome::Cancelled(cancelled) => (None, cancelled.failure.clone()),
        };
        let data = LocalActivityMarkerData {
            seq: self.activity.seq,
            attempt: resolution.attempt,
            activity_id: self.activity.activity_id.clone(),
            activity_type: self.activity.activity_type.clone(),
            complete_time: resolution.complete_time.map(Time::to_proto),
            backoff: resolution.backoff,
            original_schedule_time: resolution.original_schedule_time.map(Time::to_proto),
            activation_index: resolution.activation_index,
        };
        let mut details = build_local_activity_marker_details(data, result);
        if self.include_arguments_in_marker {
            let payloads = self.activity.arguments.clone();
            details.insert("input".to_owned(), Payloads { payloads });
        }
        let marker = RecordMarkerCommandAttributes {
            marker_name: LOCAL_ACTIVITY_MARKER_NAME.to_owned(),
            details,
            failure,
            ..Default::default()
        };
        self.annotations.clone().command(CommandAttributes::RecordMarkerCommandAttributes(marker))
    }

    fn name(&self) -> String {
        format!("local activity {}", self.activity.seq)
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Running => "it is running",
            Self::Resolved(_) | Self::MarkerQueued(_) => "its marker is not recorded",
            Self::AwaitingMarker => "its marker has not been seen",
            Self::ResolvedByMarker => "its marker's turn has not come",
            Self::Recorded => "its marker is recorded",
        }
    }
}

fn kind(outcome: &LocalActivityOutcome) -> Kind {
    match outcome {
        LocalActivityOutcome::Completed(_) => Kind::Completed,
        LocalActivityOutcome::Failed(_) | LocalActivityOutcome::TimedOut(_) => Kind::Failed,
        LocalActivityOutcome::Cancelled(_) => Kind::Cancelled,
    }
}

/// The marker of a local activity.
#[derive(Debug)]
pub(super) struct LocalActivityMarker {
    pub(super) data: LocalActivityMarkerData,
    result: Result<Payload, Failure>,
}

impl LocalActivityMarker {
    pub(super) fn is(event: &HistoryEvent) -> bool {
        super::patch::marker_name(event) == Some(LOCAL_ACTIVITY_MARKER_NAME)
    }

    /// The number of the activity that a marker belongs to.
    pub(super) fn seq(event: &HistoryEvent) -> Option<u32> {
        match &event.attributes {
            Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
                extract_local_activity_marker_data(&marker.details).map(|data| data.seq)
            }
            _ => None,
        }
    }

    /// Reads a marker; `None` if the event is none or cannot be read.
    pub(super) fn read(event: &HistoryEvent) -> Option<Self> {
        let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes else {
            return None;
        };
        if marker.marker_name != LOCAL_ACTIVITY_MARKER_NAME {
            return None;
        }
        let (data, result) = extract_local_activity_marker_details(&mut marker.details.clone());
        let result = match &marker.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(result.unwrap_or_default()),
        };
        Some(Self { data: data?, result })
    }

    pub(super) fn into_resolution(self) -> Resolution {
        let outcome = match self.result {
            Ok(result) => LocalActivityOutcome::Completed(Success { result: Some(result) }),
            Err(failure) if is_cancellation(&failure) => {
                LocalActivityOutcome::Cancelled(Cancellation { failure: Some(failure) })
            }
            Err(failure) => {
                LocalActivityOutcome::Failed(Failed { failure: Some(failure), ..Default::default() })
            }
        };
        Resolution {
            outcome,
            complete_time: self.data.complete_time.as_ref().map(Time::from_proto),
            attempt: self.data.attempt,
            backoff: self.data.backoff,
            original_schedule_time: self.data.original_schedule_time.as_ref().map(Time::from_proto),
            activation_index: self.data.activation_index,
        }
    }
}

impl Resolution {
    /// The position, in its workflow task, of the activation that the result is for. Histories of old workers
    /// do not have it.
    pub(super) fn activation_index(&self) -> Option<u64> {
        self.activation_index
    }
}

fn is_cancellation(failure: &Failure) -> bool {
    let plain = |failure: &Failure| matches!(failure.failure_info, Some(FailureInfo::CanceledFailureInfo(_)));
    plain(failure) || failure.cause.as_deref().is_some_and(plain)
}
