//! Settlement: polling a system that is not ready, from the workflow or by retries of one activity.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::poller::{Batch, ClearingHouse, PatientSettlement, RetriedSettlement};

const HOUR: Duration = Duration::from_secs(3600);

fn worker(clearing_house: &ClearingHouse) -> Worker {
    Worker::new("settlements")
        .workflow::<PatientSettlement>()
        .workflow::<RetriedSettlement>()
        .activities(clearing_house.clone(), (ClearingHouse::ask, ClearingHouse::collect))
}

fn batch(patience: u32) -> Batch {
    Batch { id: "b7".into(), pause: HOUR, patience }
}

#[test]
fn the_workflow_asks_again_with_pauses_that_double() {
    let clearing_house = ClearingHouse::pending_for(3);
    Simulation::builder().worker(worker(&clearing_house)).run(async move |sim| {
        assert_eq!(sim.execute(PatientSettlement::run, batch(10)).await?, "settlement-b7");

        assert_eq!(sim.elapsed(), HOUR * (1 + 2 + 4));
        assert_snapshot!(sim.history("PatientSettlement-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    PatientSettlement({"id":"b7","pause":{"secs":3600,"nanos":0},"patience":10})
         5  +00:00:00.000  ActivityTaskScheduled       #1 ClearingHouse::ask("b7")
         7  +00:00:00.000  ActivityTaskCompleted       #1 ClearingHouse::ask -> "Pending"
        11  +00:00:00.000  TimerStarted                #1 for 1h
        12  +01:00:00.000  TimerFired                  #1
        16  +01:00:00.000  ActivityTaskScheduled       #2 ClearingHouse::ask("b7")
        18  +01:00:00.000  ActivityTaskCompleted       #2 ClearingHouse::ask -> "Pending"
        22  +01:00:00.000  TimerStarted                #2 for 2h
        23  +03:00:00.000  TimerFired                  #2
        27  +03:00:00.000  ActivityTaskScheduled       #3 ClearingHouse::ask("b7")
        29  +03:00:00.000  ActivityTaskCompleted       #3 ClearingHouse::ask -> "Pending"
        33  +03:00:00.000  TimerStarted                #3 for 4h
        34  +07:00:00.000  TimerFired                  #3
        38  +07:00:00.000  ActivityTaskScheduled       #4 ClearingHouse::ask("b7")
        40  +07:00:00.000  ActivityTaskCompleted       #4 ClearingHouse::ask -> {"Settled":"settlement-b7"}
        44  +07:00:00.000  WorkflowExecutionCompleted  -> "settlement-b7"
        "#);
        Ok(())
    });
}

#[test]
fn the_workflow_gives_up_after_so_many_questions() {
    let clearing_house = ClearingHouse::pending_for(100);
    Simulation::builder().worker(worker(&clearing_house)).run(async move |sim| {
        let error = sim.execute(PatientSettlement::run, batch(3)).await.unwrap_err();

        assert_eq!(error.to_string(), "workflow failed: batch b7 is not settled");
        assert_eq!(clearing_house.asked(), 3);
        Ok(())
    });
}

#[test]
fn retries_of_one_activity_leave_a_short_history() {
    let clearing_house = ClearingHouse::pending_for(30);
    Simulation::builder().worker(worker(&clearing_house)).run(async move |sim| {
        assert_eq!(sim.execute(RetriedSettlement::run, batch(50)).await?, "settlement-b7");

        assert_eq!(sim.elapsed(), HOUR * 30);
        assert_snapshot!(sim.history("RetriedSettlement-1")?.timeline(), @r#"
         1     +00:00:00.000  WorkflowExecutionStarted    RetriedSettlement({"id":"b7","pause":{"secs":3600,"nanos":0},"patience":50})
         5     +00:00:00.000  ActivityTaskScheduled       #1 ClearingHouse::collect("b7")
               +00:00:00.000  attempt 1 failed            #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
               +01:00:00.000  attempt 2 failed            #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
               +02:00:00.000  attempt 3 failed            #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
               +03:00:00.000  attempt 4 failed            #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
               +04:00:00.000  attempt 5 failed            #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
            +1d 05:00:00.000  attempts 6 to 30 failed     #1 ClearingHouse::collect: NotSettled: batch b7 is not settled, next attempt after 1h
         6  +1d 06:00:00.000  ActivityTaskStarted         #1 ClearingHouse::collect, attempt 31, after NotSettled: batch b7 is not settled
         7  +1d 06:00:00.000  ActivityTaskCompleted       #1 ClearingHouse::collect -> "settlement-b7"
        11  +1d 06:00:00.000  WorkflowExecutionCompleted  -> "settlement-b7"
        "#);
        Ok(())
    });
}

#[test]
fn an_activity_may_choose_its_next_pause_itself() {
    let clearing_house = ClearingHouse::pending_for(2).opening_in(HOUR * 12);
    Simulation::builder().worker(worker(&clearing_house)).run(async move |sim| {
        sim.execute(RetriedSettlement::run, batch(50)).await?;
        assert_eq!(sim.elapsed(), HOUR * 24);
        Ok(())
    });
}
