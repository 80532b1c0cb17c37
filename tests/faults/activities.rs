//! Faults of activity attempts.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{ActivityEffect, Fault, Outage, Plan, Recovery, When},
    policy::AttemptFailure,
};

use crate::shop::{Checkout, Export, Provider, worker};

fn busy() -> AttemptFailure {
    AttemptFailure { error_type: "Busy".to_owned(), ..Default::default() }
}

/// Runs a checkout whose first attempt goes wrong in this way. How often was it charged, and how many seconds did it take?
fn checkout(effect: ActivityEffect) -> (usize, u64) {
    let provider = Provider::default();
    let plan = Plan::new([Fault::activity("Provider::charge", When::once(), effect)]);
    let elapsed = Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.faults_fired(), [1]);
        Ok(sim.elapsed().as_secs())
    });
    (provider.charges(), elapsed)
}

#[test]
fn without_a_fault_it_is_charged_once() {
    let provider = Provider::default();
    Simulation::builder().worker(worker(&provider)).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.elapsed(), Duration::from_secs(2));
        assert!(sim.faults_fired().is_empty());
        Ok(())
    });
    assert_eq!(provider.charges(), 1);
}

#[test]
fn an_attempt_fails_before_or_after_its_work() {
    assert_eq!(checkout(ActivityEffect::Fail(busy())), (1, 1 + 2));
    assert_eq!(checkout(ActivityEffect::FailAfterwards(busy())), (2, 2 + 1 + 2));
}

#[test]
fn an_attempt_hangs() {
    assert_eq!(checkout(ActivityEffect::Hang), (1, 10 + 1 + 2));
}

#[test]
fn an_attempt_is_slow_and_perhaps_too_slow() {
    assert_eq!(checkout(ActivityEffect::Slow { by: Duration::from_secs(7) }), (1, 7 + 2));
    let (_, elapsed) = checkout(ActivityEffect::Slow { by: Duration::from_secs(9) });
    assert_eq!(elapsed, 10 + 1 + 2);
}

#[test]
fn an_answer_gets_lost_and_the_work_is_done_again() {
    assert_eq!(checkout(ActivityEffect::LoseAnswer), (2, 10 + 1 + 2));
}

#[test]
fn an_answer_is_late() {
    assert_eq!(checkout(ActivityEffect::AnswerLate { by: Duration::from_secs(5) }), (1, 7));
    assert_eq!(checkout(ActivityEffect::AnswerLate { by: Duration::from_secs(9) }), (2, 10 + 1 + 2));
}

#[test]
fn the_second_of_two_answers_is_refused() {
    assert_eq!(checkout(ActivityEffect::AnswerTwice), (1, 2));
}

#[test]
fn heartbeats_get_lost() {
    let provider = Provider::default();
    let plan = Plan::new([Fault::activity("Provider::export", When::once(), ActivityEffect::LoseHeartbeats)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        sim.execute(Export::run, ()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        assert_eq!(sim.elapsed(), Duration::from_secs(5 + 1 + 60));
        Ok(())
    });
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn the_provider_is_out_for_four_hours() {
    let provider = Provider::default();
    let outage = Outage::new("Provider::charge", Duration::ZERO, hours(4)).recovering(Recovery {
        until: hours(5),
        error_percent: 100,
        per_second: None,
    });
    Simulation::builder().worker(worker(&provider)).faults(Plan::new([outage.into()])).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        // The backoff is 100 s by then.
        assert!((hours(5)..hours(5) + Duration::from_secs(102)).contains(&sim.elapsed()));
        assert!(sim.faults_fired()[0] > 180);
        Ok(())
    });
    assert_eq!(provider.charges(), 1);
}
