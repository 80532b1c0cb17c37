//! The local activities of a run: scheduled by the workflow, handed to the worker, and resolved by it or by history.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use temporalio_common::protos::coresdk::workflow_commands::ScheduleLocalActivity;

use super::{
    Error, LocalActivity, LocalActivityOutcome, LocalActivityRequest, LocalActivityResult, Machines,
    annotations::Annotations,
    local_activity::{LocalActivityMachine, LocalActivityMarker, Resolution, Resolved},
    machine::{Machine, Operation, Outbox},
};
use crate::clock::Time;

/// The local activities of one run: those to be started or cancelled, those under way, and the results that
/// were found in history ahead of their turn.
#[derive(Debug, Default)]
pub(super) struct LocalActivities {
    new: VecDeque<LocalActivity>,
    cancellations: VecDeque<u32>,
    executing: BTreeSet<u32>,
    found: VecDeque<(u32, Resolution)>,
    /// How many activations this workflow task has had. A marker records it, so that replay can deliver the
    /// result in the same activation.
    activation_index: u64,
    /// Whether the workflow has ended, and whether [`LocalActivityRequest::CancelAll`] was given out.
    ended: Option<bool>,
}

impl LocalActivities {
    pub(super) fn enqueue(&mut self, activity: LocalActivity) {
        self.new.push_back(activity);
    }

    /// Takes one back that was not given out yet.
    pub(super) fn take_new(&mut self, seq: u32) -> Option<LocalActivity> {
        let index = self.new.iter().position(|activity| activity.seq == seq)?;
        self.new.remove(index)
    }

    /// Asks for the cancellation of one that is under way.
    pub(super) fn cancel(&mut self, seq: u32) {
        if self.executing.contains(&seq) {
            self.cancellations.push_back(seq);
        }
    }

    pub(super) fn close(&mut self, seq: u32) {
        self.new.retain(|activity| activity.seq != seq);
        self.executing.remove(&seq);
    }

    /// The workflow has ended: no local activity matters any more.
    pub(super) fn end(&mut self) {
        self.ended.get_or_insert(false);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn outstanding(&self) -> usize {
        if self.is_ended() { 0 } else { self.executing.len() + self.new.len() }
    }

    pub(super) fn poll(&mut self) -> Option<LocalActivityRequest> {
        if let Some(cancelled) = &mut self.ended {
            let first = !std::mem::replace(cancelled, true);
            return (first && !self.executing.is_empty()).then_some(LocalActivityRequest::CancelAll);
        }
        if let Some(seq) = self.cancellations.pop_front() {
            return Some(LocalActivityRequest::Cancel { seq });
        }
        let activity = self.new.pop_front()?;
        self.executing.insert(activity.seq);
        Some(LocalActivityRequest::Start(Box::new(activity)))
    }

    /// Events of another step were applied.
    pub(super) fn begin_task(&mut self) {
        self.activation_index = 0;
    }

    pub(super) fn count_activation(&mut self) {
        self.activation_index = self.activation_index.saturating_add(1);
    }

    pub(super) fn activation_index(&self) -> u64 {
        self.activation_index
    }

    pub(super) fn add_found(&mut self, seq: u32, resolution: Resolution) {
        self.found.push_back((seq, resolution));
    }

    /// Whether the result of this one was found, but belongs to a later activation.
    pub(super) fn is_held(&self, seq: u32) -> bool {
        self.found.iter().any(|(found, resolution)| *found == seq && self.is_later(resolution))
    }

    pub(super) fn take_found(&mut self, seq: u32) -> Option<Resolution> {
        let index = self.found.iter().position(|(found, _)| *found == seq)?;
        self.found.remove(index).map(|(_, resolution)| resolution)
    }

    /// The next one with a result, if its turn has come or `even_held`.
    pub(super) fn next_found(&self, even_held: bool) -> Option<u32> {
        let (seq, resolution) = self.found.front()?;
        (even_held || !self.is_later(resolution)).then_some(*seq)
    }

    fn is_later(&self, resolution: &Resolution) -> bool {
        resolution.activation_index().is_some_and(|index| index > self.activation_index)
    }
}

impl Machines {
    /// The workflow schedules a local activity.
    pub(super) fn schedule_local_activity(
        &mut self,
        command: ScheduleLocalActivity,
        now: Time,
        annotations: Annotations,
    ) -> Result<(), Error> {
        let include_arguments = command.include_arguments_in_marker;
        let activity = LocalActivity::new(command, now)?;
        let seq = activity.seq;
        if !self.replaying {
            self.local.enqueue(activity.clone());
        }
        let machine =
            LocalActivityMachine::new(activity, include_arguments, self.replaying, self.time, annotations);
        let id = self.add(Machine::LocalActivity(Box::new(machine)));
        self.operations.insert(Operation::LocalActivity(seq), id);
        if self.replaying {
            self.awaiting_marker.push(id);
        }
        Ok(())
    }

    /// The workflow cancels a local activity.
    pub(super) fn cancel_local_activity(&mut self, seq: u32) -> Result<(), Error> {
        let index = self.local.activation_index();
        let (tell_worker, resolved) = self.with_local(seq, |local, out| local.cancel(index, out))?;
        // What history knows decides, so that replay needs no other activations than the first execution.
        if tell_worker && !self.local.is_held(seq) {
            if let Some(found) = self.local.take_found(seq) {
                let resolved = self.with_local(seq, |local, out| local.resolve_by_marker(found, out))?;
                self.apply_resolved(seq, &resolved);
            } else if let Some(unsent) = self.local.take_new(seq) {
                let result = LocalActivityResult {
                    seq,
                    outcome: LocalActivityOutcome::cancelled(),
                    runtime: Duration::ZERO,
                    attempt: unsent.attempt_as_scheduled,
                    backoff: None,
                    original_schedule_time: Some(unsent.original_schedule_time),
                };
                let resolved = self.with_local(seq, |local, out| local.resolve(result, index, out))?;
                self.apply_resolved(seq, &resolved);
            } else {
                self.local.cancel(seq);
            }
        }
        self.apply_resolved(seq, &resolved);
        Ok(())
    }

    /// A result of the worker, at a time when it may be delivered.
    pub(super) fn apply_local_result(&mut self, result: LocalActivityResult) -> Result<(), Error> {
        if self.local.is_ended() {
            return Ok(());
        }
        let seq = result.seq;
        let index = self.local.activation_index();
        let resolved = self.with_local(seq, |local, out| local.resolve(result, index, out))?;
        self.apply_resolved(seq, &resolved);
        self.local.close(seq);
        Ok(())
    }

    /// A marker was seen ahead of its turn.
    pub(super) fn find_local_result(&mut self, marker: LocalActivityMarker) -> Result<(), Error> {
        let seq = marker.data.seq;
        let known = self.operations.get(&Operation::LocalActivity(seq)).copied();
        let wanted = match known.and_then(|id| self.machines.get(id.0)) {
            Some(Machine::LocalActivity(local)) => local.awaits_marker(),
            _ => true,
        };
        if wanted {
            self.local.add_found(seq, marker.into_resolution());
            self.deliver_found(false)?;
        }
        Ok(())
    }

    /// Delivers results from history in their order, up to the first whose activity is not scheduled yet or
    /// whose activation has not come. If nothing else activates the workflow there will be no later
    /// activation, so then nothing is held back.
    pub(super) fn deliver_found_or_all_if_idle(&mut self) -> Result<(), Error> {
        self.deliver_found(false)?;
        self.deliver_held_if_idle()
    }

    pub(super) fn deliver_held_if_idle(&mut self) -> Result<(), Error> {
        if self.out.jobs.is_empty() { self.deliver_found(true) } else { Ok(()) }
    }

    fn deliver_found(&mut self, even_held: bool) -> Result<(), Error> {
        while let Some(seq) = self.local.next_found(even_held) {
            if !self.operations.contains_key(&Operation::LocalActivity(seq)) {
                break;
            }
            let Some(found) = self.local.take_found(seq) else { break };
            let resolved = self.with_local(seq, |local, out| local.resolve_by_marker(found, out))?;
            self.apply_resolved(seq, &resolved);
        }
        Ok(())
    }

    /// Replay is over: what still waits for a marker has to be run.
    pub(super) fn run_unmarked(&mut self) {
        for id in std::mem::take(&mut self.awaiting_marker) {
            if let Some(Machine::LocalActivity(local)) = self.machines.get_mut(id.0)
                && local.replay_ended()
            {
                self.local.enqueue(local.activity.clone());
            }
        }
    }

    fn apply_resolved(&mut self, seq: u32, resolved: &Resolved) {
        if let Some(time) = resolved.time {
            self.advance_to(time);
        }
        if resolved.abandoned {
            self.local.close(seq);
        }
    }

    fn with_local<R>(
        &mut self,
        seq: u32,
        act: impl FnOnce(&mut LocalActivityMachine, &mut Outbox) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let id = self.operation(Operation::LocalActivity(seq))?;
        let result = match self.machines.get_mut(id.0) {
            Some(Machine::LocalActivity(local)) => act(local, &mut self.out),
            _ => Err(Error::InvalidCommand(format!("{seq} is no local activity"))),
        };
        self.collect(id);
        result
    }
}
