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
        assert_snapshot!(sim.history("acme")?.timeline(), @r#"
         1      +00:00:00.000  WorkflowExecutionStarted    Subscription({"customer":"acme","plan":"Basic","period":{"secs":2592000,"nanos":0},"periods"…)
         5      +00:00:00.000  ActivityTaskScheduled       #1 Billing::charge({"customer":"acme","period":1,"amount":1900})
         7      +00:00:00.000  ActivityTaskCompleted       #1 Billing::charge -> "acme-001"
        11      +00:00:00.000  TimerStarted                #1 for 30d
        12  +30d 00:00:00.000  TimerFired                  #1
        16  +30d 00:00:00.000  ActivityTaskScheduled       #2 Billing::charge({"customer":"acme","period":2,"amount":1900})
        18  +30d 00:00:00.000  ActivityTaskCompleted       #2 Billing::charge -> "acme-002"
        22  +30d 00:00:00.000  TimerStarted                #2 for 30d
        23  +40d 00:00:00.000  WorkflowExecutionSignaled   change_plan("Pro")
        27  +60d 00:00:00.000  TimerFired                  #2
        31  +60d 00:00:00.000  ActivityTaskScheduled       #3 Billing::charge({"customer":"acme","period":3,"amount":4900})
        33  +60d 00:00:00.000  ActivityTaskCompleted       #3 Billing::charge -> "acme-003"
        37  +60d 00:00:00.000  TimerStarted                #3 for 30d
        38  +90d 00:00:00.000  TimerFired                  #3
        42  +90d 00:00:00.000  WorkflowExecutionCompleted  -> {"state":"Ended","plan":"Pro","periods_billed":3,"paid":8700}
        "#);
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
        assert_snapshot!(sim.history("Subscription-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    Subscription({"customer":"acme","plan":"Pro","period":{"secs":2592000,"nanos":0},"periods":1…)
         5  +00:00:00.000  ActivityTaskScheduled       #1 Billing::charge({"customer":"acme","period":1,"amount":4900})
         7  +00:00:00.000  ActivityTaskFailed          #1 Billing::charge: CardDeclined: acme declined 49.00 EUR (non-retryable)
        11  +00:00:00.000  ActivityTaskScheduled       #2 Billing::suspend("acme")
        13  +00:00:00.000  ActivityTaskCompleted       #2 Billing::suspend -> ()
        17  +00:00:00.000  WorkflowExecutionCompleted  -> {"state":"Suspended","plan":"Pro","periods_billed":0,"paid":0}
        "#);
        Ok(())
    });
}
