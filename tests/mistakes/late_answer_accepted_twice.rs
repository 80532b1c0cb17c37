//! A late answer is accepted, after the question was asked again.

use futures::future::join;
use proptest::strategy::{Just, Strategy};
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    strategies::{CallSequence, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::late_answer_accepted_twice::{Buggy, Fixed, PATIENCE, Trade};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, MINUTE, is_found, passes, scope, signal};

/// What the bank says, to a question that was asked in time or too late.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Paid;

fn worker(trade: &Trade) -> Worker {
    Worker::new("trade")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .activities(trade.clone(), (Trade::ask_bank, Trade::ship))
}

fn answers() -> impl Strategy<Value = CallSequence<Paid>> {
    call_sequences(Just(Paid), instants(3 * MINUTE, &[PATIENCE]), 3)
}

fn order<W>(simulation: Builder, calls: CallSequence<Paid>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = (), Output = ()> + Send + 'static,
{
    let trade = Trade::default();
    simulation.worker(worker(&trade)).settles_within(2 * HOUR).try_run(async move |sim| {
        let workflow_id = format!("{}-1", workflow.name());
        let paid = async {
            calls.play(&sim, async |Paid| signal(&sim, &workflow_id, "paid", ()).await).await;
            // Sooner or later the bank always answers.
            sim.sleep((4 * MINUTE).saturating_sub(sim.elapsed())).await;
            while trade.shipments() == 0 {
                signal(&sim, &workflow_id, "paid", ()).await;
                sim.sleep(10 * MINUTE).await;
            }
        };
        let (ended, ()) = join(sim.execute(workflow, ()), paid).await;
        ended?;
        assert_eq!(trade.shipments(), 1, "parcels were sent");
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Trade::default())]);
    let failure = is_found(
        &scope,
        answers(),
        |simulation, calls| order(simulation, calls, Buggy::run),
        "parcels were sent",
    );
    assert!(failure.plan().faults.is_empty(), "two answers are enough: {failure}");
    passes(&scope, answers(), |simulation, calls| order(simulation, calls, Fixed::run));
}
