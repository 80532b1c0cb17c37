//! Money transfer: what a payments team wants to know before it goes live. Retries, timeouts, and the compensation.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{ExecuteError, Mock, Outcome, Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    money_transfer::{Bank, MoneyTransfer, Stage, Transfer},
    outside::Outage,
};
use temporalio_client::WorkflowStartOptions;
use temporalio_common::error::IncomingError;

fn bank() -> Bank {
    Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)])
}

fn worker(bank: &Bank) -> Worker {
    let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
    Worker::new("payments").workflow::<MoneyTransfer>().activities(bank.clone(), activities)
}

fn rent() -> Transfer {
    Transfer { reference: "rent-5".into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(40) }
}

#[test]
fn the_money_arrives() {
    let bank = bank();
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        let receipt = sim.execute(MoneyTransfer::run, rent()).await?;

        assert_eq!(receipt.deposit, "D-rent-5");
        assert_eq!((bank.balance("alice"), bank.balance("bob")), (Money::euros(60), Money::euros(40)));
        assert_snapshot!(sim.history("MoneyTransfer-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    MoneyTransfer({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         5  +00:00:00.000  ActivityTaskScheduled       #1 Bank::validate({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         7  +00:00:00.000  ActivityTaskCompleted       #1 Bank::validate -> ()
        11  +00:00:00.000  ActivityTaskScheduled       #2 Bank::withdraw({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        13  +00:00:00.000  ActivityTaskCompleted       #2 Bank::withdraw -> "W-rent-5"
        17  +00:00:00.000  ActivityTaskScheduled       #3 Bank::deposit({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        19  +00:00:00.000  ActivityTaskCompleted       #3 Bank::deposit -> "D-rent-5"
        23  +00:00:00.000  WorkflowExecutionCompleted  -> {"withdrawal":"W-rent-5","deposit":"D-rent-5"}
        "#);
        Ok(())
    });
}

#[test]
fn a_failing_deposit_is_tried_again_with_growing_pauses() {
    let bank = bank();
    bank.outages.plan("deposit", [Outage::Unavailable, Outage::Unavailable]);
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        sim.execute(MoneyTransfer::run, rent()).await?;

        assert_eq!(sim.elapsed(), Duration::from_secs(1 + 2));
        assert_snapshot!(sim.history("MoneyTransfer-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    MoneyTransfer({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         5  +00:00:00.000  ActivityTaskScheduled       #1 Bank::validate({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         7  +00:00:00.000  ActivityTaskCompleted       #1 Bank::validate -> ()
        11  +00:00:00.000  ActivityTaskScheduled       #2 Bank::withdraw({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        13  +00:00:00.000  ActivityTaskCompleted       #2 Bank::withdraw -> "W-rent-5"
        17  +00:00:00.000  ActivityTaskScheduled       #3 Bank::deposit({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
            +00:00:00.000  attempt 1 failed            #3 Bank::deposit: SystemUnavailable: deposit: no answer, next attempt after 1s
            +00:00:01.000  attempt 2 failed            #3 Bank::deposit: SystemUnavailable: deposit: no answer, next attempt after 2s
        18  +00:00:03.000  ActivityTaskStarted         #3 Bank::deposit, attempt 3, after SystemUnavailable: deposit: no answer
        19  +00:00:03.000  ActivityTaskCompleted       #3 Bank::deposit -> "D-rent-5"
        23  +00:00:03.000  WorkflowExecutionCompleted  -> {"withdrawal":"W-rent-5","deposit":"D-rent-5"}
        "#);
        Ok(())
    });
}

#[test]
fn an_answer_that_comes_too_late_counts_as_a_failed_attempt_and_is_not_booked_twice() {
    let bank = bank();
    bank.outages.plan("deposit", [Outage::Slow(Duration::from_secs(15))]);
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        sim.execute(MoneyTransfer::run, rent()).await?;
        assert_eq!(sim.elapsed(), Duration::from_secs(10 + 1), "the timeout of the attempt, and a pause");

        sim.sleep(Duration::from_secs(60)).await;
        assert_eq!(bank.balance("bob"), Money::euros(40));
        assert_eq!(bank.ledger().len(), 2);
        Ok(())
    });
}

#[test]
fn a_closed_account_gives_the_money_back() {
    let bank = bank();
    bank.close("bob");
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        let Err(ExecuteError::Failed(failure)) = sim.execute(MoneyTransfer::run, rent()).await else {
            panic!("the transfer cannot succeed");
        };
        let IncomingError::Application(failure) = *failure else { panic!("{failure:?}") };

        assert_eq!(failure.type_name(), Some("TransferRefunded"));
        assert_eq!(bank.balance("alice"), Money::euros(100));
        assert_snapshot!(sim.history("MoneyTransfer-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted  MoneyTransfer({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         5  +00:00:00.000  ActivityTaskScheduled     #1 Bank::validate({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
         7  +00:00:00.000  ActivityTaskCompleted     #1 Bank::validate -> ()
        11  +00:00:00.000  ActivityTaskScheduled     #2 Bank::withdraw({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        13  +00:00:00.000  ActivityTaskCompleted     #2 Bank::withdraw -> "W-rent-5"
        17  +00:00:00.000  ActivityTaskScheduled     #3 Bank::deposit({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        19  +00:00:00.000  ActivityTaskFailed        #3 Bank::deposit: AccountClosed: bob is closed (non-retryable)
        23  +00:00:00.000  ActivityTaskScheduled     #4 Bank::refund({"reference":"rent-5","from":"alice","to":"bob","amount":4000})
        25  +00:00:00.000  ActivityTaskCompleted     #4 Bank::refund -> "R-rent-5"
        29  +00:00:00.000  WorkflowExecutionFailed   TransferRefunded: the deposit failed; the payer was refunded with R-rent-5 (non-retryable): activity #3 Bank::deposit: AccountClosed: bob is closed (non-retryable)
        "#);
        Ok(())
    });
}

#[test]
fn the_refund_is_tried_for_as_long_as_it_takes() {
    let bank = bank();
    bank.close("bob");
    bank.outages.plan("refund", vec![Outage::Unavailable; 100]);
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        assert!(sim.execute(MoneyTransfer::run, rent()).await.is_err());

        assert_eq!(bank.balance("alice"), Money::euros(100));
        let pauses = [1, 2, 4, 8, 16, 32].iter().sum::<u64>() + 94 * 60;
        assert_eq!(sim.elapsed(), Duration::from_secs(pauses));
        Ok(())
    });
}

#[test]
fn nothing_is_booked_without_funds() {
    let bank = bank();
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        let transfer = Transfer { amount: Money::euros(400), ..rent() };
        let Err(ExecuteError::Failed(failure)) = sim.execute(MoneyTransfer::run, transfer).await else {
            panic!("alice does not have that much");
        };

        let cause = failure.cause().expect("an activity fails for a reason");
        assert_eq!(cause.to_string(), "alice has 100.00 EUR, not 400.00 EUR");
        assert!(bank.ledger().is_empty());
        assert_eq!(sim.elapsed(), Duration::ZERO, "what cannot succeed is not retried");
        Ok(())
    });
}

#[test]
fn the_stage_can_be_asked_for_at_any_time() {
    let bank = bank();
    bank.outages.plan("deposit", [Outage::Unavailable]);
    Simulation::builder().worker(worker(&bank)).run(async move |sim| {
        let options = WorkflowStartOptions::new("payments", "transfer-1").build();
        let transfer = sim.client().start_workflow(MoneyTransfer::run, rent(), options).await?;

        sim.sleep(Duration::from_millis(500)).await;
        assert_eq!(transfer.query(MoneyTransfer::stage, (), Default::default()).await?, Stage::Withdrawn);

        transfer.get_result(Default::default()).await?;
        assert_eq!(transfer.query(MoneyTransfer::stage, (), Default::default()).await?, Stage::Deposited);
        Ok(())
    });
}

#[test]
fn a_mock_stands_in_for_the_bank() {
    let deposit = Mock::new(Bank::deposit)
        .script([Outcome::fail("503"), Outcome::never(), Outcome::succeed("D-1".to_owned())])
        .expect_calls(3..=3);
    let bank = bank();
    Simulation::builder().worker(worker(&bank).mock(deposit.clone())).run(async move |sim| {
        let receipt = sim.execute(MoneyTransfer::run, rent()).await?;

        assert_eq!(receipt.deposit, "D-1");
        assert_eq!(deposit.inputs(), vec![rent(); 3]);
        assert_eq!(sim.elapsed(), Duration::from_secs(1 + 10 + 2), "a pause, a timeout, a longer pause");
        Ok(())
    });
}

#[test]
fn one_seed_one_history() {
    let history = |seed| {
        let bank = bank();
        bank.outages.plan("deposit", [Outage::Unavailable]);
        Simulation::builder().seed(seed).worker(worker(&bank)).run(async |sim| {
            sim.execute(MoneyTransfer::run, rent()).await?;
            sim.history("MoneyTransfer-1")
        })
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7).run_id(), history(8).run_id());
}
