//! A child workflow is orphaned.

use futures::future::join;
use proptest::strategy::{Just, Strategy};
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    invariants::Invariant,
    strategies::{CallSequence, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::child_orphaned::{Buggy, Delivery, Fixed, Van};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, MINUTE, cancel, is_found, passes, scope};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cancel;

fn worker(van: &Van) -> Worker {
    Worker::new("parcels")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .workflow::<Delivery>()
        .activities(van.clone(), (Van::send,))
}

fn cancellations() -> impl Strategy<Value = CallSequence<Cancel>> {
    call_sequences(Just(Cancel), instants(2 * HOUR, &[HOUR]), 1)
}

fn order<W>(simulation: Builder, calls: CallSequence<Cancel>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = String, Output = ()> + Send + 'static,
{
    simulation
        .worker(worker(&Van::default()))
        .invariants([Invariant::no_orphans(MINUTE)])
        .settles_within(3 * HOUR)
        .try_run(async move |sim| {
            let workflow_id = format!("{}-1", workflow.name());
            let cancelled = calls.play(&sim, async |Cancel| cancel(&sim, &workflow_id).await);
            let _ = join(sim.execute(workflow, "tea".to_owned()), cancelled).await;
            Ok(())
        })
}

#[test]
fn is_found_and_fixed() {
    // How long a child outlives its parent is told by the cluster's clock.
    let scope = scope([&worker(&Van::default())]).without(["clock_step"]);
    let failure = is_found(
        &scope,
        cancellations(),
        |simulation, calls| order(simulation, calls, Buggy::run),
        "no child outlives its parent: its parent \"Buggy-1\" closed",
    );
    assert!(failure.plan().faults.is_empty(), "a cancellation is enough: {failure}");
    let report = passes(&scope, cancellations(), |simulation, calls| order(simulation, calls, Fixed::run));
    report.assert_reached(["outcome Delivery canceled", "outcome Delivery completed"]);
}
