//! A patch is forgotten.

use std::{future::pending, time::Duration};

use futures::future::join;
use proptest::strategy::Strategy;
use temporal_sim::{Builder, Failure, Worker, strategies::instants};
use temporal_sim_fixtures::mistakes::patch_forgotten::{Shop, before, buggy, fixed};

use crate::common::{HOUR, MINUTE, is_found, passes, scope};

fn shop(identity: &str) -> Worker {
    Worker::new("shop").identity(identity).activities(Shop, (Shop::reserve, Shop::confirm, Shop::ship))
}

fn old() -> Worker {
    shop("old").workflow::<before::Order>()
}

/// In which second the deployment is.
fn deployments() -> impl Strategy<Value = u64> {
    instants(2 * HOUR, &[HOUR]).prop_map(|at| at.as_secs())
}

/// An order that begins before the deployment, and one that begins after it.
fn orders(simulation: Builder, deployed_after: u64, new: Worker) -> Result<(), Failure> {
    let deployed_after = Duration::from_secs(deployed_after);
    let new = new.starts_after(deployed_after);
    simulation.worker(old()).worker(new).settles_within(6 * HOUR).try_run(async move |sim| {
        let deployment = async {
            sim.sleep(deployed_after).await;
            // It may take the old worker long to finish what it has begun.
            let _ = sim.shutdown_worker("old").await;
            pending::<()>().await;
        };
        let before = sim.execute(before::Order::run, "tea".to_owned());
        let after = async {
            sim.sleep(deployed_after + MINUTE).await;
            sim.execute(before::Order::run, "coffee".to_owned()).await
        };
        tokio::select! {
            () = deployment => {}
            (before, after) = join(before, after) => before.and(after)?,
        }
        Ok(())
    })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&old(), &shop("new").workflow::<fixed::Order>()]).within(10 * MINUTE);
    let failure = is_found(
        &scope,
        deployments(),
        |simulation, at| orders(simulation, at, shop("new").workflow::<buggy::Order>()),
        "NON_DETERMINISTIC_ERROR",
    );
    assert!(failure.plan().faults.is_empty(), "a deployment is enough: {failure}");
    let report = passes(&scope, deployments(), |simulation, at| {
        orders(simulation, at, shop("new").workflow::<fixed::Order>())
    });
    report.assert_reached(["patch confirmation"]);
}
