//! The heartbeat timeout is shorter than the time between two heartbeats.

use proptest::prelude::*;
use temporal_sim::{Builder, Failure, Worker};
use temporal_sim_fixtures::mistakes::heartbeat_too_rare::{Buggy, File, Fixed, Store};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, MINUTE, is_found, passes, scope};

fn worker(store: &Store) -> Worker {
    Worker::new("copies").workflow::<Buggy>().workflow::<Fixed>().activities(store.clone(), (Store::copy,))
}

fn files() -> impl Strategy<Value = File> {
    (1..=4_u32, 1..=30_u32).prop_map(|(chunks, seconds_a_chunk)| File { chunks, seconds_a_chunk })
}

fn copy<W>(simulation: Builder, file: File, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = File, Output = ()> + Send + 'static,
{
    simulation.worker(worker(&Store::default())).settles_within(HOUR).try_run(async move |sim| {
        let _ = tokio::time::timeout(5 * MINUTE, sim.execute(workflow, file)).await;
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Store::default())]);
    let failure = is_found(
        &scope,
        files(),
        |simulation, file| copy(simulation, file, Buggy::run),
        "every workflow ends within 1h after the last fault: it is still open and waits for activity 1 Store::copy",
    );
    assert_eq!(failure.input()["chunks"], 1, "{failure}");
    assert!(failure.plan().faults.is_empty(), "{failure}");
    passes(&scope, files(), |simulation, file| copy(simulation, file, Fixed::run));
}
