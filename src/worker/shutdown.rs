//! How a worker is asked to shut down, and how far it is with it.

use std::sync::Arc;

use tokio::sync::watch;

/// A request to a worker to shut down. Clones are one request, which is made at most once.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(Arc<watch::Sender<Phase>>);

/// How far a worker is with shutting down. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// It was not asked to.
    Running,
    /// It takes no further tasks and finishes those that it has.
    Draining,
    /// The grace period of the activities is over.
    CancellingActivities,
    /// It has finished.
    Stopped,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }
}

impl Shutdown {
    /// Asks the worker to shut down.
    pub(crate) fn request(&self) {
        self.enter(Phase::Draining);
    }

    /// Whether the worker was asked to shut down.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Resolves once the worker was asked to shut down.
    pub(crate) async fn requested(&self) {
        self.reached(Phase::Draining).await;
    }

    /// The activities that still run are to stop.
    pub(super) fn cancel_activities(&self) {
        self.enter(Phase::CancellingActivities);
    }

    /// Resolves once activities are to stop.
    pub(super) async fn activities_cancelled(&self) {
        self.reached(Phase::CancellingActivities).await;
    }

    /// The worker has shut down.
    pub(super) fn complete(&self) {
        self.enter(Phase::Stopped);
    }

    /// Resolves once the worker has shut down.
    pub(crate) async fn completed(&self) {
        self.reached(Phase::Stopped).await;
    }

    fn enter(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    async fn reached(&self, phase: Phase) {
        let waited = self.0.subscribe().wait_for(|current| *current >= phase).await.is_ok();
        debug_assert!(waited, "the sender is here, so the channel is open");
    }
}
