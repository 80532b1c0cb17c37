//! Faults of calls.

use std::time::Duration;

use temporal_sim::{
    Simulation,
    faults::{CallEffect, CallError, CallFault, Callers, Fault, Plan, When},
};
use temporal_sim_fixtures::features::signals::Counter;
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};

use crate::shop::{Checkout, Provider, worker};

const SECOND: Duration = Duration::from_secs(1);

/// Sends a client's signals 1 and 2 while this goes wrong. What did the workflow see, and when was it through?
fn signals(when: When, effect: CallEffect) -> (Vec<u32>, Duration) {
    let plan = Plan::new([Fault::call("SignalWorkflowExecution", when, effect)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let options = WorkflowStartOptions::new("shop", "counter").build();
        let handle = sim.client().start_workflow(Counter::run, 2, options).await?;
        let signal = |number| handle.signal(Counter::add, number, WorkflowSignalOptions::default());
        let (one, two) = futures::join!(signal(1), signal(2));
        one.and(two)?;
        let seen = handle.get_result(Default::default()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        Ok((seen, sim.elapsed()))
    })
}

#[test]
fn a_client_tries_again_what_never_arrived() {
    for error in [CallError::Unavailable, CallError::ResourceExhausted] {
        let (seen, elapsed) = signals(When::once(), CallEffect::Refuse(error));
        assert_eq!(seen, [2, 1], "the first one came second");
        assert!(elapsed > Duration::ZERO);
    }
}

#[test]
fn a_signal_that_is_sent_again_because_its_answer_was_lost_counts_once() {
    let (seen, _) = signals(When::once(), CallEffect::LoseAnswer(CallError::Unavailable));
    assert_eq!(seen, [1, 2]);
}

#[test]
fn a_signal_that_the_network_repeats_counts_once() {
    assert_eq!(signals(When::once(), CallEffect::Twice), (vec![1, 2], Duration::ZERO));
}

#[test]
fn a_signal_is_overtaken() {
    let delay = CallEffect::Delay { by: 3 * SECOND };
    assert_eq!(signals(When::once(), delay), (vec![2, 1], 3 * SECOND));
}

/// Sends the signals 1, 2 and 3 one after the other while this goes wrong with the first of them.
fn signals_in_turn(effect: CallEffect) -> Vec<u32> {
    let plan = Plan::new([Fault::call("SignalWorkflowExecution", When::once(), effect)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let options = WorkflowStartOptions::new("shop", "counter").build();
        let handle = sim.client().start_workflow(Counter::run, 2, options).await?;
        for number in 1..=3 {
            // Who does not know whether the call came through goes on here.
            let _ = handle.signal(Counter::add, number, WorkflowSignalOptions::default()).await;
            sim.sleep(SECOND).await;
        }
        let seen = handle.get_result(Default::default()).await?;
        assert_eq!(sim.faults_fired(), [1]);
        Ok(seen)
    })
}

#[test]
fn a_signal_that_its_caller_repeats_comes_twice() {
    assert_eq!(signals_in_turn(CallEffect::Repeat { after: SECOND / 2 }), [1, 1]);
    assert_eq!(signals_in_turn(CallEffect::Repeat { after: Duration::ZERO }), [1, 1]);
}

#[test]
fn a_signal_that_was_given_up_arrives_behind_the_next_one() {
    assert_eq!(signals_in_turn(CallEffect::Overtaken { by: 3 * SECOND / 2 }), [2, 1]);
    assert_eq!(signals_in_turn(CallEffect::Overtaken { by: Duration::ZERO }), [1, 2]);
}

#[test]
fn a_caller_that_gives_up_hears_why() {
    let overtaken = CallEffect::Overtaken { by: SECOND };
    let plan = Plan::new([Fault::call("SignalWorkflowExecution", When::once(), overtaken)]);
    Simulation::builder().worker(worker(&Provider::default())).faults(plan).run(async |sim| {
        let options = WorkflowStartOptions::new("shop", "counter").build();
        let handle = sim.client().start_workflow(Counter::run, 2, options).await?;
        let error = handle.signal(Counter::add, 1, WorkflowSignalOptions::default()).await.unwrap_err();
        assert!(format!("{error:?}").contains("DeadlineExceeded"), "{error:?}");
        Ok(())
    });
}

#[test]
fn a_start_that_its_caller_repeats_under_an_id_of_its_own_starts_once() {
    let provider = Provider::default();
    let repeat = CallEffect::Repeat { after: SECOND };
    let plan = Plan::new([Fault::call("StartWorkflowExecution", When::once(), repeat)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        let options = WorkflowStartOptions::new("shop", "checkout").build();
        let handle = sim.client().start_workflow(Checkout::run, 100, options).await?;
        handle.get_result(Default::default()).await?;
        assert_eq!((sim.faults_fired(), sim.histories().len()), (vec![1], 1));
        Ok(())
    });
    assert_eq!(provider.charges(), 1);
}

#[test]
fn a_worker_that_cannot_report_tries_again() {
    let provider = Provider::default();
    let refuse = CallFault {
        rpc: Some("RespondActivityTaskCompleted".to_owned()),
        callers: Callers::Workers,
        when: When::first(3),
        effect: CallEffect::Refuse(CallError::Unavailable),
    };
    let plan = Plan::new([Fault::Call(refuse)]);
    Simulation::builder().worker(worker(&provider)).faults(plan).run(async |sim| {
        sim.execute(Checkout::run, 100).await?;
        assert_eq!(sim.faults_fired(), [3]);
        assert!((2 * SECOND..3 * SECOND).contains(&sim.elapsed()));
        Ok(())
    });
    assert_eq!(provider.charges(), 1);
}

#[test]
fn a_polled_task_gets_lost_on_its_way() {
    let provider = Provider::default();
    let lose = CallEffect::LoseAnswer(CallError::Unavailable);
    let plan = Plan::new([Fault::call("PollActivityTaskQueue", When::once(), lose)]);
    Simulation::builder()
        .worker(worker(&provider).max_eager_activity_reservations_per_workflow_task(0))
        .faults(plan)
        .run(async |sim| {
            sim.execute(Checkout::run, 100).await?;
            assert_eq!(sim.elapsed(), 13 * SECOND);
            Ok(())
        });
    assert_eq!(provider.charges(), 1);
}

#[test]
fn every_workflow_survives_calls_that_take_effect_unheard() {
    for rpc in ["RespondWorkflowTaskCompleted", "RespondActivityTaskCompleted"] {
        let lose = CallEffect::LoseAnswer(CallError::Unavailable);
        let plan = Plan::new([Fault::call(rpc, When::always(), lose)]);
        let provider = Provider::default();
        Simulation::builder().worker(worker(&provider)).faults(plan).run(async move |sim| {
            sim.execute(Checkout::run, 100).await?;
            assert!(sim.faults_fired()[0] > 0);
            Ok(())
        });
    }
}
