//! What the search for each mistake has in common.

use std::{env, fmt, time::Duration};

use proptest::strategy::Strategy;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use temporal_sim::{
    Builder, Failure, Simulation, Worker,
    strategies::{Scope, fault_plans},
    sweep::{Report, Sweep, SweepFailure},
};
use temporalio_client::{UntypedSignal, UntypedWorkflow, WorkflowCancelOptions, WorkflowSignalOptions};
use temporalio_common::data_converters::{PayloadConverter, RawValue};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// How many seeds it may take to find a mistake.
const TO_FIND: u64 = 500;

/// How many seeds a workflow without a mistake has to pass, if the environment does not say otherwise.
const TO_PASS: u64 = if cfg!(debug_assertions) { 400 } else { 2_000 };

/// In how many steps a mistake has to be shown: faults and calls.
const STEPS: usize = 10;

/// Up to three faults in the first minutes, with whatever these workers have.
pub(crate) fn scope<'a>(workers: impl IntoIterator<Item = &'a Worker>) -> Scope {
    Scope::of(workers).within(2 * MINUTE).at_most(3)
}

/// Checks that the sweep finds the mistake, and that it needs few steps to show it.
#[track_caller]
pub(crate) fn is_found<I>(
    scope: &Scope,
    inputs: impl Strategy<Value = I> + 'static,
    simulation: impl Fn(Builder, I) -> Result<(), Failure> + Sync,
    message: &str,
) -> SweepFailure
where
    I: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static,
{
    let report = Sweep::new(0..TO_FIND).faults(fault_plans(scope)).run_with(inputs, simulation);
    let failure = report.failure().expect("the mistake is found").clone();
    assert!(failure.message().contains(message), "{failure}");
    assert!(steps(&failure) <= STEPS, "{failure}");
    failure
}

/// Checks that the sweep has nothing to say about the workflow without the mistake.
#[track_caller]
pub(crate) fn passes<I>(
    scope: &Scope,
    inputs: impl Strategy<Value = I> + 'static,
    simulation: impl Fn(Builder, I) -> Result<(), Failure> + Sync,
) -> Report
where
    I: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static,
{
    let seeds = env::var("TEMPORAL_SIM_MISTAKE_SEEDS");
    let seeds = seeds.map_or(TO_PASS, |seeds| seeds.parse().expect("a number of seeds"));
    let report = Sweep::new(0..seeds).faults(fault_plans(scope)).run_with(inputs, simulation);
    report.assert_passed();
    report.assert_reached(["fault activity", "fault call", "fault worker_down", "fault workflow_task"]);
    report
}

/// The faults and calls that it takes; an input that is no list is a step.
fn steps(failure: &SweepFailure) -> usize {
    let inputs = match failure.input() {
        Value::Null => 0,
        Value::Array(calls) => calls.len(),
        _ => 1,
    };
    failure.plan().faults.len() + inputs
}

/// Signals a workflow. Whether the cluster says that it has the signal.
pub(crate) async fn signal<T: Serialize + Send + Sync + 'static>(
    sim: &Simulation,
    workflow_id: &str,
    name: &str,
    value: T,
) -> bool {
    let value = RawValue::from_value(&value, &PayloadConverter::default());
    let handle = sim.client().get_workflow_handle::<UntypedWorkflow>(workflow_id);
    handle.signal(UntypedSignal::new(name), value, WorkflowSignalOptions::default()).await.is_ok()
}

/// Asks a workflow to cancel, which it may refuse because it has closed.
pub(crate) async fn cancel(sim: &Simulation, workflow_id: &str) {
    let handle = sim.client().get_workflow_handle::<UntypedWorkflow>(workflow_id);
    let _ = handle.cancel(WorkflowCancelOptions::default()).await;
}
