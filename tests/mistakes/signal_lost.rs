//! A signal is lost when the workflow continues as new.

use futures::future::join;
use proptest::strategy::Strategy;
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    strategies::{CallSequence, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::signal_lost::{Account, Buggy, Fixed, Ledger};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, SECOND, is_found, passes, scope, signal};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Add(u32);

fn worker(ledger: &Ledger) -> Worker {
    Worker::new("books").workflow::<Buggy>().workflow::<Fixed>().activities(ledger.clone(), (Ledger::post,))
}

fn additions() -> impl Strategy<Value = CallSequence<Add>> {
    call_sequences((1..=9_u32).prop_map(Add), instants(10 * SECOND, &[]), 6)
}

fn account<W>(simulation: Builder, calls: CallSequence<Add>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = Account, Output = u32> + Send + 'static,
{
    simulation.worker(worker(&Ledger::default())).settles_within(HOUR).try_run(async move |sim| {
        let workflow_id = format!("{}-1", workflow.name());
        let added =
            calls.play(
                &sim,
                async |Add(amount)| {
                    if signal(&sim, &workflow_id, "add", amount).await { amount } else { 0 }
                },
            );
        let (posted, added) = join(sim.execute(workflow, Account::default()), added).await;
        let (posted, added) = (posted?, added.into_iter().sum::<u32>());
        assert!(posted >= added, "{added} arrived, and {posted} was posted");
        // It may be more: a signal whose answer got lost is sent again, and a run does not know what the one before has had.
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Ledger::default())]);
    let failure = is_found(
        &scope,
        additions(),
        |simulation, calls| account(simulation, calls, Buggy::run),
        "arrived, and",
    );
    assert!(failure.plan().faults.is_empty(), "the signals are enough: {failure}");
    assert!(failure.input().as_array().is_some_and(|calls| calls.len() <= 4), "{failure}");
    passes(&scope, additions(), |simulation, calls| account(simulation, calls, Fixed::run));
}
