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
    assert_snapshot!(timeline, @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Onboarding({"name":"Nina Okafor","delive…)
     5  +00:00:00.000  ActivityTaskScheduled             #1 Office::create_account("Nina Okafor")
     7  +00:00:00.000  ActivityTaskCompleted             #1 Office::create_account -> "nina.okafor@example.com"
    11  +00:00:00.000  ActivityTaskScheduled             #2 Office::deliver_laptop({"name":"Nina Okafor","delive…)
    13  +00:01:00.000  ActivityTaskCompleted             #2 Office::deliver_laptop -> ()
    17  +00:01:00.000  TimerStarted                      #1 for 14d
    18  +01:00:00.000  WorkflowExecutionCancelRequested  because "she declined"
    22  +01:00:00.000  TimerCanceled                     #1
    23  +01:00:00.000  ActivityTaskScheduled             #3 Office::disable_account("nina.okafor@example.com")
    24  +01:00:00.000  ActivityTaskScheduled             #4 Office::collect_laptop("Nina Okafor")
    26  +01:00:00.000  ActivityTaskCompleted             #3 Office::disable_account -> ()
    29  +01:00:00.000  ActivityTaskCompleted             #4 Office::collect_laptop -> ()
    32  +01:00:00.000  WorkflowExecutionCanceled         "undone: nina.okafor@example.…
    "#);
}

#[test]
fn a_delivery_is_asked_to_turn_back_and_nobody_waits_for_it() {
    let (_, timeline) = called_off(Duration::from_secs(30), TryCancel);
    assert_snapshot!(timeline, @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Onboarding({"name":"Nina Okafor","delive…)
     5  +00:00:00.000  ActivityTaskScheduled             #1 Office::create_account("Nina Okafor")
     7  +00:00:00.000  ActivityTaskCompleted             #1 Office::create_account -> "nina.okafor@example.com"
    11  +00:00:00.000  ActivityTaskScheduled             #2 Office::deliver_laptop({"name":"Nina Okafor","delive…)
    12  +00:00:30.000  WorkflowExecutionCancelRequested  because "she declined"
    16  +00:00:30.000  ActivityTaskCancelRequested       #2 Office::deliver_laptop
    17  +00:00:30.000  ActivityTaskScheduled             #3 Office::disable_account("nina.okafor@example.com")
    18  +00:00:30.000  ActivityTaskScheduled             #4 Office::collect_laptop("Nina Okafor")
    20  +00:00:30.000  ActivityTaskCompleted             #3 Office::disable_account -> ()
    23  +00:00:30.000  ActivityTaskCompleted             #4 Office::collect_laptop -> ()
    26  +00:00:30.000  WorkflowExecutionCanceled         "undone: nina.okafor@example.…
    "#);
}

#[test]
fn a_delivery_is_asked_to_turn_back_and_the_cleanup_waits_until_it_has() {
    let (diary, timeline) = called_off(Duration::from_secs(30), WaitCancellationCompleted);
    assert_eq!(diary[1], "the laptop for Nina Okafor turned back");
    assert_snapshot!(timeline, @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Onboarding({"name":"Nina Okafor","delive…)
     5  +00:00:00.000  ActivityTaskScheduled             #1 Office::create_account("Nina Okafor")
     7  +00:00:00.000  ActivityTaskCompleted             #1 Office::create_account -> "nina.okafor@example.com"
    11  +00:00:00.000  ActivityTaskScheduled             #2 Office::deliver_laptop({"name":"Nina Okafor","delive…)
    12  +00:00:30.000  WorkflowExecutionCancelRequested  because "she declined"
    16  +00:00:30.000  ActivityTaskCancelRequested       #2 Office::deliver_laptop
    18  +00:00:32.000  ActivityTaskCanceled              #2 Office::deliver_laptop
    22  +00:00:32.000  ActivityTaskScheduled             #3 Office::disable_account("nina.okafor@example.com")
    23  +00:00:32.000  ActivityTaskScheduled             #4 Office::collect_laptop("Nina Okafor")
    25  +00:00:32.000  ActivityTaskCompleted             #3 Office::disable_account -> ()
    28  +00:00:32.000  ActivityTaskCompleted             #4 Office::collect_laptop -> ()
    31  +00:00:32.000  WorkflowExecutionCanceled         "undone: nina.okafor@example.…
    "#);
}

#[test]
fn a_delivery_is_left_alone() {
    let (_, timeline) = called_off(Duration::from_secs(30), Abandon);
    assert_snapshot!(timeline, @r#"
     1  +00:00:00.000  WorkflowExecutionStarted          Onboarding({"name":"Nina Okafor","delive…)
     5  +00:00:00.000  ActivityTaskScheduled             #1 Office::create_account("Nina Okafor")
     7  +00:00:00.000  ActivityTaskCompleted             #1 Office::create_account -> "nina.okafor@example.com"
    11  +00:00:00.000  ActivityTaskScheduled             #2 Office::deliver_laptop({"name":"Nina Okafor","delive…)
    12  +00:00:30.000  WorkflowExecutionCancelRequested  because "she declined"
    16  +00:00:30.000  ActivityTaskScheduled             #3 Office::disable_account("nina.okafor@example.com")
    17  +00:00:30.000  ActivityTaskScheduled             #4 Office::collect_laptop("Nina Okafor")
    19  +00:00:30.000  ActivityTaskCompleted             #3 Office::disable_account -> ()
    22  +00:00:30.000  ActivityTaskCompleted             #4 Office::collect_laptop -> ()
    25  +00:00:30.000  WorkflowExecutionCanceled         "undone: nina.okafor@example.…
    "#);
}
