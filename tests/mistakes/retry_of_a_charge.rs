//! A charge is tried again although it has worked.

use proptest::strategy::Just;
use temporal_sim::{Builder, Failure, Worker, invariants::Invariant};
use temporal_sim_fixtures::mistakes::retry_of_a_charge::{Buggy, Fixed, Provider};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, is_found, passes, scope};

fn worker(provider: &Provider) -> Worker {
    Worker::new("shop")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .activities(provider.clone(), (Provider::charge,))
}

fn checkout<W>(simulation: Builder, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = i64, Output = ()> + Send + 'static,
{
    let provider = Provider::default();
    let charged_once = Invariant::new("the customer is charged once", {
        let provider = provider.clone();
        move |_| {
            anyhow::ensure!(provider.taken() == 100, "{} cents were taken, not 100", provider.taken());
            Ok(())
        }
    });
    simulation.worker(worker(&provider)).invariants([charged_once]).settles_within(HOUR).try_run(
        async move |sim| {
            sim.execute(workflow, 100).await?;
            Ok(())
        },
    )
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Provider::default())]);
    let failure = is_found(
        &scope,
        Just(()),
        |simulation, ()| checkout(simulation, Buggy::run),
        "the customer is charged once: 200 cents were taken, not 100",
    );
    assert_eq!(failure.plan().faults.len(), 1, "{failure}");
    passes(&scope, Just(()), |simulation, ()| checkout(simulation, Fixed::run));
}
