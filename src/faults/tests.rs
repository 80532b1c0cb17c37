//! Plans as data, and when faults happen. What they do is tested with whole simulations.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::{
    clock::Time,
    policy::AttemptFailure,
    rng::Seed,
    schedule::Schedule,
    service::{Caller, Passage},
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: i128) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

fn injector(faults: impl IntoIterator<Item = Fault>) -> Injector {
    Injector::new(Plan::new(faults), Seed(1), at(0))
}

/// One of each kind, with as much set as can be.
fn everything() -> Plan {
    let busy = AttemptFailure {
        error_type: "Busy".to_owned(),
        message: "try later".to_owned(),
        non_retryable: true,
        next_retry_delay: Some(seconds(5)),
    };
    let when = When { from: seconds(1), until: Some(seconds(90)), skip: 2, times: Some(3) };
    Plan::new([
        Fault::activity("charge", When::once(), ActivityEffect::Hang),
        Fault::activity("charge", when, ActivityEffect::Fail(busy.clone())),
        Fault::activity("charge", When::always(), ActivityEffect::FailAfterwards(busy)),
        Fault::Activity(ActivityFault {
            activity_type: None,
            when: When::nth(2),
            effect: ActivityEffect::Slow { by: seconds(7) },
        }),
        Fault::activity("charge", When::once(), ActivityEffect::LoseHeartbeats),
        Fault::activity("charge", When::once(), ActivityEffect::LoseAnswer),
        Fault::activity("charge", When::once(), ActivityEffect::AnswerLate { by: seconds(60) }),
        Fault::activity("charge", When::once(), ActivityEffect::AnswerTwice),
        Outage::new("charge", seconds(0), seconds(4 * 3600))
            .recovering(Recovery { until: seconds(5 * 3600), error_percent: 20, per_second: Some(10) })
            .into(),
        Fault::worker_down(0, seconds(10), seconds(30)),
        Fault::eviction(1, seconds(5)),
        Fault::workflow_task("Order", When::once(), WorkflowTaskEffect::Lose),
        Fault::workflow_task("Order", When::once(), WorkflowTaskEffect::Fail),
        Fault::call(
            "SignalWorkflowExecution",
            When::once(),
            CallEffect::LoseAnswer(CallError::DeadlineExceeded),
        ),
        Fault::Call(CallFault {
            rpc: None,
            callers: Callers::Workers,
            when: When::first(2),
            effect: CallEffect::Refuse(CallError::Unavailable),
        }),
        Fault::call("SignalWorkflowExecution", When::once(), CallEffect::Delay { by: seconds(1) }),
        Fault::call("SignalWorkflowExecution", When::once(), CallEffect::Twice),
        Fault::call("SignalWorkflowExecution", When::once(), CallEffect::Repeat { after: seconds(2) }),
        Fault::call("SignalWorkflowExecution", When::once(), CallEffect::Overtaken { by: seconds(3) }),
        Fault::local_activity("price", When::once(), LocalActivityEffect::LoseWorker),
        Fault::local_activity("price", When::nth(2), LocalActivityEffect::Slow { by: seconds(5) }),
        Fault::stall(0, StalledQueue::Sticky, seconds(10), seconds(30)),
        Fault::clock_step(seconds(60), seconds(3600)),
    ])
    .scheduled(Schedule::pct(3))
    .ending(seconds(7200))
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let plan = everything();
    assert_eq!(Plan::from_json(&plan.to_json()).expect("what was written"), plan);
    assert_eq!(Plan::from_json("{}").expect("an empty plan"), Plan::default());
}

#[test]
fn a_plan_is_small_in_json() {
    assert_snapshot!(everything(), @r#"
    {
      "schedule": {"pct":{"depth":3,"choices":100}},
      "until": "2h",
      "faults": [
        {"activity":{"type":"charge","when":{},"effect":"hang"}},
        {"activity":{"type":"charge","when":{"from":"1s","until":"1m 30s","skip":2,"times":3},"effect":{"fail":{"type":"Busy","message":"try later","non_retryable":true,"next_retry_delay":"5s"}}}},
        {"activity":{"type":"charge","when":{"times":null},"effect":{"fail_afterwards":{"type":"Busy","message":"try later","non_retryable":true,"next_retry_delay":"5s"}}}},
        {"activity":{"when":{"skip":1},"effect":{"slow":{"by":"7s"}}}},
        {"activity":{"type":"charge","when":{},"effect":"lose_heartbeats"}},
        {"activity":{"type":"charge","when":{},"effect":"lose_answer"}},
        {"activity":{"type":"charge","when":{},"effect":{"answer_late":{"by":"1m"}}}},
        {"activity":{"type":"charge","when":{},"effect":"answer_twice"}},
        {"outage":{"type":"charge","until":"4h","failure":{"type":"Unavailable"},"recovery":{"until":"5h","error_percent":20,"per_second":10}}},
        {"worker_down":{"worker":0,"at":"10s","for":"30s"}},
        {"eviction":{"worker":1,"at":"5s"}},
        {"workflow_task":{"type":"Order","when":{},"effect":"lose"}},
        {"workflow_task":{"type":"Order","when":{},"effect":"fail"}},
        {"call":{"rpc":"SignalWorkflowExecution","when":{},"effect":{"lose_answer":"DEADLINE_EXCEEDED"}}},
        {"call":{"callers":"workers","when":{"times":2},"effect":{"refuse":"UNAVAILABLE"}}},
        {"call":{"rpc":"SignalWorkflowExecution","when":{},"effect":{"delay":{"by":"1s"}}}},
        {"call":{"rpc":"SignalWorkflowExecution","when":{},"effect":"twice"}},
        {"call":{"rpc":"SignalWorkflowExecution","when":{},"effect":{"repeat":{"after":"2s"}}}},
        {"call":{"rpc":"SignalWorkflowExecution","when":{},"effect":{"overtaken":{"by":"3s"}}}},
        {"local_activity":{"type":"price","when":{},"effect":"lose_worker"}},
        {"local_activity":{"type":"price","when":{"skip":1},"effect":{"slow":{"by":"5s"}}}},
        {"stall":{"worker":0,"queue":"sticky","at":"10s","for":"30s"}},
        {"clock_step":{"at":"1m","by":"1h"}}
      ]
    }
    "#);
}

#[test]
fn what_is_no_plan_is_refused_and_the_place_is_named() {
    let refused = |json: &str| Plan::from_json(json).expect_err("not a plan").to_string();
    assert_snapshot!(refused(r#"{"faults":[{"eviction":{"at":"soon"}}]}"#), @r#"the plan: not a plan of faults, at faults[0].eviction.at: "soon" is no duration: write numbers with the units d, h, m, s, ms, us or ns, like "1m 30s" at line 1 column 36"#);
    assert_snapshot!(refused(r#"{"faults":[{"meteorite":{}}]}"#), @"the plan: not a plan of faults, at faults[0]: unknown variant `meteorite`, expected one of `activity`, `outage`, `worker_down`, `eviction`, `workflow_task`, `call`, `local_activity`, `stall`, `clock_step` at line 1 column 23");
    assert_snapshot!(refused(r#"{"faults":[{"eviction":{"att":"1s"}}]}"#), @"the plan: not a plan of faults, at faults[0].eviction.att: unknown field `att`, expected `worker` or `at` at line 1 column 29");
    assert_snapshot!(refused(r#"{"faults":["#), @"the plan: not a plan of faults, at faults: EOF while parsing a list at line 1 column 11");
}

#[test]
fn a_plan_can_be_kept_in_a_file() {
    let path = std::env::temp_dir().join(format!("temporal-sim-plan-{}.json", std::process::id()));
    everything().save(&path).expect("a writable folder");
    assert_eq!(Plan::load(&path).expect("the file"), everything());
    std::fs::remove_file(&path).expect("the file");
    assert!(Plan::load(&path).is_err_and(|error| matches!(error, InvalidPlan::File { .. })));
}

#[test]
fn a_worker_that_is_not_there_is_noticed() {
    let plan = everything();
    assert!(plan.check(2).is_ok());
    assert_snapshot!(plan.check(1).expect_err("there is no worker 1"), @"the plan speaks of worker 1, and the simulation has 1; the first one is worker 0");
}

#[test]
fn a_fault_happens_when_it_says() {
    let hits = |when: When| {
        let injector = injector([Fault::activity("a", when, ActivityEffect::Hang)]);
        (0..6).filter(|&second| injector.activity(at(second), "a").is_some()).collect::<Vec<_>>()
    };
    assert_eq!(hits(When::once()), [0]);
    assert_eq!(hits(When::nth(3)), [2]);
    assert_eq!(hits(When::first(2)), [0, 1]);
    assert_eq!(hits(When::always()), [0, 1, 2, 3, 4, 5]);
    assert_eq!(hits(When::between(seconds(2), seconds(4))), [2, 3]);
    assert_eq!(hits(When { from: seconds(1), skip: 1, times: Some(2), until: None }), [2, 3]);
    assert_eq!(hits(When { times: Some(0), ..When::once() }), [0; 0]);
}

#[test]
fn a_fault_concerns_its_type_only_and_the_first_one_decides() {
    let injector = injector([
        Fault::activity("a", When::once(), ActivityEffect::Hang),
        Fault::activity("a", When::always(), ActivityEffect::LoseAnswer),
        Fault::workflow_task("a", When::always(), WorkflowTaskEffect::Lose),
    ]);
    assert_eq!(injector.activity(at(0), "b"), None);
    assert_eq!(injector.activity(at(0), "a"), Some(ActivityEffect::Hang));
    assert_eq!(injector.activity(at(0), "a"), Some(ActivityEffect::LoseAnswer));
    assert_eq!(injector.fired(), [1, 1, 0]);
}

#[test]
fn nothing_happens_any_more_once_it_is_stopped() {
    let injector = injector([Fault::activity("a", When::always(), ActivityEffect::Hang)]);
    injector.stop();
    assert_eq!(injector.activity(at(0), "a"), None);
    assert_eq!(injector.fired(), [0]);
}

#[test]
fn nothing_happens_any_more_from_the_end_of_the_plan_on() {
    let faults = [
        Fault::activity("a", When::always(), ActivityEffect::Hang),
        Fault::eviction(0, seconds(4)),
        Fault::eviction(0, seconds(5)),
        Fault::worker_down(0, seconds(5), seconds(1)),
        Fault::stall(0, StalledQueue::Activity, seconds(5), seconds(1)),
        Fault::clock_step(seconds(5), seconds(1)),
    ];
    let injector = Injector::new(Plan::new(faults).ending(seconds(5)), Seed(1), at(100));
    assert_eq!(injector.activity(at(104), "a"), Some(ActivityEffect::Hang));
    assert_eq!(injector.activity(at(105), "a"), None);
    assert_eq!(*injector.evictions(0), [(at(104), 1)]);
    assert_eq!(*injector.absences(0), []);
    assert_eq!(*injector.stalls(0, StalledQueue::Activity), []);
    assert_eq!(*injector.clock_steps(), []);
}

#[test]
fn a_recovery_in_several_steps_is_an_outage_for_each() {
    let errors = Recovery { until: seconds(1000), error_percent: 50, per_second: None };
    let limits = Recovery { until: seconds(2000), error_percent: 0, per_second: Some(1) };
    let injector = injector([
        Outage::new("a", seconds(0), seconds(10)).recovering(errors).into(),
        Outage::new("a", seconds(1000), seconds(1000)).recovering(limits).into(),
    ]);
    let failed = |from: i128, to: i128| {
        (from..to).filter(|second| injector.activity(at(*second), "a").is_some()).count()
    };
    assert_eq!(failed(0, 10), 10);
    assert!((400..600).contains(&failed(10, 1000)));
    assert_eq!(failed(1000, 2000), 0);
    assert!(injector.activity(at(1999), "a").is_some(), "the second one of a second");
    assert_eq!(failed(2000, 2100), 0);
    let fired = injector.fired();
    assert!(fired[0] > 400 && fired[1] == 1, "{fired:?}");
}

#[test]
fn calls_of_the_simulation_and_long_polls_are_spared() {
    let any = CallFault {
        rpc: None,
        callers: Callers::Any,
        when: When::always(),
        effect: CallEffect::Refuse(CallError::Unavailable),
    };
    let injector = injector([Fault::Call(any)]);
    let is_refused = |caller, rpc| matches!(injector.call(at(0), caller, rpc), Passage::Refuse(_));
    assert!(is_refused(Caller::Client, "SignalWorkflowExecution"));
    assert!(is_refused(Caller::Worker, "RespondActivityTaskCompleted"));
    assert!(!is_refused(Caller::Simulation, "StartWorkflowExecution"));
    assert!(!is_refused(Caller::Worker, "PollWorkflowTaskQueue"));
}

#[test]
fn an_outage_goes_over_into_errors_and_limits() {
    let recovery = Recovery { until: seconds(1010), error_percent: 20, per_second: Some(30) };
    let injector = injector([Outage::new("a", seconds(5), seconds(10)).recovering(recovery).into()]);
    let types = |second| match injector.activity(at(second), "a") {
        Some(ActivityEffect::Fail(failure)) => failure.error_type,
        None => "ok".to_owned(),
        other => panic!("an outage is a failure, not {other:?}"),
    };
    assert_eq!([4, 5, 9].map(types), ["ok", "Unavailable", "Unavailable"]);
    let mut failed = 0;
    for second in 10..1010 {
        let answers: Vec<_> = (0..40).map(|_| types(second)).collect();
        assert_eq!(answers.iter().filter(|&it| it == "RateLimited").count(), 10);
        failed += answers.iter().filter(|&it| it == "Unavailable").count();
    }
    assert!((5700..6300).contains(&failed), "one in five of 30,000, not {failed}");
    assert_eq!(types(1010), "ok");
}

#[test]
fn hostile_plans_run_too() {
    let endless = When { from: Duration::MAX, until: Some(Duration::ZERO), skip: u32::MAX, times: None };
    let plan = Plan::new((0..10_000).flat_map(|_| {
        [
            Fault::activity("a", endless, ActivityEffect::Slow { by: Duration::MAX }),
            Fault::worker_down(0, Duration::MAX, Duration::MAX),
            Fault::eviction(0, Duration::ZERO),
            Outage::new("a", Duration::MAX, Duration::ZERO)
                .recovering(Recovery { until: Duration::MAX, error_percent: 255, per_second: Some(0) })
                .into(),
        ]
    }));
    assert!(plan.check(1).is_ok());
    let injector = Injector::new(plan, Seed(1), at(0));
    assert_eq!(injector.activity(at(1), "a"), None);
    assert_eq!(injector.absences(0).len(), 10_000);
    assert_eq!(injector.evictions(0).len(), 10_000);
}
