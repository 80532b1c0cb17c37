//! Two events race, and both win.

use futures::future::join;
use proptest::strategy::{Just, Strategy};
use serde::{Deserialize, Serialize};
use temporal_sim::{
    Builder, Failure, Worker,
    strategies::{CallSequence, Scope, call_sequences, instants},
};
use temporal_sim_fixtures::mistakes::select_race::{Buggy, DEADLINE, Fixed, Office};
use temporalio_common::WorkflowDefinition;

use crate::common::{HOUR, is_found, passes, scope, signal};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Approve;

fn worker(office: &Office) -> Worker {
    Worker::new("claims")
        .workflow::<Buggy>()
        .workflow::<Fixed>()
        .activities(office.clone(), (Office::pay, Office::tell_expired))
}

fn around_the_deadline() -> Scope {
    let scope = scope([&worker(&Office::default())]);
    Scope { near: vec![DEADLINE], ..scope }
}

fn approvals() -> impl Strategy<Value = CallSequence<Approve>> {
    call_sequences(Just(Approve), instants(2 * HOUR, &[DEADLINE]), 2)
}

fn claim<W>(simulation: Builder, calls: CallSequence<Approve>, workflow: W) -> Result<(), Failure>
where
    W: WorkflowDefinition<Input = (), Output = ()> + Send + 'static,
{
    let office = Office::default();
    simulation.worker(worker(&office)).settles_within(HOUR).try_run(async move |sim| {
        let workflow_id = format!("{}-1", workflow.name());
        let approved = calls.play(&sim, async |Approve| signal(&sim, &workflow_id, "approve", ()).await);
        let (ended, _) = join(sim.execute(workflow, ()), approved).await;
        ended?;
        match office.done() {
            (true, true) => panic!("the claim was paid, and the employee was told that it had expired"),
            (false, false) => panic!("nothing was done"),
            (true, false) => sim.reached("paid"),
            (false, true) => sim.reached("expired"),
        }
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = around_the_deadline();
    is_found(
        &scope,
        approvals(),
        |simulation, calls| claim(simulation, calls, Buggy::run),
        "the claim was paid, and the employee was told that it had expired",
    );
    let report = passes(&scope, approvals(), |simulation, calls| claim(simulation, calls, Fixed::run));
    report.assert_reached(["paid", "expired"]);
}
