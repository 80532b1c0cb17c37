//! User timers.

use temporalio_common::protos::temporal::api::{
    command::v1::{CancelTimerCommandAttributes, StartTimerCommandAttributes},
    enums::v1::WorkflowTaskFailedCause as Cause,
    sdk::v1::UserMetadata,
};

use super::{
    Run, RunKey, Transaction,
    completed::{CommandFailure, Completion},
};
use crate::{clock::Time, cluster::Cluster};

/// A user timer that has neither fired nor been cancelled.
#[derive(Debug, Clone)]
pub(crate) struct PendingTimer {}

/// The StartTimer command.
pub(crate) fn start_timer(
    _tx: &mut Transaction<'_>,
    _completion: &mut Completion,
    _attributes: Option<StartTimerCommandAttributes>,
    _user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    Err(CommandFailure::new(Cause::BadStartTimerAttributes, "timers are not served"))
}

/// The CancelTimer command.
pub(crate) fn cancel_timer(
    _tx: &mut Transaction<'_>,
    _completion: &mut Completion,
    _attributes: Option<CancelTimerCommandAttributes>,
) -> Result<(), CommandFailure> {
    Err(CommandFailure::new(Cause::BadCancelTimerAttributes, "timers are not served"))
}

/// Whether the timer with this TimerStarted event is still pending.
pub(crate) fn is_pending(run: &Run, started_event_id: i64) -> bool {
    run.timer_ids.contains(&started_event_id)
}

impl Cluster {
    /// At least one user timer of the run has come due.
    pub(in crate::cluster) fn fire_user_timers(&mut self, _now: Time, _run: RunKey) {}
}
