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
        assert_snapshot!(sim.history("claim-c1")?.timeline(), @r#"
         1     +00:00:00.000  WorkflowExecutionStarted    Approval({"id":"c1","employee":"erin","amount":4250,"approvers":["mona","boris"],"patien…)
         5     +00:00:00.000  ActivityTaskScheduled       #1 Mailer::send({"to":"mona","text":"please decide on claim c1"})
         7     +00:00:00.000  ActivityTaskCompleted       #1 Mailer::send -> ()
        11     +00:00:00.000  TimerStarted                #1 for 2d
        12  +1d 00:00:00.000  WorkflowExecutionSignaled   decide({"by":"mona","approved":true})
        16  +1d 00:00:00.000  TimerCanceled               #1
        17  +1d 00:00:00.000  ActivityTaskScheduled       #2 Mailer::pay({"id":"c1","employee":"erin","amount":4250,"approvers":["mona","boris"],"patien…)
        19  +1d 00:00:00.000  ActivityTaskCompleted       #2 Mailer::pay -> "payment-c1"
        23  +1d 00:00:00.000  WorkflowExecutionCompleted  -> {"Paid":{"by":"mona"}}
        "#);
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
        assert_snapshot!(sim.history("claim-c1")?.timeline(), @r#"
         1     +00:00:00.000  WorkflowExecutionStarted    Approval({"id":"c1","employee":"erin","amount":4250,"approvers":["mona","boris"],"patien…)
         5     +00:00:00.000  ActivityTaskScheduled       #1 Mailer::send({"to":"mona","text":"please decide on claim c1"})
         7     +00:00:00.000  ActivityTaskCompleted       #1 Mailer::send -> ()
        11     +00:00:00.000  TimerStarted                #1 for 2d
        12  +1d 00:00:00.000  WorkflowExecutionSignaled   decide({"by":"boris","approved":true})
        16  +2d 00:00:00.000  TimerFired                  #1
        20  +2d 00:00:00.000  ActivityTaskScheduled       #2 Mailer::send({"to":"boris","text":"please decide on claim c1"})
        22  +2d 00:00:00.000  ActivityTaskCompleted       #2 Mailer::send -> ()
        26  +2d 00:00:00.000  TimerStarted                #2 for 2d
        27  +3d 00:00:00.000  WorkflowExecutionSignaled   decide({"by":"boris","approved":false})
        31  +3d 00:00:00.000  TimerCanceled               #2
        32  +3d 00:00:00.000  ActivityTaskScheduled       #3 Mailer::send({"to":"erin","text":"boris rejected claim c1"})
        34  +3d 00:00:00.000  ActivityTaskCompleted       #3 Mailer::send -> ()
        38  +3d 00:00:00.000  WorkflowExecutionCompleted  -> {"Rejected":{"by":"boris"}}
        "#);
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
