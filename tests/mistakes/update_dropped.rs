//! An update is dropped when the workflow closes.

use futures::future::join;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    invariants::Invariant,
    strategies::{CallSequence, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::update_dropped::{Buggy, Fixed, Seats};
use temporalio_client::{UntypedUpdate, UntypedWorkflow, WorkflowExecuteUpdateOptions};
use temporalio_common::{
    WorkflowDefinition,
    data_converters::{PayloadConverter, RawValue},
};

use crate::common::{HOUR, SECOND, is_found, passes, scope, signal};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Call {
    Book(u32),
    Close,
}

fn worker(seats: &Seats) -> Worker {
    Worker::new("seats").workflow::<Buggy>().workflow::<Fixed>().activities(seats.clone(), (Seats::book,))
}

fn calls() -> impl Strategy<Value = CallSequence<Call>> {
    let call = prop_oneof![2 => (1..=9_u32).prop_map(Call::Book), 1 => Just(Call::Close)];
    call_sequences(call, instants(10 * SECOND, &[]), 4)
}

fn departure<W>(simulation: Builder, calls: CallSequence<Call>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = (), Output = ()> + Send + 'static,
{
    let seats = Seats::default();
    simulation
        .worker(worker(&seats))
        .invariants([Invariant::updates_are_completed()])
        .settles_within(HOUR)
        .try_run(async move |sim| {
            let workflow_id = format!("{}-1", workflow.name());
            let handle = sim.client().get_workflow_handle::<UntypedWorkflow>(&workflow_id);
            let made = async {
                calls
                    .play(&sim, async |call| match call {
                        Call::Book(seat) => {
                            let seat = RawValue::from_value(&seat, &PayloadConverter::default());
                            let options = WorkflowExecuteUpdateOptions::default();
                            let _ = handle.execute_update(UntypedUpdate::new("book"), seat, options).await;
                        }
                        Call::Close => drop(signal(&sim, &workflow_id, "close", ()).await),
                    })
                    .await;
                while !signal(&sim, &workflow_id, "close", ()).await && sim.elapsed() < HOUR {
                    sim.sleep(60 * SECOND).await;
                }
            };
            let (ended, ()) = join(sim.execute(workflow, ()), made).await;
            Ok(ended?)
        })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Seats::default())]);
    let failure = is_found(
        &scope,
        calls(),
        |simulation, calls| departure(simulation, calls, Buggy::run),
        "every accepted update is completed: the run closed under the update",
    );
    assert_eq!(failure.input().as_array().map(Vec::len), Some(2), "{failure}");
    let report = passes(&scope, calls(), |simulation, calls| departure(simulation, calls, Fixed::run));
    report.assert_reached(["WorkflowExecutionUpdateCompleted"]);
}
