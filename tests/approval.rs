//! Approval: a signal against a timer, both ways.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    approval::{Approval, Claim, Decision, Mailer, Outcome},
};
use temporalio_client::WorkflowStartOptions;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn worker(mailer: &Mailer) -> Worker {
    Worker::new("expenses").workflow::<Approval>().activities(mailer.clone(), (Mailer::send, Mailer::pay))
}

fn claim() -> Claim {
    Claim {
        id: "c1".into(),
        employee: "erin".into(),
        amount: Money::cents(4250),
        approvers: vec!["mona".into(), "boris".into()],
        patience: 2 * DAY,
    }
}

fn options() -> WorkflowStartOptions {
    WorkflowStartOptions::new("expenses", "claim-c1").build()
}

fn decision(by: &str, approved: bool) -> Decision {
    Decision { by: by.into(), approved }
}

#[test]
fn a_decision_in_time_cancels_the_timer() {
    let mailer = Mailer::default();
    Simulation::builder().worker(worker(&mailer)).run(async move |sim| {
        let claim = sim.client().start_workflow(Approval::run, claim(), options()).await?;

        sim.sleep(DAY).await;
        let waiting_for = claim.query(Approval::waiting_for, (), Default::default()).await?;
        assert_eq!(waiting_for.as_deref(), Some("mona"));
        claim.signal(Approval::decide, decision("mona", true), Default::default()).await?;

        assert_eq!(claim.get_result(Default::default()).await?, Outcome::Paid { by: "mona".into() });
        assert_eq!(sim.elapsed(), DAY);
        assert_snapshot!(sim.history("claim-c1")?.timeline(), @"");
        Ok(())
    });
}

#[test]
fn after_two_days_the_next_person_is_asked() {
    let mailer = Mailer::default();
    Simulation::builder().worker(worker(&mailer)).run(async move |sim| {
        let claim = sim.client().start_workflow(Approval::run, claim(), options()).await?;

        sim.sleep(DAY).await;
        claim.signal(Approval::decide, decision("boris", true), Default::default()).await?;
        sim.sleep(2 * DAY).await;
        claim.signal(Approval::decide, decision("boris", false), Default::default()).await?;

        let outcome = claim.get_result(Default::default()).await?;
        assert_eq!(
            outcome,
            Outcome::Rejected { by: "boris".into() },
            "the first decision came before he was asked"
        );
        assert_snapshot!(sim.history("claim-c1")?.timeline(), @"");
        Ok(())
    });
}

#[test]
fn without_a_decision_the_claim_expires() {
    let mailer = Mailer::default();
    Simulation::builder().worker(worker(&mailer)).run(async move |sim| {
        assert_eq!(sim.execute(Approval::run, claim()).await?, Outcome::Expired);

        assert_eq!(sim.elapsed(), 4 * DAY);
        let recipients: Vec<_> = mailer.sent().into_iter().map(|letter| letter.to).collect();
        assert_eq!(recipients, ["mona", "boris", "erin"]);
        Ok(())
    });
}
