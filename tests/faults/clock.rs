//! Steps of the clock.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{Fault, Plan, When, WorkflowTaskEffect},
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::shop::{Checkout, Naps, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_timer_comes_due_at_once_that_the_clock_leaps_over() {
    let plan = Plan::new([Fault::clock_step(HOUR / 2, 10 * HOUR)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let began = tokio::time::Instant::now();
        sim.execute(Naps::run, ()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        // The first of three naps of an hour ended after half an hour.
        assert_eq!(began.elapsed(), 5 * HOUR / 2);
        assert_eq!(sim.elapsed(), 25 * HOUR / 2);
        let history = sim.history("Naps-1")?;
        let fired = history.events().iter().find(|event| event.event_type() == EventType::TimerFired);
        let fired = fired.and_then(|event| event.event_time).expect("a time");
        let started = history.events()[0].event_time.expect("a time");
        assert_eq!(fired.seconds - started.seconds, 10 * 3600 + 1800, "when the clock said so");
        Ok(())
    });
}

#[test]
fn an_attempt_times_out_that_has_run_for_a_second() {
    let provider = Provider::default();
    let plan = Plan::new([Fault::clock_step(SECOND, HOUR)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        let timeline = sim.history("Checkout-1")?.timeline().to_string();
        assert!(timeline.contains("attempt 1 timed out"), "{timeline}");
        // The time of a retry counts from the step.
        assert_eq!(sim.elapsed(), HOUR + SECOND + SECOND + 2 * SECOND);
        Ok(())
    });
    assert_eq!(provider.charges(), 2, "its code went on");
}

#[test]
fn faults_go_by_the_clock_and_end_by_it() {
    let lose = || Fault::workflow_task("Naps", When { from: HOUR, ..When::once() }, WorkflowTaskEffect::Lose);
    let plan = Plan::new([Fault::clock_step(SECOND, 2 * HOUR), Fault::eviction(0, HOUR), lose()]);
    let fired = |plan: Plan| {
        Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
            let naps = sim.execute(Naps::run, ());
            let until_the_step_is_over = async {
                sim.advance_to(sim.now() + 2 * HOUR).await;
                assert_eq!(sim.elapsed(), 2 * HOUR + SECOND);
            };
            futures::join!(naps, until_the_step_is_over).0?;
            Ok(sim.faults_fired())
        })
    };
    assert_eq!(fired(plan.clone()), [1, 1, 1]);
    assert_eq!(fired(plan.ending(HOUR / 2)), [1, 0, 0], "the step leaps over the end of the faults");
}

#[test]
fn waiting_until_nothing_happens_goes_by_the_clock() {
    let plan = Plan::new([Fault::clock_step(HOUR / 2, HOUR), Fault::clock_step(2 * HOUR, HOUR)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let other = sim.clone();
        let began = tokio::time::Instant::now();
        let (result, ()) = futures::join!(other.execute(Naps::run, ()), sim.run_until_idle());
        result?;
        assert_eq!(sim.faults_fired(), [1, 1]);
        assert!((2 * HOUR..2 * HOUR + SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
        Ok(())
    });
}

#[test]
fn steps_that_go_too_far_are_refused() {
    let plan =
        Plan::new([Fault::clock_step(Duration::ZERO, Duration::MAX), Fault::clock_step(SECOND, SECOND)]);
    let failure = Simulation::builder()
        .worker(worker(&Provider::default()))
        .faults(plan)
        .try_run(async |_| Ok(()))
        .expect_err("too far");
    assert!(failure.to_string().contains("at most 100 years are possible"), "{failure}");
}
