//! Whole simulations find the same as the model.

use std::time::Duration;

use futures::future::join_all;
use temporal_sim::{
    Builder, Failure, Mock, Worker,
    explore::{Exploration, Setting},
    faults::Outage,
    policy::ActivityOptions,
};

use crate::shop::{Checkout, Outside};

const MINUTE: Duration = Duration::from_secs(60);

fn minutes(minutes: u32) -> Duration {
    MINUTE * minutes
}

fn exploration() -> Exploration {
    Exploration::new(Outage::new("Outside::charge", MINUTE, minutes(40)))
        .arrivals((0..5).map(|index| minutes(7 * index)))
        .attempt_takes(Duration::ZERO)
        .axis("maximum_interval", [60, 600].map(Duration::from_secs), |options, interval| {
            options.retry_policy.maximum_interval = Some(interval);
        })
        .axis("schedule_to_close_timeout", [minutes(20), minutes(90)], |options, timeout| {
            options.schedule_to_close_timeout = Some(timeout);
        })
}

/// Charges at each arrival, with the options of the setting.
fn charge(simulation: Builder, setting: Setting) -> Result<(), Failure> {
    let charge = Mock::new(Outside::charge).returns("ok".to_owned());
    simulation.worker(Worker::new("shop").workflow::<Checkout>().mock(charge)).try_run(async move |sim| {
        sim.override_activity_options(Outside::charge, move |options| *options = setting.options.clone());
        let checkouts = setting.arrivals.iter().map(async |arrival| {
            sim.sleep(*arrival).await;
            // That some fail is what the score is about.
            let _ = sim.execute(Checkout::run, 100).await;
        });
        join_all(checkouts).await;
        Ok(())
    })
}

#[test]
fn whole_simulations_score_like_the_model() -> anyhow::Result<()> {
    let options =
        ActivityOptions { start_to_close_timeout: Some(Duration::from_secs(10)), ..Default::default() };
    let predicted = exploration().grid(&options)?;
    let simulated = exploration().simulate(&options, charge)?;
    assert_eq!(simulated, predicted, "\n{simulated}\n{predicted}");
    let rates: Vec<_> = simulated.rows().iter().map(|row| row.score.success_rate).collect();
    assert!(rates.contains(&1.0) && rates.iter().any(|rate| *rate < 1.0), "{rates:?}");
    assert_eq!(exploration().sample(2).simulate(&options, charge)?.rows().len(), 2);
    Ok(())
}
