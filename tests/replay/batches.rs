//! Many histories at once, and where they come from.

use std::sync::atomic::{AtomicUsize, Ordering};

use temporal_sim::{
    Simulation, Worker,
    replay::{Difference, Production, Replayer},
};
use temporal_sim_fixtures::{
    Money,
    corpus::{approval, checkout, transfer},
    money_transfer::{Bank, MoneyTransfer, Transfer},
};
use temporalio_client::WorkflowStartOptions;

use crate::production;

fn payments() -> Worker {
    let bank = Bank::with_accounts([("alice", Money::euros(100_000)), ("bob", Money::ZERO)]);
    Worker::new("payments")
        .workflow::<MoneyTransfer>()
        .activities(bank, (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund))
}

fn transfer(number: usize) -> Transfer {
    let amount = Money::euros(40);
    Transfer { reference: number.to_string(), from: "alice".into(), to: "bob".into(), amount }
}

#[test]
fn the_report_has_the_order_of_the_histories() {
    let replayer = Replayer::new()
        .workflow::<transfer::v1::MoneyTransfer>()
        .workflow::<approval::shorter_deadline::ExpenseApproval>();
    let names = ["transfer_ok", "approval_open", "checkout_patched", "transfer_refunded", "approval_overdue"];
    let histories = names.map(production);
    let many = (0..40).flat_map(|_| histories.clone());
    let report = replayer.replay_histories(many);
    assert_eq!(report.verdicts.len(), 200);
    for (verdict, history) in report.verdicts.iter().zip(histories.iter().cycle()) {
        assert_eq!((&*verdict.workflow_id, &*verdict.run_id), (history.workflow_id(), history.run_id()));
    }
    // The same as one by one.
    let alone: Vec<_> = histories.iter().map(|history| replayer.replay(history)).collect();
    assert!(report.verdicts.iter().zip(alone.iter().cycle()).all(|(batch, alone)| batch == alone));
    assert!(matches!(alone[2].production, Production::UnregisteredWorkflow { .. }));
}

/// Histories are taken when a core is free for them, a few short ones at a time, and are gone when they have their
/// verdicts.
#[test]
fn histories_are_streamed() {
    let replayer = Replayer::new().workflow::<transfer::v1::MoneyTransfer>().replays(1);
    let (taken, ahead) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let judged = std::sync::Arc::new(AtomicUsize::new(0));
    let replayer = replayer.observe({
        let judged = judged.clone();
        move |_| {
            judged.fetch_add(1, Ordering::SeqCst);
        }
    });
    let history = production("transfer_ok");
    let histories = (0..300).map(|_| {
        let in_memory = taken.fetch_add(1, Ordering::SeqCst) + 1 - judged.load(Ordering::SeqCst);
        ahead.fetch_max(in_memory, Ordering::SeqCst);
        history.clone()
    });
    replayer.replay_histories(histories).assert_compatible();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(ahead.load(Ordering::SeqCst) <= 8 * cores, "{ahead:?} histories for {cores} cores");
}

#[test]
fn what_a_simulation_has_recorded() {
    let replayer = Replayer::of_worker(&payments());
    Simulation::builder().worker(payments()).run(async move |sim| {
        sim.execute(MoneyTransfer::run, transfer(0)).await?;
        let options = WorkflowStartOptions::new("payments", "mid-flight").build();
        sim.client().start_workflow(MoneyTransfer::run, transfer(1), options).await?;
        sim.sleep(std::time::Duration::from_millis(1)).await;
        let report = replayer.replay_histories(sim.histories());
        report.assert_compatible();
        assert_eq!(report.verdicts.len(), 2);
        Ok(())
    });
}

#[test]
fn what_a_cluster_has_found_by_a_query() {
    let replayer = Replayer::of_worker(&payments()).namespace("default");
    let other_code = Replayer::new().workflow::<checkout::v1::Checkout>();
    Simulation::builder().worker(payments()).run(async move |sim| {
        for number in 0..30 {
            sim.execute(MoneyTransfer::run, transfer(number)).await?;
        }
        let client = sim.client();
        let all = replayer.replay_cluster(&client, "WorkflowType = 'MoneyTransfer'").await?;
        all.assert_compatible();
        assert_eq!(all.verdicts.len(), 30);
        let one = replayer.replay_cluster(&client, "WorkflowId = 'MoneyTransfer-7'").await?;
        assert_eq!(one.verdicts.len(), 1);
        assert_eq!(one.verdicts[0].run_id, sim.history("MoneyTransfer-7")?.run_id());

        let unknown = other_code.replay_cluster(&client, "ExecutionStatus = 'Completed'").await?;
        let is_unregistered = |it: &Production| matches!(it, Production::UnregisteredWorkflow { .. });
        assert!(unknown.verdicts.iter().all(|verdict| is_unregistered(&verdict.production)));
        let nothing = replayer.replay_cluster(&client, "WorkflowType = 'Nothing'").await?;
        assert!(!nothing.is_compatible(), "nothing was replayed");
        let refused = replayer.replay_cluster(&client, "WorkflowType = ").await;
        assert!(refused.is_err(), "the query is none");
        Ok(())
    });
}

/// Many lasting differences in one history do not make the verdict on it slow.
#[test]
fn a_difference_at_every_event() {
    let history = Simulation::builder().worker(long::worker(3)).run(async |sim| {
        sim.execute(long::Timers::run, 1_000).await?;
        sim.history("Timers-1")
    });
    let verdict = Replayer::of_worker(&long::worker(5)).replay(&history);
    assert_eq!(verdict.differences.len(), 1_000);
    assert!(verdict.differences.iter().all(|it| it.difference == Difference::TimerDuration));
}

mod long {
    use std::time::Duration;

    use temporal_sim::Worker;
    use temporalio_macros::{workflow, workflow_methods};
    use temporalio_sdk::{WorkflowContext, WorkflowResult};

    /// One timer after the other.
    #[workflow]
    pub(crate) struct Timers {
        seconds: u64,
    }

    #[workflow_methods(factory_only)]
    impl Timers {
        #[run]
        pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<()> {
            let seconds = ctx.state(|s| s.seconds);
            for _ in 0..count {
                ctx.timer(Duration::from_secs(seconds)).await;
            }
            Ok(())
        }
    }

    pub(crate) fn worker(seconds: u64) -> Worker {
        Worker::new("long").workflow_with_factory(move || Timers { seconds })
    }
}
