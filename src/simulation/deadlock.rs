//! Noticing that nothing will happen any more.

use std::{future::Future, time::Duration};

use crate::{cluster::Cluster, faults::Injector, service::Service};

/// Resolves when virtual time had to jump further than any test goes because nothing at all was left to
/// happen before.
///
/// Tokio says nothing when every task waits and no timer is armed; it stops for ever. A timer at the end
/// of time turns that into an event.
pub(super) async fn deadlock(service: &Service) {
    loop {
        let steps = service.steps();
        tokio::time::sleep(END_OF_TIME).await;
        // A simulation may well last that long, if things happen in it.
        if service.steps() == steps {
            return;
        }
    }
}

/// Resolves when the cluster has no deadline ahead, no task is running and no worker is going to come back.
pub(super) fn idle(service: &Service, faults: &Injector) -> impl Future<Output = ()> {
    let (service, faults) = (service.clone(), faults.clone());
    async move {
        loop {
            // The clock moves by a tick only when every task waits.
            tokio::time::sleep(TICK).await;
            if let Some(deadline) = service.next_deadline().into_iter().chain(faults.next_return()).min() {
                service.reaches(deadline).await;
            } else if service.with_cluster(Cluster::has_started_activity) {
                // The activity waits for a time of its own, which only tokio knows.
                service.stepped().await;
            } else {
                return;
            }
        }
    }
}

/// The resolution of tokio's clock.
const TICK: Duration = Duration::from_millis(1);

/// Tokio cuts sleeps off at about 30 years.
const END_OF_TIME: Duration = Duration::from_secs(29 * 365 * 24 * 60 * 60);
