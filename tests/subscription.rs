//! Subscription: a workflow of a year takes no time, and signals change it on the way.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    outside::Outage,
    subscription::{Billing, Contract, Plan, State, Subscription},
};
use temporalio_client::WorkflowStartOptions;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: Duration = DAY.saturating_mul(30);

fn worker(billing: &Billing) -> Worker {
    Worker::new("billing")
        .workflow::<Subscription>()
        .activities(billing.clone(), (Billing::charge, Billing::suspend))
}

fn contract(periods: u32) -> Contract {
    Contract { customer: "acme".into(), plan: Plan::Basic, period: MONTH, periods }
}

fn options() -> WorkflowStartOptions {
    WorkflowStartOptions::new("billing", "acme").build()
}

#[test]
fn a_year_is_billed_month_by_month() {
    let billing = Billing::default();
    Simulation::builder().worker(worker(&billing)).run(async move |sim| {
        let status = sim.execute(Subscription::run, contract(12)).await?;

        assert_eq!((status.state, status.paid), (State::Ended, Money::euros(12 * 19)));
        assert_eq!(sim.elapsed(), MONTH * 12);
        let periods: Vec<_> = billing.charges().iter().map(|charge| charge.period).collect();
        assert_eq!(periods, (1..=12).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn another_plan_counts_from_the_next_period_on() {
    let billing = Billing::default();
    Simulation::builder().worker(worker(&billing)).run(async move |sim| {
        let subscription = sim.client().start_workflow(Subscription::run, contract(3), options()).await?;

        sim.sleep(MONTH + 10 * DAY).await;
        subscription.signal(Subscription::change_plan, Plan::Pro, Default::default()).await?;
        let status = subscription.query(Subscription::status, (), Default::default()).await?;
        assert_eq!((status.periods_billed, status.paid), (2, Money::euros(19 + 19)));

        let status = subscription.get_result(Default::default()).await?;
        assert_eq!(status.paid, Money::euros(19 + 19 + 49));
        assert_snapshot!(sim.history("acme")?.timeline(), @"");
        Ok(())
    });
}

#[test]
fn whoever_leaves_is_not_billed_again() {
    let billing = Billing::default();
    Simulation::builder().worker(worker(&billing)).run(async move |sim| {
        let subscription = sim.client().start_workflow(Subscription::run, contract(12), options()).await?;

        sim.sleep(MONTH * 2 + DAY).await;
        subscription.signal(Subscription::leave, (), Default::default()).await?;

        let status = subscription.get_result(Default::default()).await?;
        assert_eq!((status.state, status.periods_billed), (State::Left, 3));
        assert_eq!(sim.elapsed(), MONTH * 2 + DAY, "it ends at once");
        Ok(())
    });
}

#[test]
fn an_outage_of_a_day_delays_a_charge_and_loses_nothing() {
    let billing = Billing::default();
    billing.outages.plan("charge", vec![Outage::Unavailable; 10]);
    Simulation::builder().worker(worker(&billing)).run(async move |sim| {
        let status = sim.execute(Subscription::run, contract(1)).await?;

        assert_eq!((status.state, status.periods_billed), (State::Ended, 1));
        let pauses = [1, 4, 16, 64, 256, 1024, 4096, 16384].iter().sum::<u64>() + 2 * 6 * 3600;
        assert_eq!(sim.elapsed(), MONTH + Duration::from_secs(pauses));
        Ok(())
    });
}

#[test]
fn a_refused_charge_suspends_the_customer() {
    let billing = Billing::with_limit(Money::euros(30));
    Simulation::builder().worker(worker(&billing)).run(async move |sim| {
        let contract = Contract { plan: Plan::Pro, ..contract(12) };
        let status = sim.execute(Subscription::run, contract).await?;

        assert_eq!((status.state, status.paid), (State::Suspended, Money::ZERO));
        assert_snapshot!(sim.history("Subscription-1")?.timeline(), @"");
        Ok(())
    });
}
