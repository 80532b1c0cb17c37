//! A job that is started every hour overlaps with the one of the hour before.

use temporal_sim::{Builder, Failure, Worker, invariants::Invariant};
use temporal_sim_fixtures::mistakes::cron_overlap::{Books, CloseBooks, buggy, fixed};
use temporalio_client::schedules::{CreateScheduleOptions, DeleteScheduleOptions};

use crate::common::{HOUR, is_found, passes, scope};

fn worker() -> Worker {
    Worker::new("books").workflow::<CloseBooks>().activities(Books, (Books::close,))
}

fn a_few_hours(simulation: Builder, schedule: CreateScheduleOptions) -> Result<(), Failure> {
    simulation
        .worker(worker())
        .invariants([Invariant::runs_one_at_a_time("CloseBooks")])
        .settles_within(24 * HOUR)
        .try_run(async move |sim| {
            let schedule = sim.client().create_schedule("hourly", schedule).await?;
            sim.sleep(2 * HOUR + HOUR / 2).await;
            Ok(schedule.delete(DeleteScheduleOptions::default()).await?)
        })
}

#[test]
fn is_found_and_fixed() {
    let scope = scope([&worker()]).within(2 * HOUR);
    let failure = is_found(
        &scope,
        1..=90_u32,
        |simulation, minutes| a_few_hours(simulation, buggy("books", minutes)),
        "CloseBooks runs one at a time: it starts while",
    );
    assert!(failure.plan().faults.len() <= 1, "{failure}");
    passes(&scope, 1..=90_u32, |simulation, minutes| a_few_hours(simulation, fixed("books", minutes)));
}
