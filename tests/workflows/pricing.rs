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
        assert_snapshot!(sim.history("PriceQuote-1")?.timeline(), @r#"
         1     +00:00:00.000  WorkflowExecutionStarted        PriceQuote({"market":"Zurich","units":100,"valid_for":{"secs":86400,"nanos":0}})
         5     +00:00:02.000  MarkerRecorded                  local activity #1 Rates::unit_price, attempt 3: SystemUnavailable: unit_price: no answer
         6     +00:00:02.000  TimerStarted                    #1 for 4.5s
         7     +00:00:06.500  TimerFired                      #1
        11     +00:00:06.500  MarkerRecorded                  local activity #2 Rates::unit_price, attempt 4 -> 1200
        12     +00:00:06.500  MarkerRecorded                  patch bulk-discount
        13     +00:00:06.500  UpsertWorkflowSearchAttributes  TemporalChangeVersion=["bulk-discount"]
        14     +00:00:06.500  MarkerRecorded                  local activity #3 Rates::discount -> 5
        15     +00:00:06.500  TimerStarted                    #2 for 1d
        16  +1d 00:00:06.500  TimerFired                      #2
        20  +1d 00:00:06.500  WorkflowExecutionCompleted      -> {"unit":1200,"total":114000,"considers_discount":true}
        "#);
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
    assert_snapshot!(timeline(|worker| worker.workflow::<Old>()), @r#"
     1     +00:00:00.000  WorkflowExecutionStarted    PriceQuote({"market":"Zurich","units":100,"valid_for":{"secs":86400,"nanos":0}})
     5     +00:00:00.000  MarkerRecorded              local activity #1 Rates::unit_price -> 1200
     6     +00:00:00.000  TimerStarted                #1 for 1d
     7  +1d 00:00:00.000  TimerFired                  #1
    11  +1d 00:00:00.000  WorkflowExecutionCompleted  -> {"unit":1200,"total":120000,"considers_discount":false}
    "#);
    assert_snapshot!(timeline(|worker| worker.workflow::<Patched>()), @r#"
     1     +00:00:00.000  WorkflowExecutionStarted        PriceQuote({"market":"Zurich","units":100,"valid_for":{"secs":86400,"nanos":0}})
     5     +00:00:00.000  MarkerRecorded                  local activity #1 Rates::unit_price -> 1200
     6     +00:00:00.000  MarkerRecorded                  patch bulk-discount
     7     +00:00:00.000  UpsertWorkflowSearchAttributes  TemporalChangeVersion=["bulk-discount"]
     8     +00:00:00.000  MarkerRecorded                  local activity #2 Rates::discount -> 5
     9     +00:00:00.000  TimerStarted                    #1 for 1d
    10  +1d 00:00:00.000  TimerFired                      #1
    14  +1d 00:00:00.000  WorkflowExecutionCompleted      -> {"unit":1200,"total":114000,"considers_discount":true}
    "#);
    assert_snapshot!(timeline(|worker| worker.workflow::<Deprecated>()), @r#"
     1     +00:00:00.000  WorkflowExecutionStarted        PriceQuote({"market":"Zurich","units":100,"valid_for":{"secs":86400,"nanos":0}})
     5     +00:00:00.000  MarkerRecorded                  local activity #1 Rates::unit_price -> 1200
     6     +00:00:00.000  MarkerRecorded                  patch bulk-discount (deprecated)
     7     +00:00:00.000  UpsertWorkflowSearchAttributes  TemporalChangeVersion=["bulk-discount"]
     8     +00:00:00.000  MarkerRecorded                  local activity #2 Rates::discount -> 5
     9     +00:00:00.000  TimerStarted                    #1 for 1d
    10  +1d 00:00:00.000  TimerFired                      #1
    14  +1d 00:00:00.000  WorkflowExecutionCompleted      -> {"unit":1200,"total":114000,"considers_discount":true}
    "#);
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
