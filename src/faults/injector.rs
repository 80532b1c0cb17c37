//! A plan at work: asked at each place where something may go wrong.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    ActivityEffect, Fault, LocalActivityEffect, Outage, Plan, StalledQueue, When, WorkflowTaskEffect,
    index::{Absence, Index},
    outage::OutageState,
};
use crate::{
    clock::Time,
    policy::AttemptFailure,
    rng::Seed,
    service::{Caller, Passage},
};

/// A plan at work. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injector(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    plan: Plan,
    index: Index,
    start: Time,
    state: Mutex<State>,
    stopped: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// For each fault of the plan.
    progress: Vec<Progress>,
    /// When workers come back that are away.
    returns: Vec<Time>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How many things came along that it could have happened to.
    seen: u64,
    /// How often it happened.
    fired: u64,
    outage: Option<OutageState>,
}

impl Injector {
    /// A plan for a simulation with this seed that starts at this time.
    pub(crate) fn new(plan: Plan, seed: Seed, start: Time) -> Self {
        let progress = plan.faults.iter().enumerate().map(|(index, fault)| Progress {
            outage: matches!(fault, Fault::Outage(_))
                .then(|| OutageState::new(seed.stream(&format!("outage {index}")))),
            ..Default::default()
        });
        let state = State { progress: progress.collect(), ..Default::default() };
        let index = Index::new(&plan, start);
        Self(Arc::new(Shared { plan, index, start, state: Mutex::new(state), stopped: Notify::new() }))
    }

    /// How often each fault of the plan has happened.
    pub(crate) fn fired(&self) -> Vec<u64> {
        self.state().progress.iter().map(|progress| progress.fired).collect()
    }

    /// From here on nothing goes wrong any more; workers that are away come back.
    pub(crate) fn stop(&self) {
        self.state().is_stopped = true;
        self.0.stopped.notify_waiters();
    }

    /// What goes wrong with an attempt that a worker starts.
    pub(crate) fn activity(&self, now: Time, activity_type: &str) -> Option<ActivityEffect> {
        let elapsed = now.since(self.0.start);
        self.first(&self.0.index.activities, elapsed, |fault, progress| match fault {
            Fault::Activity(fault) if fault.activity_type.as_deref().is_none_or(|it| it == activity_type) => {
                progress.is_hit(&fault.when, elapsed).then(|| fault.effect.clone())
            }
            Fault::Outage(outage) if outage.activity_type == activity_type => {
                outage_at(outage, elapsed, progress).map(ActivityEffect::Fail)
            }
            _ => None,
        })
    }

    /// What goes wrong with an attempt of a local activity that a worker starts.
    pub(crate) fn local_activity(&self, now: Time, activity_type: &str) -> Option<LocalActivityEffect> {
        let elapsed = now.since(self.0.start);
        self.first(&self.0.index.local_activities, elapsed, |fault, progress| match fault {
            Fault::LocalActivity(fault)
                if fault.activity_type.as_deref().is_none_or(|it| it == activity_type) =>
            {
                progress.is_hit(&fault.when, elapsed).then(|| fault.effect.clone())
            }
            Fault::Outage(outage) if outage.activity_type == activity_type => {
                outage_at(outage, elapsed, progress).map(LocalActivityEffect::Fail)
            }
            _ => None,
        })
    }

    /// What goes wrong with a workflow task that a worker takes.
    pub(crate) fn workflow_task(&self, now: Time, workflow_type: &str) -> Option<WorkflowTaskEffect> {
        let elapsed = now.since(self.0.start);
        self.first(&self.0.index.workflow_tasks, elapsed, |fault, progress| match fault {
            Fault::WorkflowTask(fault)
                if fault.workflow_type.as_deref().is_none_or(|it| it == workflow_type) =>
            {
                progress.is_hit(&fault.when, elapsed).then_some(fault.effect)
            }
            _ => None,
        })
    }

    /// How a call gets through.
    pub(crate) fn call(&self, now: Time, caller: Caller, rpc: &str) -> Passage {
        let elapsed = now.since(self.0.start);
        let passage = self.first(&self.0.index.calls, elapsed, |fault, progress| match fault {
            Fault::Call(fault) if fault.concerns(caller, rpc) => {
                progress.is_hit(&fault.when, elapsed).then(|| fault.effect.passage())
            }
            _ => None,
        });
        passage.unwrap_or(Passage::Deliver)
    }

    /// When a worker forgets its workflows, each time with the fault that says so.
    pub(crate) fn evictions(&self, worker: usize) -> Arc<[(Time, usize)]> {
        self.0.index.evictions.get(&worker).cloned().unwrap_or_default()
    }

    /// When a worker is away.
    pub(crate) fn absences(&self, worker: usize) -> Arc<[Absence]> {
        self.0.index.absences.get(&worker).cloned().unwrap_or_default()
    }

    /// When the polls of a worker for these tasks do not get through.
    pub(crate) fn stalls(&self, worker: usize, queue: StalledQueue) -> Arc<[Absence]> {
        self.0.index.stalls.get(&(worker, queue)).cloned().unwrap_or_default()
    }

    /// When the clock is set forward, and by how much, each time with the fault that says so.
    pub(crate) fn clock_steps(&self) -> Arc<[(Time, Duration, usize)]> {
        self.0.index.clock_steps.clone()
    }

    /// A fault has happened that needs no question.
    pub(crate) fn happened(&self, fault: usize) {
        if let Some(progress) = self.state().progress.get_mut(fault) {
            progress.fired += 1;
        }
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Resolves when nothing goes wrong any more.
    pub(crate) async fn stopped(&self) {
        let stopped = self.0.stopped.notified();
        if !self.is_stopped() {
            stopped.await;
        }
    }

    /// A worker is away until this time.
    pub(crate) fn goes_away(&self, until: Time) {
        self.state().returns.push(until);
    }

    /// A worker that was to be away until this time is back.
    pub(crate) fn comes_back(&self, until: Time) {
        let returns = &mut self.state().returns;
        if let Some(index) = returns.iter().position(|at| *at == until) {
            returns.swap_remove(index);
        }
    }

    /// When the next of the workers that are away comes back.
    pub(crate) fn next_return(&self) -> Option<Time> {
        self.state().returns.iter().min().copied()
    }

    /// What the first of the faults at these places says that has anything to say.
    fn first<T>(
        &self,
        places: &[usize],
        elapsed: Duration,
        ask: impl Fn(&Fault, &mut Progress) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state();
        let Shared { plan, .. } = &*self.0;
        if state.is_stopped || plan.until.is_some_and(|until| elapsed >= until) {
            return None;
        }
        places.iter().find_map(|&place| ask(&plan.faults[place], &mut state.progress[place]))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an attempt at this time fails with because of an outage, if it does.
fn outage_at(outage: &Outage, elapsed: Duration, progress: &mut Progress) -> Option<AttemptFailure> {
    let failure = outage.failure_at(elapsed, progress.outage.as_mut()?)?;
    progress.fired += 1;
    Some(failure)
}

impl Progress {
    /// Counts something that the fault is about, and decides whether it happens to it.
    fn is_hit(&mut self, when: &When, elapsed: Duration) -> bool {
        if !when.covers(elapsed) {
            return false;
        }
        self.seen += 1;
        let number = self.seen.saturating_sub(u64::from(when.skip));
        let is_hit = number > 0 && when.times.is_none_or(|times| number <= u64::from(times));
        self.fired += u64::from(is_hit);
        is_hit
    }
}
