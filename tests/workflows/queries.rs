//! Queries, signals and updates: before, during and after.

use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    features::{queries::Truck, updates::Departure},
    misbehaving::Greeter,
};
use temporalio_client::WorkflowStartOptions;

fn options() -> WorkflowStartOptions {
    WorkflowStartOptions::new("depot", "truck-1").build()
}

#[test]
fn a_query_sees_the_signals_before_it() {
    Simulation::builder().worker(Worker::new("depot").workflow::<Truck>()).run(async |sim| {
        let truck = sim.client().start_workflow(Truck::run, 100, options()).await?;
        for kilograms in [30, 50] {
            truck.signal(Truck::put, kilograms, Default::default()).await?;
        }
        assert_eq!(truck.query(Truck::weight, (), Default::default()).await?, 80);
        assert_eq!(truck.query(Truck::license_plate, (), Default::default()).await?, "TRUCK-1");
        Ok(())
    });
}

#[test]
fn a_query_may_fail_without_harm() {
    Simulation::builder().worker(Worker::new("depot").workflow::<Truck>()).run(async |sim| {
        let truck = sim.client().start_workflow(Truck::run, 100, options()).await?;
        let error = truck.query(Truck::parcel, 3, Default::default()).await.unwrap_err();
        assert!(error.to_string().contains("only 0 parcels"), "{error}");

        truck.signal(Truck::put, 120, Default::default()).await?;
        assert_eq!(truck.get_result(Default::default()).await?, 120);
        Ok(())
    });
}

#[test]
fn a_closed_workflow_still_answers() {
    let worker = Worker::new("depot").workflow::<Truck>().max_cached_workflows(0);
    Simulation::builder().worker(worker).run(async |sim| {
        let truck = sim.client().start_workflow(Truck::run, 100, options()).await?;
        for kilograms in [30, 50, 25] {
            truck.signal(Truck::put, kilograms, Default::default()).await?;
        }
        assert_eq!(truck.get_result(Default::default()).await?, 105);

        sim.sleep(Duration::from_secs(3600)).await;
        assert_eq!(truck.query(Truck::parcel, 2, Default::default()).await?, 25);
        Ok(())
    });
}

#[test]
fn an_update_is_validated_before_it_is_accepted() {
    let worker = Worker::new("depot").workflow::<Departure>().activity(Greeter::greet, Greeter);
    Simulation::builder().worker(worker).run(async |sim| {
        let departure = sim.client().start_workflow(Departure::run, 3, options()).await?;

        assert_eq!(departure.execute_update(Departure::book, 2, Default::default()).await?, 2);
        let taken = departure.execute_update(Departure::book, 2, Default::default()).await.unwrap_err();
        assert!(format!("{taken:?}").contains("seat 2 is taken"), "{taken:?}");

        let welcome = departure.execute_update(Departure::welcome, "nina".into(), Default::default()).await?;
        assert_eq!(welcome, "hello, nina");

        departure.signal(Departure::close, (), Default::default()).await?;
        assert_eq!(departure.get_result(Default::default()).await?, [1, 3].into());
        Ok(())
    });
}
