use insta::assert_snapshot;

use super::*;
use crate::faults::Recovery;

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn options() -> ActivityOptions {
    ActivityOptions { start_to_close_timeout: Some(Duration::from_secs(10)), ..Default::default() }
}

fn exploration() -> Exploration {
    Exploration::new(Outage::new("charge", hours(0), hours(4)))
        .axis("maximum_interval", [60, 600, 3600].map(Duration::from_secs), |options, interval| {
            options.retry_policy.maximum_interval = Some(interval);
        })
        .axis("schedule_to_close_timeout", [hours(3), hours(6)], |options, timeout| {
            options.schedule_to_close_timeout = Some(timeout);
        })
}

#[test]
fn the_provider_is_down_for_four_hours() -> Result<(), InvalidOptions> {
    let explored = exploration().grid(&options())?;
    assert_snapshot!(explored, @"
    maximum_interval  schedule_to_close_timeout  success rate  recovery  attempts  longest silence
    60s               10800s                     74 %          1m 1s     11754     1m
    60s               21600s                     100 %         1m 1s     12557     1m
    600s              10800s                     73 %          9m 49s    2088      10m
    600s              21600s                     100 %         10m 1s    2187      10m
    3600s             10800s                     53 %          58m 53s   1347      1h
    3600s             21600s                     100 %         58m 55s   1416      1h
    ");
    assert_snapshot!(explored.to_csv(), @"
    maximum_interval,schedule_to_close_timeout,success_rate,recovery_s,attempts,longest_silence_s
    60s,10800s,0.74,61,11754,60
    60s,21600s,1,61,12557,60
    600s,10800s,0.73,589,2088,600
    600s,21600s,1,601,2187,600
    3600s,10800s,0.53,3533,1347,3600
    3600s,21600s,1,3535,1416,3600
    ");
    Ok(())
}

#[test]
fn a_page_has_a_map_for_each_metric_and_all_values() -> Result<(), InvalidOptions> {
    let page = exploration()
        .axis("maximum_attempts", [5, 0], |options, attempts| {
            options.retry_policy.maximum_attempts = attempts
        })
        .grid(&options())?
        .to_html();
    assert_eq!(page.matches("<svg").count(), 2 * 4);
    assert!(!page.contains("href"), "the page needs nothing else");
    for expected in ["maximum_interval", "3600s", "maximum_attempts", "recovery", "100 %"] {
        assert!(page.contains(expected), "{expected}");
    }
    Ok(())
}

#[test]
fn what_the_server_refuses_cannot_be_explored() {
    let refused = exploration()
        .axis("backoff_coefficient", [0.5], |options, it| options.retry_policy.backoff_coefficient = it)
        .grid(&options())
        .expect_err("the coefficient is below 1");
    assert_eq!(refused.to_string(), "BackoffCoefficient cannot be less than 1 on retry policy.");
}

#[test]
fn a_system_that_takes_few_calls_takes_longer_to_recover() -> Result<(), InvalidOptions> {
    let recovery = |per_second| {
        let recovery = Recovery { until: hours(8), error_percent: 50, per_second };
        let outage = Outage::new("charge", hours(0), hours(1)).recovering(recovery);
        let arrivals = (0..50).map(|_| Duration::ZERO);
        let explored = Exploration::new(outage).arrivals(arrivals).grid(&options())?;
        Ok(explored.rows()[0].score)
    };
    let (free, limited) = (recovery(None)?, recovery(Some(1))?);
    assert_eq!((free.success_rate, limited.success_rate), (1.0, 1.0));
    assert!(limited.recovery > free.recovery, "{limited:?} {free:?}");
    assert!(limited.attempts > free.attempts);
    Ok(())
}

#[test]
fn nothing_to_explore_is_one_row() -> Result<(), InvalidOptions> {
    let explored =
        Exploration::new(Outage::new("charge", hours(0), hours(1))).arrivals([]).grid(&options())?;
    assert_eq!(explored.rows().len(), 1);
    assert_eq!(explored.rows()[0].score.attempts, 0);
    assert_eq!(explored.to_html().matches("<svg").count(), 4);
    Ok(())
}

#[test]
fn a_sample_is_a_part_of_the_grid_that_the_seed_draws() -> Result<(), InvalidOptions> {
    let grid = exploration().grid(&options())?;
    let sample = exploration().sample(4).seed(3).grid(&options())?;
    assert_eq!(sample.rows().len(), 4);
    assert!(sample.rows().iter().all(|row| grid.rows().contains(row)), "{sample}");
    assert_eq!(sample, exploration().sample(4).seed(3).grid(&options())?);
    let others = (0..8).map(|seed| exploration().sample(4).seed(seed).grid(&options()));
    assert!(others.filter_map(Result::ok).any(|other| other.rows() != sample.rows()));
    assert_eq!(exploration().sample(100).grid(&options())?, grid);
    assert!(sample.to_html().contains("<svg"), "a map with holes is a map");
    Ok(())
}
