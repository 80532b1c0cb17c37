//! Order fulfilment: activities in parallel, and what happens to the others when one of them fails.

use insta::assert_snapshot;
use temporal_sim::{ExecuteError, Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    order::{Line, Order, OrderFulfilment, Shortage, Warehouse},
    outside::Outage,
};
use temporalio_common::error::IncomingError;

fn warehouse() -> Warehouse {
    Warehouse::with_stock([("tea", 10), ("cups", 4), ("pot", 1)])
}

fn worker(warehouse: &Warehouse) -> Worker {
    let activities = (Warehouse::reserve, Warehouse::release, Warehouse::charge, Warehouse::ship);
    Worker::new("orders").workflow::<OrderFulfilment>().activities(warehouse.clone(), activities)
}

fn order(lines: &[(&str, u32)]) -> Order {
    let line = |&(sku, quantity): &(&str, u32)| Line { sku: sku.into(), quantity, price: Money::euros(5) };
    Order { id: "o-1".into(), address: "1 Harbour Street".into(), lines: lines.iter().map(line).collect() }
}

#[test]
fn every_line_is_reserved_at_the_same_time() {
    let warehouse = warehouse();
    Simulation::builder().worker(worker(&warehouse)).run(async move |sim| {
        let shipment =
            sim.execute(OrderFulfilment::run, order(&[("tea", 2), ("cups", 4), ("pot", 1)])).await?;

        assert_eq!(shipment.charged, Money::euros(35));
        assert_eq!((warehouse.available("tea"), warehouse.available("cups")), (8, 0));
        assert_snapshot!(sim.history("OrderFulfilment-1")?.timeline().payload_limit(40), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    OrderFulfilment({"id":"o-1","address":"1 Harbour Street…)
         5  +00:00:00.000  ActivityTaskScheduled       #1 Warehouse::reserve({"order":"o-1","line":{"sku":"tea","qua…)
         6  +00:00:00.000  ActivityTaskScheduled       #2 Warehouse::reserve({"order":"o-1","line":{"sku":"cups","qu…)
         7  +00:00:00.000  ActivityTaskScheduled       #3 Warehouse::reserve({"order":"o-1","line":{"sku":"pot","qua…)
         9  +00:00:00.000  ActivityTaskCompleted       #1 Warehouse::reserve -> {"id":"o-1/tea","sku":"tea","quantity":…
        15  +00:00:00.000  ActivityTaskCompleted       #2 Warehouse::reserve -> {"id":"o-1/cups","sku":"cups","quantity…
        16  +00:00:00.000  ActivityTaskCompleted       #3 Warehouse::reserve -> {"id":"o-1/pot","sku":"pot","quantity":…
        20  +00:00:00.000  ActivityTaskScheduled       #4 Warehouse::charge({"order":"o-1","amount":3500})
        22  +00:00:00.000  ActivityTaskCompleted       #4 Warehouse::charge -> "charge-o-1"
        26  +00:00:00.000  ActivityTaskScheduled       #5 Warehouse::ship({"id":"o-1","address":"1 Harbour Street…)
        28  +00:00:00.000  ActivityTaskCompleted       #5 Warehouse::ship -> "track-o-1"
        32  +00:00:00.000  WorkflowExecutionCompleted  -> {"tracking":"track-o-1","charged":3500}
        "#);
        Ok(())
    });
}

#[test]
fn if_one_line_is_missing_the_others_are_released() {
    let warehouse = warehouse();
    Simulation::builder().worker(worker(&warehouse)).run(async move |sim| {
        let outcome = sim.execute(OrderFulfilment::run, order(&[("tea", 2), ("cups", 6), ("pot", 1)])).await;
        let Err(ExecuteError::Failed(failure)) = outcome else { panic!("there are not enough cups") };
        let IncomingError::Application(failure) = *failure else { panic!("{failure:?}") };

        let shortage: Shortage = failure.details()?.expect("the failure says what is missing");
        assert_eq!(shortage.missing["cups"], "6 wanted, 4 left");
        assert_eq!((warehouse.available("tea"), warehouse.available("pot")), (10, 1));
        assert_snapshot!(sim.history("OrderFulfilment-1")?.timeline().payload_limit(40), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted  OrderFulfilment({"id":"o-1","address":"1 Harbour Street…)
         5  +00:00:00.000  ActivityTaskScheduled     #1 Warehouse::reserve({"order":"o-1","line":{"sku":"tea","qua…)
         6  +00:00:00.000  ActivityTaskScheduled     #2 Warehouse::reserve({"order":"o-1","line":{"sku":"cups","qu…)
         7  +00:00:00.000  ActivityTaskScheduled     #3 Warehouse::reserve({"order":"o-1","line":{"sku":"pot","qua…)
         9  +00:00:00.000  ActivityTaskCompleted     #1 Warehouse::reserve -> {"id":"o-1/tea","sku":"tea","quantity":…
        15  +00:00:00.000  ActivityTaskFailed        #2 Warehouse::reserve: OutOfStock: 6 wanted, 4 left (non-retryable)
        16  +00:00:00.000  ActivityTaskCompleted     #3 Warehouse::reserve -> {"id":"o-1/pot","sku":"pot","quantity":…
        20  +00:00:00.000  ActivityTaskScheduled     #4 Warehouse::release({"id":"o-1/tea","sku":"tea","quantity":…)
        21  +00:00:00.000  ActivityTaskScheduled     #5 Warehouse::release({"id":"o-1/pot","sku":"pot","quantity":…)
        23  +00:00:00.000  ActivityTaskCompleted     #4 Warehouse::release -> ()
        26  +00:00:00.000  ActivityTaskCompleted     #5 Warehouse::release -> ()
        29  +00:00:00.000  WorkflowExecutionFailed   OrderUnfulfillable: order o-1 cannot be fulfilled: no cups (non-retryable, details {"missing":{"cups":"6 wanted, 4 left"}})
        "#);
        Ok(())
    });
}

#[test]
fn nothing_stays_reserved_whatever_the_order_in_which_activities_finish() {
    for seed in 0..20 {
        let warehouse = warehouse();
        warehouse.outages.plan("reserve", [Outage::Unavailable, Outage::Unavailable]);
        Simulation::builder().seed(seed).worker(worker(&warehouse)).run(async move |sim| {
            assert!(
                sim.execute(OrderFulfilment::run, order(&[("tea", 2), ("cups", 6), ("pot", 1)]))
                    .await
                    .is_err()
            );
            assert_eq!((warehouse.available("tea"), warehouse.available("pot")), (10, 1));
            Ok(())
        });
    }
}

#[test]
fn a_declined_card_releases_everything() {
    let warehouse = warehouse();
    warehouse.outages.plan("charge", [Outage::Refused("CardDeclined".to_owned())]);
    Simulation::builder().worker(worker(&warehouse)).run(async move |sim| {
        assert!(sim.execute(OrderFulfilment::run, order(&[("tea", 2)])).await.is_err());
        assert_eq!(warehouse.available("tea"), 10);
        Ok(())
    });
}
