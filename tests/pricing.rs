//! Price quotes: local activities, time and randomness of workflows, and a patch.

use insta::assert_snapshot;
use std::time::{Duration, UNIX_EPOCH};
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    outside::Outage,
    pricing::{
        Basis, Inquiry, Rates,
        v1::{self, PriceQuote as Old},
        v2::{self, PriceQuote as Patched},
        v3::{self, PriceQuote as Deprecated},
    },
};
use temporalio_client::WorkflowStartOptions;

fn rates(rates: &Rates) -> Worker {
    Worker::new("quotes").activities(rates.clone(), (Rates::unit_price, Rates::discount))
}

fn inquiry() -> Inquiry {
    Inquiry { market: "Zurich".into(), units: 100, valid_for: Duration::from_secs(24 * 3600) }
}

#[test]
fn short_pauses_stay_in_the_workflow_task_and_long_ones_become_timers() {
    let outside = Rates::default();
    outside.outages.plan("unit_price", vec![Outage::Unavailable; 3]);
    Simulation::builder().worker(rates(&outside).workflow::<Patched>()).run(async |sim| {
        let quote = sim.execute(v2::PriceQuote::run, inquiry()).await?;

        assert_eq!(quote.total, Money::euros(1140));
        assert_snapshot!(sim.history("PriceQuote-1")?.timeline(), @"");
        Ok(())
    });
}

#[test]
fn each_version_of_the_code_leaves_its_mark() {
    let timeline = |worker: fn(Worker) -> Worker| {
        Simulation::builder().worker(worker(rates(&Rates::default()))).run(async |sim| {
            sim.execute(v1::PriceQuote::run, inquiry()).await?;
            Ok(sim.history("PriceQuote-1")?.timeline().to_string())
        })
    };
    assert_snapshot!(timeline(|worker| worker.workflow::<Old>()), @"");
    assert_snapshot!(timeline(|worker| worker.workflow::<Patched>()), @"");
    assert_snapshot!(timeline(|worker| worker.workflow::<Deprecated>()), @"");
}

#[test]
fn time_and_randomness_come_from_the_simulation() {
    let basis = |seed| -> Basis {
        let start = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let worker = rates(&Rates::default()).workflow::<Deprecated>().max_cached_workflows(0);
        Simulation::builder().seed(seed).start_time(start).worker(worker).run(async |sim| {
            let options = WorkflowStartOptions::new("quotes", "q").build();
            let quote = sim.client().start_workflow(v3::PriceQuote::run, inquiry(), options).await?;
            sim.sleep(Duration::from_secs(3600)).await;
            let before = quote.query(v3::PriceQuote::basis, (), Default::default()).await?;
            quote.get_result(Default::default()).await?;
            let after = quote.query(v3::PriceQuote::basis, (), Default::default()).await?;
            assert_eq!(before, after, "a replay draws the same numbers");
            Ok(after)
        })
    };
    let quoted = basis(7);
    assert_eq!(quoted.priced_at, 1_900_000_000);
    assert_eq!(quoted.valid_until, quoted.priced_at + 24 * 3600);
    assert_eq!(quoted, basis(7));
    assert_ne!(quoted.id, basis(8).id);
}
