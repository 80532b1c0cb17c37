//! The payment provider is down for four hours and slow for another one. Which retry policy is right?
//!
//! Prints a table; with a file name, writes a page with heat maps there.

use std::{env, error::Error, fs, time::Duration};

use temporal_sim::{
    explore::Exploration,
    faults::{Outage, Recovery},
    policy::ActivityOptions,
};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    let recovery = Recovery { until: minutes(300), error_percent: 30, per_second: Some(2) };
    let outage = Outage::new("charge", minutes(0), minutes(240)).recovering(recovery);
    let options =
        ActivityOptions { start_to_close_timeout: Some(Duration::from_secs(10)), ..Default::default() };
    let explored = Exploration::new(outage)
        .axis("maximum_interval", [1, 2, 5, 10, 30, 60].map(minutes), |options, interval| {
            options.retry_policy.maximum_interval = Some(interval);
        })
        .axis("schedule_to_close", [60, 120, 180, 240, 360].map(minutes), |options, timeout| {
            options.schedule_to_close_timeout = Some(timeout);
        })
        .axis("backoff_coefficient", [1.5, 3.0], |options, coefficient| {
            options.retry_policy.backoff_coefficient = coefficient;
        })
        .grid(&options)?;
    match env::args().nth(1) {
        Some(path) => fs::write(path, explored.to_html())?,
        None => println!("{explored}"),
    }
    Ok(())
}
