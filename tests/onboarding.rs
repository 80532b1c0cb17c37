//! Onboarding: a cancelled workflow that cleans up, with each way of cancelling the activity that is under way.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::onboarding::{NewHire, Office, Onboarding};
use temporalio_client::{
    WorkflowCancelOptions, WorkflowStartOptions,
    errors::WorkflowGetResultError::{self, Cancelled},
};
use temporalio_sdk::ActivityCancellationType::{self, Abandon, TryCancel, WaitCancellationCompleted};

fn hire(when_cancelled: ActivityCancellationType) -> NewHire {
    NewHire {
        name: "Nina Okafor".into(),
        delivery: Duration::from_secs(60),
        starts_in: Duration::from_secs(14 * 24 * 3600),
        when_cancelled,
    }
}

/// Starts an onboarding, calls it off after some time, and returns what was done and when.
fn called_off(after: Duration, when_cancelled: ActivityCancellationType) -> (Vec<String>, String) {
    let office = Office::default();
    let activities =
        (Office::create_account, Office::deliver_laptop, Office::disable_account, Office::collect_laptop);
    let worker = Worker::new("people")
        .workflow::<Onboarding>()
        .activities(office.clone(), activities)
        .heartbeat_details::<Duration>();
    Simulation::builder().worker(worker).run(async move |sim| {
        let options = WorkflowStartOptions::new("people", "nina").build();
        let onboarding = sim.client().start_workflow(Onboarding::run, hire(when_cancelled), options).await?;

        sim.sleep(after).await;
        onboarding.cancel(WorkflowCancelOptions::builder().reason("she declined").build()).await?;

        let outcome: Result<String, WorkflowGetResultError> = onboarding.get_result(Default::default()).await;
        assert!(matches!(outcome, Err(Cancelled { .. })), "{outcome:?}");
        Ok((office.diary(), sim.history("nina")?.timeline().payload_limit(30).to_string()))
    })
}

#[test]
fn called_off_while_waiting_for_the_first_day() {
    let (diary, timeline) = called_off(Duration::from_secs(3600), TryCancel);
    assert_eq!(
        diary[..2],
        ["created nina.okafor@example.com", "delivered a laptop to Nina Okafor"].map(str::to_owned)
    );
    assert_eq!(diary.len(), 4, "and both are undone: {diary:?}");
    assert_snapshot!(timeline, @"");
}

#[test]
fn a_delivery_is_asked_to_turn_back_and_nobody_waits_for_it() {
    let (_, timeline) = called_off(Duration::from_secs(30), TryCancel);
    assert_snapshot!(timeline, @"");
}

#[test]
fn a_delivery_is_asked_to_turn_back_and_the_cleanup_waits_until_it_has() {
    let (diary, timeline) = called_off(Duration::from_secs(30), WaitCancellationCompleted);
    assert_eq!(diary[1], "the laptop for Nina Okafor turned back");
    assert_snapshot!(timeline, @"");
}

#[test]
fn a_delivery_is_left_alone() {
    let (_, timeline) = called_off(Duration::from_secs(30), Abandon);
    assert_snapshot!(timeline, @"");
}
