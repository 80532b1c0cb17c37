//! The linter over what has run.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{
    Mock, Simulation, Worker,
    history::History,
    policy::lint::{Finding, Linter, Rule},
};
use temporal_sim_fixtures::{
    Money,
    money_transfer::{Bank, MoneyTransfer, Transfer},
};

use crate::shop::{Checkout, Outside};

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_simulation_shows_what_its_workflows_asked_for() {
    let charge = Mock::new(Outside::charge).returns("ok".into());
    let worker = Worker::new("shop").workflow::<Checkout>().mock(charge);
    Simulation::builder().worker(worker).run(async move |sim| {
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.lint(), []);
        sim.override_activity_options(Outside::charge, |options| {
            options.heartbeat_timeout = Some(Duration::from_secs(1));
            options.retry_policy.maximum_attempts = 0;
        });
        sim.execute(Checkout::run, 100).await?;
        sim.execute(Checkout::run, 100).await?;
        assert_snapshot!(listed(&sim.lint()), @"
        Checkout, activity Outside::charge: heartbeat_timeout is 1s, and an attempt may take no more than 1s: a lost worker is never noticed by its heartbeats
          fix: let heartbeat_timeout be a fraction of 1s, or leave it out [heartbeat-not-below-start-to-close]
        Checkout, activity Outside::charge: a permanent failure is retried for ever, in the end every 1m 40s
          fix: set schedule_to_close_timeout, maximum_attempts or the workflow's run timeout [unlimited-retries]
        ");
        Ok(())
    });
}

#[test]
fn a_compensation_that_is_retried_for_ever_can_be_allowed() {
    let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
    bank.close("bob");
    let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
    let worker = Worker::new("payments").workflow::<MoneyTransfer>().activities(bank, activities);
    Simulation::builder().worker(worker).run(async move |sim| {
        let rent = Transfer {
            reference: "1".into(),
            from: "alice".into(),
            to: "bob".into(),
            amount: Money::euros(40),
        };
        assert!(sim.execute(MoneyTransfer::run, rent).await.is_err());
        let rules: Vec<_> = sim.lint().into_iter().map(|finding| (finding.rule, finding.subject)).collect();
        assert_eq!(rules, [(Rule::UnlimitedRetries, "MoneyTransfer, activity Bank::refund".to_owned())]);
        let linter = Linter::default().allow(Rule::UnlimitedRetries);
        assert_eq!(linter.histories(&sim.histories()), []);
        Ok(())
    });
}

#[test]
fn recorded_histories_are_read() -> anyhow::Result<()> {
    let history = History::load("histories/production/approval_overdue.json")?;
    assert_snapshot!(listed(&Linter::default().history(&history)), @"
    ExpenseApproval, activity send_email: a permanent failure is retried for ever, in the end every 1m 40s
      fix: set schedule_to_close_timeout, maximum_attempts or the workflow's run timeout [unlimited-retries]
    ExpenseApproval, activity Payroll::reimburse: a permanent failure is retried for ever, in the end every 1m 40s
      fix: set schedule_to_close_timeout, maximum_attempts or the workflow's run timeout [unlimited-retries]
    ");
    Ok(())
}
