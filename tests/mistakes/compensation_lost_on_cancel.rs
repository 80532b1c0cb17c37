//! The compensation is lost when the workflow is cancelled.

use futures::future::join;
use proptest::strategy::{Just, Strategy};
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    invariants::Invariant,
    strategies::{CallSequence, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::compensation_lost_on_cancel::{Agency, Buggy, Fixed};
use temporalio_common::{WorkflowDefinition, protos::temporal::api::enums::v1::WorkflowExecutionStatus};

use crate::common::{HOUR, SECOND, cancel, is_found, passes, scope};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cancel;

fn worker(agency: &Agency) -> Worker {
    Worker::new("travel")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .activities(agency.clone(), (Agency::book_room, Agency::book_flight, Agency::release_room))
}

fn cancellations() -> impl Strategy<Value = CallSequence<Cancel>> {
    call_sequences(Just(Cancel), instants(20 * SECOND, &[5 * SECOND]), 1)
}

fn trip<W>(simulation: Builder, calls: CallSequence<Cancel>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = String, Output = ()> + Send + 'static,
{
    let agency = Agency::default();
    let no_room_for_nobody = Invariant::new("only who travels has a room", {
        let agency = agency.clone();
        move |finished| {
            for history in finished.histories() {
                let travels = history.status() == WorkflowExecutionStatus::Completed;
                anyhow::ensure!(
                    travels == agency.has_room("Rome"),
                    "travels: {travels}, has a room: {}",
                    !travels
                );
            }
            Ok(())
        }
    });
    simulation.worker(worker(&agency)).invariants([no_room_for_nobody]).settles_within(HOUR).try_run(
        async move |sim| {
            let workflow_id = format!("{}-1", workflow.name());
            let cancelled = calls.play(&sim, async |Cancel| cancel(&sim, &workflow_id).await);
            let _ = join(sim.execute(workflow, "Rome".to_owned()), cancelled).await;
            Ok(())
        },
    )
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Agency::default())]);
    let failure = is_found(
        &scope,
        cancellations(),
        |simulation, calls| trip(simulation, calls, Buggy::run),
        "only who travels has a room: travels: false, has a room: true",
    );
    assert!(failure.plan().faults.is_empty(), "a cancellation is enough: {failure}");
    passes(&scope, cancellations(), |simulation, calls| trip(simulation, calls, Fixed::run));
}
