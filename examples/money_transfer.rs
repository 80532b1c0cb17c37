//! A money transfer in a simulated cluster, event by event: `cargo run --example money_transfer`.
//!
//! The workflow and its activities are those of `fixtures/src/money_transfer.rs`: plain code of the official SDK. The first
//! transfer meets a bank with two bad moments, the second one an account that is closed.

#![expect(clippy::print_stdout, reason = "an example shows something")]
#![expect(clippy::disallowed_methods, reason = "how long it really took is a part of what it shows")]

use std::time::{Duration, Instant, UNIX_EPOCH};
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    money_transfer::{Bank, MoneyTransfer, Transfer},
    outside::Outage,
};
use temporalio_client::{Client, WorkflowStartOptions};

/// 2031-05-01T09:00:00Z: the first of the month, rent is due.
const FIRST_OF_MAY: Duration = Duration::from_secs(1_935_392_400);

fn main() {
    println!(
        "A transfer while the bank has two bad moments: one error, and one answer that does not come in time.\n"
    );
    transfer(|bank| {
        let no_answer = Outage::Slow(Duration::from_secs(3600));
        bank.outages.plan("deposit", [Outage::Unavailable, no_answer]);
    });

    println!("\nThe same transfer to an account that is closed: what was withdrawn is given back.\n");
    transfer(|bank| {
        bank.close("bob");
        bank.outages.plan("refund", [Outage::Unavailable, Outage::Unavailable]);
    });
}

/// Sends 40 euros from Alice to Bob, and prints what happened.
fn transfer(prepare: fn(&Bank)) {
    let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
    prepare(&bank);

    let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
    let worker = Worker::new("payments").workflow::<MoneyTransfer>().activities(bank.clone(), activities);
    let started = Instant::now();
    Simulation::builder().start_time(UNIX_EPOCH + FIRST_OF_MAY).seed(7).worker(worker).run(
        async move |sim| {
            let outcome = send_rent(&sim.client()).await?;

            sim.history("rent-2031-05")?.timeline().dates().print();
            println!("\n  {outcome}");
            println!("  alice has {}, bob has {}", bank.balance("alice"), bank.balance("bob"));
            println!("  {:?} of virtual time took {:.0?}", sim.elapsed(), started.elapsed());
            Ok(())
        },
    );
}

/// What a client of a real cluster would do.
async fn send_rent(client: &Client) -> anyhow::Result<String> {
    let rent = Transfer {
        reference: "2031-05".to_owned(),
        from: "alice".to_owned(),
        to: "bob".to_owned(),
        amount: Money::euros(40),
    };
    let options = WorkflowStartOptions::new("payments", "rent-2031-05").build();
    let handle = client.start_workflow(MoneyTransfer::run, rent, options).await?;
    Ok(match handle.get_result(Default::default()).await {
        Ok(receipt) => format!("done: {} and {}", receipt.withdrawal, receipt.deposit),
        Err(error) => format!("not done: {error}"),
    })
}
