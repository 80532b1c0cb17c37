//! Simulations that go on where a recorded history breaks off.

use std::time::{Duration, SystemTime};

use temporal_sim::{Builder, Cause, Mock, ResumeError, Simulation, Worker, history::History};
use temporal_sim_fixtures::corpus::{
    activities::*, approval, checkout, onboarding, order, quote, report, scan, subscription, transfer,
};
use temporalio_client::UntypedWorkflow;
use temporalio_common::{
    protos::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus},
    search_attributes::SearchAttributeKey,
};

use crate::{histories, production};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The activities that recorded the histories, on their task queue.
fn activities(worker: Worker) -> Worker {
    worker
        .activities(Bank, (Bank::validate, Bank::withdraw, Bank::refund))
        .activities(Mailer, (Mailer::send,))
        .activities(Warehouse, (Warehouse::reserve, Warehouse::release))
        .activities(Payments, (Payments::charge, Payments::refund))
        .activities(AfterSales, (AfterSales::invoice, AfterSales::loyalty_points))
        .activities(Carrier, (Carrier::book,))
        .activities(Billing, (Billing::charge,))
        .activities(
            Directory,
            (
                Directory::create_account,
                Directory::make_permanent,
                Directory::disable_account,
                Directory::collect_hardware,
            ),
        )
        .activities(
            Scanner,
            (Scanner::submit, Scanner::wait_for_pages, Scanner::index_status, Scanner::queue_for_typist),
        )
        .activities(Payroll, (Payroll::reimburse,))
        .activities(Shop, (Shop::reserve_basket, Shop::screen_fraud, Shop::take_payment))
        .activities(Rates, (Rates::lookup, Rates::discount, Rates::publish))
        .activities(Reports, (Reports::collect, Reports::publish))
}

fn worker() -> Worker {
    activities(Worker::new("corpus")).activities(Bank, (Bank::deposit,))
}

/// The code that recorded the histories.
fn recorders(checkout: fn(Worker) -> Worker) -> Worker {
    let worker = worker()
        .workflow::<transfer::v1::MoneyTransfer>()
        .workflow::<approval::v1::ExpenseApproval>()
        .workflow::<onboarding::v1::Onboarding>()
        .workflow::<order::v1::OrderFulfilment>()
        .workflow::<order::shipment::Shipment>()
        .workflow::<quote::v1::PriceQuote>()
        .workflow::<report::v1::MonthlyReport>()
        .workflow::<scan::v1::DocumentScan>()
        .workflow::<subscription::v1::Subscription>();
    checkout(worker)
}

fn simulation() -> Builder {
    Simulation::builder()
        .search_attribute(&SearchAttributeKey::<String>::keyword("CustomKeywordField"))
        .search_attribute(&SearchAttributeKey::<i64>::int("CustomIntField"))
}

/// When an event was recorded.
fn time_of(history: &History, event_id: i64) -> SystemTime {
    let time = history.event(event_id).and_then(|event| event.event_time);
    time.expect("a recorded event").try_into().expect("after 1970")
}

fn types(history: &History) -> Vec<EventType> {
    history.events().iter().map(|event| event.event_type()).collect()
}

/// The transfer failed because the account was closed. Had it been opened before the deposit, it would have ended well.
#[test]
fn would_it_have_ended_well() {
    let failed = production("transfer_refunded");
    assert_eq!(failed.status(), WorkflowExecutionStatus::Failed);
    let deposit = Mock::new(Bank::deposit).returns("D-1".to_owned());
    let worker = activities(Worker::new("corpus")).workflow::<transfer::v1::MoneyTransfer>().mock(deposit);
    // Event 17 schedules the deposit.
    let simulation = Simulation::builder().worker(worker).resume(&failed, 17).expect("an open run");
    simulation.run(async move |sim| {
        assert_eq!(sim.now(), time_of(&failed, 17));
        sim.run_until_idle().await;
        let saved = sim.history(failed.workflow_id())?;
        assert_eq!(saved.run_id(), failed.run_id());
        assert_eq!(saved.status(), WorkflowExecutionStatus::Completed);
        assert_eq!(saved.events()[..17], failed.events()[..17]);
        Ok(())
    });
}

/// A release that panics when an expense is rejected, and its repair.
#[test]
fn would_the_fix_have_saved_this_run() {
    let history = production("approval_rejected");
    let rejected = types(&history).iter().position(|it| *it == EventType::WorkflowExecutionSignaled);
    let rejected = rejected.expect("recorded") as i64 + 1;
    let outcome = |worker: Worker| {
        let id = history.workflow_id().to_owned();
        let simulation =
            Simulation::builder().worker(worker).resume(&history, rejected).expect("an open run");
        simulation.try_run(async move |sim| {
            sim.run_until_idle().await;
            Ok(sim.history(&id)?.status())
        })
    };
    let broken = outcome(worker().workflow::<approval::panics_on_rejection::ExpenseApproval>()).unwrap_err();
    assert!(matches!(broken.cause(), Cause::WorkflowTaskFailed { .. }), "{broken}");
    let repaired = outcome(worker().workflow::<approval::v1::ExpenseApproval>());
    assert_eq!(repaired.expect("the fix saves it"), WorkflowExecutionStatus::Completed);
}

#[test]
fn timers_fire_when_they_would_have() {
    let open = production("approval_open");
    let worker = worker().workflow::<approval::v1::ExpenseApproval>();
    let simulation = Simulation::builder().worker(worker).resume(&open, 11).expect("an open run");
    simulation.run(async move |sim| {
        let started = time_of(&open, 11);
        sim.sleep(DAY).await;
        assert_eq!(sim.history(open.workflow_id())?.events().len(), 11);
        sim.sleep(2 * DAY + Duration::from_secs(1)).await;
        let history = sim.history(open.workflow_id())?;
        assert_eq!(history.events()[11].event_type(), EventType::TimerFired);
        assert_eq!(time_of(&history, 12), started + 3 * DAY);

        // Clients see the run, and can signal it.
        let handle = sim.client().get_workflow_handle::<UntypedWorkflow>(open.workflow_id().to_owned());
        let description = handle.describe(Default::default()).await?;
        assert_eq!(description.status(), WorkflowExecutionStatus::Running.into());
        assert_eq!(description.run_id(), open.run_id());
        handle.terminate(Default::default()).await?;
        Ok(())
    });
}

#[test]
fn where_no_run_ever_was_none_goes_on() {
    let history = production("order_eight_lines");
    let resume = |event_id| Simulation::builder().resume(&history, event_id).unwrap_err();
    let last_event_id = history.events().len() as i64;
    for event_id in [-1, 0, last_event_id + 1, i64::MAX] {
        assert_eq!(resume(event_id), ResumeError::UnknownEvent { event_id, last_event_id });
    }
    let status = WorkflowExecutionStatus::Completed;
    assert_eq!(resume(last_event_id), ResumeError::Closed { event_id: last_event_id, status });
    insta::assert_snapshot!(resume(last_event_id), @"the run has completed with event 81: choose an event before that");
    // The task of event 4 issued the commands up to event 14.
    insta::assert_snapshot!(resume(6), @"event 6 is in the middle of what a server writes at once: choose event 3 or event 14");
}

/// Wherever a history breaks off, the code that recorded it goes on from there, and what was recorded stays as it was.
#[test]
fn every_history_goes_on_wherever_it_breaks_off() -> anyhow::Result<()> {
    let mut resumed = 0;
    for entry in std::fs::read_dir(histories().join("production"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json")
            || path.to_string_lossy().contains("old-enums")
        {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let history = History::load(&path)?;
        // A third of them, other ones in each history.
        let first = name.len() as i64 % 3 + 1;
        for event_id in (first..=history.events().len() as i64).step_by(3) {
            let worker = match name.as_str() {
                "checkout_patched" => recorders(|worker| worker.workflow::<checkout::patched::Checkout>()),
                "checkout_patch_deprecated" => {
                    recorders(|worker| worker.workflow::<checkout::deprecated::Checkout>())
                }
                "approval_taken_over" => continue,
                _ => recorders(|worker| worker.workflow::<checkout::v1::Checkout>()),
            };
            let builder = match simulation().worker(worker).replays_itself(true).resume(&history, event_id) {
                Ok(builder) => builder,
                Err(ResumeError::MiddleOfTransaction { .. } | ResumeError::Closed { .. }) => continue,
                Err(error) => panic!("{name} from event {event_id}: {error}"),
            };
            resumed += 1;
            let id = history.workflow_id().to_owned();
            let went_on = builder.budget(10_000).try_run(async move |sim| {
                // Some of them never end by themselves.
                sim.sleep(Duration::from_secs(10)).await;
                let histories = sim.histories().into_iter();
                let first = histories.into_iter().find(|it| it.workflow_id() == id);
                first.ok_or_else(|| anyhow::anyhow!("it is gone"))
            });
            let went_on = went_on.unwrap_or_else(|failure| panic!("{name} from event {event_id}: {failure}"));
            let end = event_id as usize;
            assert_eq!(went_on.events()[..end], history.events()[..end], "{name} from event {event_id}");
        }
    }
    assert!(resumed > 100, "{resumed}");
    Ok(())
}
