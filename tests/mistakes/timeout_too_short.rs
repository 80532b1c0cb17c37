//! The timeout is shorter than the slowest success.

use temporal_sim::{Builder, Failure, Worker};
use temporal_sim_fixtures::mistakes::timeout_too_short::{Buggy, Fixed, Printer};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, MINUTE, is_found, passes, scope};

fn worker(printer: &Printer) -> Worker {
    Worker::new("office")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .activities(printer.clone(), (Printer::print, Printer::send))
}

fn report<W>(simulation: Builder, pages: u32, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = u32, Output = ()> + Send + 'static,
{
    let printer = Printer::default();
    simulation.worker(worker(&printer)).settles_within(HOUR).try_run(async move |sim| {
        // Nobody waits for ever.
        let _ = tokio::time::timeout(5 * MINUTE, sim.execute(workflow, pages)).await;
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker(&Printer::default())]);
    let failure = is_found(
        &scope,
        1..=40_u32,
        |simulation, pages| report(simulation, pages, Buggy::run),
        "every workflow ends within 1h after the last fault: it is still open and waits for activity 1 Printer::print",
    );
    assert_eq!(*failure.input(), 16, "the smallest report that is too long: {failure}");
    assert!(failure.plan().faults.is_empty(), "{failure}");
    passes(&scope, 1..=40_u32, |simulation, pages| report(simulation, pages, Fixed::run));
}
