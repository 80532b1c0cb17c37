//! The time after the faults, in which everything has to come to its end.

use std::time::Duration;

use super::{Simulation, run::Body};

/// Runs the body, and lets what it leaves open come to its end without faults. What does not is for the invariants.
pub(super) async fn settled(
    body: Body<'_>,
    simulation: &Simulation,
    within: Option<Duration>,
) -> anyhow::Result<()> {
    body(simulation.clone()).await?;
    if let Some(within) = within {
        simulation.stop_faults();
        tokio::select! {
            biased;
            () = all_closed(simulation) => {}
            () = simulation.0.service.sleep(within) => {}
        }
    }
    simulation.0.ledger.close();
    Ok(())
}

/// Resolves when no run is open.
async fn all_closed(simulation: &Simulation) {
    let service = &simulation.0.service;
    while let Some(run_id) = service.with_cluster(|cluster| cluster.open_run().map(str::to_owned)) {
        // Looked at one by one, for not to look through all of them at each step.
        while service.with_cluster(|cluster| cluster.is_open(&run_id)) {
            service.stepped().await;
        }
    }
}
