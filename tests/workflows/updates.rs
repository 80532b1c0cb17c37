//! Updates: requests that a workflow validates, works on and answers.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use temporal_sim::{Builder, Mock, Outcome, Simulation, Worker, check_determinism};
use temporal_sim_fixtures::{features::updates::Departure, misbehaving::Greeter};
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowStartOptions, WorkflowUpdateWithStartOptions};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn worker() -> Worker {
    let greet = Mock::new(Greeter::greet)
        .script([Outcome::fail("nobody at the door"), Outcome::succeed("hello, nina".to_owned())])
        .returns("hello".to_owned());
    Worker::new("airport").workflow::<Departure>().mock(greet)
}

fn options() -> WorkflowStartOptions {
    WorkflowStartOptions::new("airport", "departure-1").build()
}

#[test]
fn an_update_is_answered_at_once_and_a_rejected_one_leaves_no_trace() {
    Simulation::builder().worker(worker()).run(async |sim| {
        let departure = sim.client().start_workflow(Departure::run, 3, options()).await?;
        assert_eq!(departure.execute_update(Departure::book, 2, Default::default()).await?, 2);

        let events = sim.history("departure-1")?.events().len();
        let taken = departure.execute_update(Departure::book, 2, Default::default()).await.unwrap_err();
        assert!(format!("{taken:?}").contains("seat 2 is taken"), "{taken:?}");
        assert_eq!(sim.history("departure-1")?.events().len(), events);
        assert_eq!(sim.elapsed(), Duration::ZERO);

        departure.signal(Departure::close, (), Default::default()).await?;
        assert_eq!(departure.get_result(Default::default()).await?, BTreeSet::from([1, 3]));
        Ok(())
    });
}

#[test]
fn an_update_takes_as_long_as_its_activities() {
    Simulation::builder().worker(worker()).run(async |sim| {
        let departure = sim.client().start_workflow(Departure::run, 1, options()).await?;
        let welcome =
            departure.start_update(Departure::welcome, "nina".to_owned(), Default::default()).await?;
        // It is accepted, and the activity is tried again after a second.
        assert_eq!(sim.elapsed(), Duration::ZERO);
        assert_eq!(welcome.get_result(Default::default()).await?, "hello, nina");
        assert_eq!(sim.elapsed(), Duration::from_secs(1));
        Ok(())
    });
}

#[test]
fn the_first_update_starts_the_workflow() {
    Simulation::builder().worker(worker()).run(async |sim| {
        let client = sim.client();
        for (seat, left) in [(1, 2), (3, 1)] {
            let options = WorkflowUpdateWithStartOptions::new(
                "airport",
                "departure-1",
                WorkflowIdConflictPolicy::UseExisting,
            );
            let booked = client
                .execute_update_with_start_workflow(Departure::run, 3, Departure::book, seat, options.build())
                .await?;
            assert_eq!(booked, left);
        }
        assert_eq!(sim.histories().len(), 1);
        Ok(())
    });
}

#[test]
fn an_update_fails_with_the_run_that_has_accepted_it() {
    let greet = Mock::new(Greeter::greet).script([Outcome::never()]);
    let worker = Worker::new("airport").workflow::<Departure>().mock(greet);
    Simulation::builder().worker(worker).run(async |sim| {
        let departure = sim.client().start_workflow(Departure::run, 3, options()).await?;
        let welcome =
            departure.start_update(Departure::welcome, "nina".to_owned(), Default::default()).await?;
        departure.terminate(Default::default()).await?;
        let closed = welcome.get_result(Default::default()).await.unwrap_err();
        assert!(format!("{closed:?}").contains("AcceptedUpdateCompletedWorkflow"), "{closed:?}");
        Ok(())
    });
}

/// Passengers that book at the same time, some of them the same seat, while the worker loses workflows from its cache.
fn rush(simulation: Builder) {
    simulation.worker(worker().evict_at_random(0.5)).run(async |sim| {
        let departure = sim.client().start_workflow(Departure::run, 4, options()).await?;
        for _ in 0..3 {
            let book = |seat| departure.execute_update(Departure::book, seat, Default::default());
            let welcome = departure.execute_update(Departure::welcome, "nina".to_owned(), Default::default());
            let (booked, welcomed) = futures::join!(join_all([1, 2, 2, 3].map(book)), welcome);
            drop((booked, welcomed?));
            departure.execute_update(Departure::cancel_booking, 3, Default::default()).await?;
            sim.sleep(HOUR).await;
        }
        departure.signal(Departure::close, (), Default::default()).await?;
        assert_eq!(departure.get_result(Default::default()).await?, BTreeSet::from([3, 4]));
        Ok(())
    });
}

#[test]
fn updates_repeat_with_the_seed() {
    for seed in 0..5 {
        check_determinism(seed, rush);
    }
}
