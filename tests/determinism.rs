//! One seed decides everything, and the check for that notices when it does not.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use temporal_sim::{Builder, Mock, Outcome, Worker, check_determinism, compare_runs};
use temporal_sim_fixtures::{
    Money,
    approval::{Approval, Claim, Decision, Mailer},
    pricing::{Inquiry, Rates, v2::PriceQuote},
};
use temporalio_client::{WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Several workflows at once: random numbers, local activities, timers, activities that fail and take their
/// time, signals of the official client, a cache that loses workflows at random.
fn business(simulation: Builder) {
    let send = Mock::new(Mailer::send)
        .script([Outcome::fail("no connection"), Outcome::succeed(()).after(HOUR)])
        .returns(());
    let pay = Mock::new(Mailer::pay).returns("payment".to_owned());
    let rates = Rates::default();
    let office = Worker::new("office")
        .workflow::<Approval>()
        .workflow::<PriceQuote>()
        .mock(send)
        .mock(pay)
        .activities(rates, (Rates::unit_price, Rates::discount))
        .evict_at_random(0.3);
    simulation.worker(office).run(async |sim| {
        let client = sim.client();
        let claim = Claim {
            id: "C-1".into(),
            employee: "Ada".into(),
            amount: Money::euros(1),
            approvers: vec!["Grace".into(), "Edsger".into()],
            patience: 2 * HOUR,
        };
        let options = WorkflowStartOptions::new("office", "claim-1").build();
        let claim = client.start_workflow(Approval::run, claim, options).await?;
        let inquiry = Inquiry { market: "Zurich".into(), units: 12, valid_for: 24 * HOUR };
        let quote = sim.execute(PriceQuote::run, inquiry);
        let decide = async {
            sim.sleep(4 * HOUR).await;
            let decision = Decision { by: "Edsger".into(), approved: true };
            claim.signal(Approval::decide, decision, WorkflowSignalOptions::default()).await?;
            anyhow::Ok(claim.get_result(WorkflowGetResultOptions::default()).await?)
        };
        let (quote, decided) = futures::join!(quote, decide);
        quote?;
        decided?;
        Ok(())
    });
}

#[test]
fn a_thousand_seeds_decide_everything() {
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let seed @ 0..1000 = next.fetch_add(1, Ordering::Relaxed) {
                    check_determinism(seed.into(), business);
                }
            });
        }
    });
}

#[test]
fn another_seed_is_another_run() {
    let runs = AtomicU32::new(0);
    let difference = compare_runs(7, |simulation| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        business(simulation.seed(u64::from(run)));
    });
    assert!(difference.is_err());
}

#[test]
fn state_that_the_first_run_left_behind_is_noticed() {
    let calls = AtomicU32::new(0);
    let difference = compare_runs(7, |simulation| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let send = Mock::new(Mailer::send).returns(());
        let office = Worker::new("office").workflow::<Approval>().mock(send);
        simulation.worker(office).run(async move |sim| {
            let claim = Claim {
                id: format!("C-{call}"),
                employee: "Ada".into(),
                amount: Money::euros(1),
                approvers: Vec::new(),
                patience: HOUR,
            };
            sim.execute(Approval::run, claim).await?;
            Ok(())
        });
    })
    .unwrap_err();
    let message = difference.to_string();
    assert!(message.starts_with("two runs with seed 7 differ at event 1 of \"Approval-1\""), "{message}");
    assert!(message.contains("first run:  {") && message.contains("second run: {"), "{message}");
}
