//! User timers: StartTimer and CancelTimer commands, and timers that fire.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    command::v1::{CancelTimerCommandAttributes, StartTimerCommandAttributes},
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        HistoryEvent, TimerCanceledEventAttributes, TimerFiredEventAttributes, TimerStartedEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use super::{
    Event, Pending, Transaction,
    completed::{CommandFailure, Completion},
    first_deadline::FirstDeadline,
};
use crate::{
    clock::{self, Time},
    cluster::{durations, limits::Limits, timers::Timer},
};

/// A user timer that has neither fired nor been cancelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingTimer {
    /// The id of its TimerStarted event.
    pub(super) started_event_id: i64,
    /// When it fires.
    pub(super) expiry: Time,
}

/// The pending timers of one run.
#[derive(Debug, Default)]
pub(crate) struct UserTimers {
    by_id: Pending<String, PendingTimer>,
    /// Timer ids in the order in which the timers fire: by expiry, then by TimerStarted event.
    by_expiry: Pending<(Time, i64), String>,
    first: FirstDeadline,
}

impl UserTimers {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether an armed timer of the cluster stands for the next of these.
    pub(crate) fn is_armed(&self, generation: u64) -> bool {
        self.first.is_armed(generation)
    }

    /// The TimerStarted event and the id of each of them.
    #[cfg(test)]
    pub(crate) fn started(&self) -> impl Iterator<Item = (i64, &str)> {
        self.by_id.iter().map(|(id, timer)| (timer.started_event_id, id.as_str()))
    }

    /// Adds a timer.
    pub(super) fn insert(&mut self, timer_id: String, timer: PendingTimer) {
        self.by_expiry.insert((timer.expiry, timer.started_event_id), timer_id.clone());
        self.by_id.insert(timer_id, timer);
    }

    /// Takes out a timer that fires or is cancelled.
    pub(super) fn remove(&mut self, timer_id: &str) -> Option<PendingTimer> {
        let timer = self.by_id.remove(timer_id)?;
        self.by_expiry.remove(&(timer.expiry, timer.started_event_id));
        Some(timer)
    }

    /// Takes out the next timer that has come due.
    fn pop_expired(&mut self, now: Time) -> Option<(String, PendingTimer)> {
        let (_, timer_id) = self.by_expiry.iter().next().filter(|((expiry, _), _)| *expiry <= now)?;
        let timer_id = timer_id.clone();
        let timer = self.remove(&timer_id)?;
        Some((timer_id, timer))
    }

    /// Starts to keep a log of changes.
    pub(super) fn keep_log(&mut self) {
        self.by_id.keep_log();
        self.by_expiry.keep_log();
    }

    /// Forgets the log: the changes stand.
    pub(super) fn drop_log(&mut self) {
        self.by_id.drop_log();
        self.by_expiry.drop_log();
    }

    /// Takes back all changes since the log was started.
    pub(super) fn roll_back(&mut self) {
        self.by_id.roll_back();
        self.by_expiry.roll_back();
    }
}

/// The StartTimer command. A duration of zero, or none, is fine: the timer fires in the next transaction.
pub(crate) fn start_timer(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<StartTimerCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let refuse = |message: String| CommandFailure::new(Cause::BadStartTimerAttributes, message);
    let attributes = attributes
        .ok_or_else(|| refuse("StartTimerCommandAttributes is not set on StartTimerCommand.".to_owned()))?;
    let StartTimerCommandAttributes { timer_id, mut start_to_fire_timeout } = attributes;
    check_timer_id(tx.limits(), &timer_id, "StartTimerCommand").map_err(refuse)?;
    durations::validate(start_to_fire_timeout.as_mut()).map_err(|invalid| {
        refuse(format!(
            "An invalid StartToFireTimeout is set on StartTimerCommand: {invalid}. TimerId={timer_id}"
        ))
    })?;
    if tx.run.timers.by_id.contains(timer_id.as_str()) {
        return Err(CommandFailure::new(
            Cause::StartTimerDuplicateId,
            format!("invalid history builder state for action: add-timer-started-event, TimerID: {timer_id}"),
        ));
    }
    let event = TimerStartedEventAttributes {
        timer_id: timer_id.clone(),
        start_to_fire_timeout,
        workflow_task_completed_event_id: completion.completed_event_id,
    };
    let event = Event::new(Attributes::TimerStartedEventAttributes(event)).user_metadata(user_metadata);
    let started_event_id = tx.add_event(event);
    let expiry = tx.now + clock::duration(start_to_fire_timeout.as_ref());
    tx.run.timers.insert(timer_id, PendingTimer { started_event_id, expiry });
    Ok(())
}

/// The CancelTimer command.
///
/// A timer whose TimerFired event is held back has not fired for the workflow yet: the event is taken back, and if no other
/// is held back, the workflow may close.
pub(crate) fn cancel_timer(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<CancelTimerCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let refuse = |message: String| CommandFailure::new(Cause::BadCancelTimerAttributes, message);
    let CancelTimerCommandAttributes { timer_id } = attributes
        .ok_or_else(|| refuse("CancelTimerCommandAttributes is not set on CancelTimerCommand.".to_owned()))?;
    check_timer_id(tx.limits(), &timer_id, "CancelTimerCommand").map_err(refuse)?;
    let started_event_id = match tx.run.timers.remove(&timer_id) {
        Some(timer) => timer.started_event_id,
        None => take_back_buffered_firing(&mut tx.run.state.buffered, &timer_id).ok_or_else(|| {
            refuse(format!(
                "invalid history builder state for action: add-timer-canceled-event, TimerID: {timer_id}"
            ))
        })?,
    };
    let event = TimerCanceledEventAttributes {
        timer_id,
        started_event_id,
        workflow_task_completed_event_id: completion.completed_event_id,
        identity: completion.identity.clone(),
    };
    let event = Event::new(Attributes::TimerCanceledEventAttributes(event)).user_metadata(user_metadata);
    tx.add_event(event);
    if tx.run.state.buffered.is_empty() {
        completion.has_buffered_events = false;
    }
    Ok(())
}

/// Removes the TimerFired event of a timer from among the events that are held back, and answers the id of its
/// TimerStarted event.
fn take_back_buffered_firing(buffered: &mut Vec<Arc<HistoryEvent>>, timer_id: &str) -> Option<i64> {
    let fired = |event: &HistoryEvent| match &event.attributes {
        Some(Attributes::TimerFiredEventAttributes(fired)) if fired.timer_id == timer_id => {
            Some(fired.started_event_id)
        }
        _ => None,
    };
    let (index, started_event_id) =
        buffered.iter().enumerate().find_map(|(index, event)| Some((index, fired(event)?)))?;
    buffered.remove(index);
    Some(started_event_id)
}

fn check_timer_id(limits: &Limits, timer_id: &str, command: &str) -> Result<(), String> {
    if timer_id.is_empty() {
        return Err(format!("TimerId is not set on {command}."));
    }
    let length = timer_id.len();
    if length > limits.id_length {
        return Err(format!(
            "TimerId on {command} exceeds length limit. TimerId={timer_id} Length={length} Limit={}",
            limits.id_length
        ));
    }
    Ok(())
}

impl Transaction<'_> {
    /// Fires every timer that has come due, in the order of their expiry.
    pub(crate) fn fire_user_timers(&mut self) {
        let mut fired = false;
        while let Some((timer_id, PendingTimer { started_event_id, .. })) =
            self.run.timers.pop_expired(self.now)
        {
            self.add(Attributes::TimerFiredEventAttributes(TimerFiredEventAttributes {
                timer_id,
                started_event_id,
            }));
            fired = true;
        }
        if fired {
            self.need_workflow_task();
        }
    }

    /// Wakes the run when its next timer comes due. Called when a transaction ends.
    pub(super) fn arm_user_timer(&mut self) {
        let timers = &mut self.run.timers;
        let next = timers.by_expiry.iter().next().map(|(&(expiry, _), _)| expiry);
        if let Some((at, generation)) = timers.first.follow(next) {
            let run = self.run.key;
            self.arm(at, Timer::UserTimer { run, generation });
        }
    }
}

#[cfg(test)]
mod tests;
