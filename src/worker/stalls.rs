//! Polls that do not get through.

use std::sync::Arc;

use super::shared::Shared;
use crate::faults::{Absence, Injector, StalledQueue};

/// When the polls of one worker do not get through.
#[derive(Debug)]
pub(crate) struct Stalls {
    sticky: Arc<[Absence]>,
    workflow: Arc<[Absence]>,
    activity: Arc<[Absence]>,
}

impl Stalls {
    pub(crate) fn new(faults: &Injector, worker: usize) -> Self {
        Self {
            sticky: faults.stalls(worker, StalledQueue::Sticky),
            workflow: faults.stalls(worker, StalledQueue::Workflow),
            activity: faults.stalls(worker, StalledQueue::Activity),
        }
    }

    fn of(&self, queue: StalledQueue) -> &[Absence] {
        match queue {
            StalledQueue::Sticky => &self.sticky,
            StalledQueue::Workflow => &self.workflow,
            StalledQueue::Activity => &self.activity,
        }
    }
}

/// Polls, but takes the poll back when it would not get through, and polls again when it does.
pub(crate) async fn unless_stalled<T>(shared: &Shared, queue: StalledQueue, poll: impl AsyncFn() -> T) -> T {
    let (service, faults, stalls) = (&shared.service, &shared.faults, shared.stalls.of(queue));
    if stalls.is_empty() {
        return poll().await;
    }
    loop {
        if faults.is_stopped() {
            return poll().await;
        }
        let now = service.now();
        // In the order in which they begin.
        let (begun, ahead) = stalls.split_at(stalls.partition_point(|stall| stall.from <= now));
        if let Some(stall) = begun.iter().rfind(|stall| now < stall.until) {
            faults.happened(stall.fault);
            tokio::select! {
                biased;
                () = service.reaches(stall.until) => {}
                () = faults.stopped() => {}
            }
            continue;
        }
        let Some(next) = ahead.first() else { return poll().await };
        tokio::select! {
            biased;
            polled = poll() => return polled,
            () = service.reaches(next.from) => {}
        }
    }
}
