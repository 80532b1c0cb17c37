//! Queries and signals: before, during and after.

use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::features::queries::Truck;
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
