//! A permanent failure is retried for ever.

use proptest::sample::select;
use temporal_sim::{Builder, Failure, Worker};
use temporal_sim_fixtures::mistakes::retried_for_ever::{Buggy, Card, Cards, Fixed};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, MINUTE, is_found, passes, scope};

const CARDS: [Card; 2] = [Card::Valid, Card::Expired];

fn worker() -> Worker {
    Worker::new("shop").workflow::<Buggy>().workflow::<Fixed>().activities(Cards, (Cards::charge,))
}

fn payment<W>(simulation: Builder, card: Card, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = Card, Output = ()> + Send + 'static,
{
    simulation.worker(worker()).settles_within(HOUR).try_run(async move |sim| {
        let paid = tokio::time::timeout(5 * MINUTE, sim.execute(workflow, card)).await;
        assert!(card == Card::Valid || !matches!(paid, Ok(Ok(()))), "an expired card paid");
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker()]);
    let failure = is_found(
        &scope,
        select(CARDS.to_vec()),
        |simulation, card| payment(simulation, card, Buggy::run),
        "every workflow ends within 1h after the last fault: it is still open",
    );
    assert_eq!(*failure.input(), "Expired", "{failure}");
    assert!(failure.plan().faults.is_empty(), "{failure}");
    let report =
        passes(&scope, select(CARDS.to_vec()), |simulation, card| payment(simulation, card, Fixed::run));
    report.assert_reached(["retry state NON_RETRYABLE_FAILURE", "outcome Fixed failed: CardDeclined"]);
}
