//! Plans that nobody means well with: an error or a run, and an end either way.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use temporal_sim::{
    Failure, Simulation,
    faults::{
        ActivityEffect, CallEffect, CallError, Fault, LocalActivityEffect, Outage, Plan, Recovery,
        StalledQueue, When, WorkflowTaskEffect,
    },
    policy::AttemptFailure,
    schedule::{Pct, Schedule},
};

use crate::shop::{Checkout, Provider, QuickCheckout, worker};

/// Two checkouts with a plan.
fn checkout(plan: Plan) -> Result<(), Failure> {
    let simulation = Simulation::builder().worker(worker(&Provider::default())).budget(10_000).faults(plan);
    simulation.try_run(async |sim| {
        let both =
            async { futures::join!(sim.execute(Checkout::run, 1), sim.execute(QuickCheckout::run, 2)) };
        let year = Duration::from_secs(365 * 24 * 3600);
        let (one, two) = tokio::time::timeout(year, both).await?;
        one.and(two)?;
        Ok(())
    })
}

#[test]
fn a_million_faults_come_to_an_end() {
    const EACH: u64 = 125_000;
    let seconds = |number| Duration::from_secs(number % 1000);
    let faults = (0..EACH).flat_map(|number| {
        [
            Fault::eviction(0, seconds(number)),
            Fault::eviction(0, Duration::ZERO),
            Fault::worker_down(0, Duration::from_secs(1), Duration::ZERO),
            Fault::worker_down(0, seconds(number), Duration::from_nanos(number)),
            Fault::clock_step(seconds(number), Duration::from_nanos(1)),
            Fault::stall(0, StalledQueue::Sticky, seconds(number), Duration::ZERO),
            Fault::workflow_task("Another", When::always(), WorkflowTaskEffect::Lose),
            Fault::activity("another", When::always(), ActivityEffect::Hang),
        ]
    });
    let plan = Plan::new(faults);
    assert_eq!(plan.faults.len(), 1_000_000);
    checkout(plan).expect("none of them does any harm");
}

/// Durations of all sizes, most of them of no sense.
fn durations() -> impl Strategy<Value = Duration> + Clone {
    select(vec![
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
        Duration::from_secs(1),
        Duration::from_secs(3600),
        Duration::from_secs(100 * 365 * 24 * 3600),
        Duration::from_secs(i64::MAX as u64),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ])
}

fn whens() -> impl Strategy<Value = When> + Clone {
    let numbers = select(vec![0, 1, 2, u32::MAX]);
    let (until, times) = (proptest::option::of(durations()), proptest::option::of(numbers.clone()));
    (durations(), until, numbers, times).prop_map(|(from, until, skip, times)| When {
        from,
        until,
        skip,
        times,
    })
}

fn failures() -> impl Strategy<Value = AttemptFailure> + Clone {
    (select(vec!["", "Unavailable", "Ünïcode\u{0}"]), any::<bool>(), proptest::option::of(durations()))
        .prop_map(|(error_type, non_retryable, next_retry_delay)| AttemptFailure {
            error_type: error_type.to_owned(),
            message: error_type.repeat(3),
            non_retryable,
            next_retry_delay,
        })
}

fn faults() -> impl Strategy<Value = Fault> + Clone {
    let (by, lasts) = (durations(), durations());
    let activity = prop_oneof![
        failures().prop_map(ActivityEffect::Fail),
        failures().prop_map(ActivityEffect::FailAfterwards),
        by.clone().prop_map(|by| ActivityEffect::Slow { by }),
        Just(ActivityEffect::Hang),
        by.clone().prop_map(|by| ActivityEffect::AnswerLate { by }),
        Just(ActivityEffect::AnswerTwice),
    ];
    let local = prop_oneof![
        failures().prop_map(LocalActivityEffect::Fail),
        by.clone().prop_map(|by| LocalActivityEffect::Slow { by }),
        Just(LocalActivityEffect::Hang),
        Just(LocalActivityEffect::LoseWorker),
    ];
    let error =
        select(vec![CallError::Unavailable, CallError::DeadlineExceeded, CallError::ResourceExhausted]);
    let call = prop_oneof![
        error.clone().prop_map(CallEffect::Refuse),
        error.prop_map(CallEffect::LoseAnswer),
        by.clone().prop_map(|by| CallEffect::Delay { by }),
        Just(CallEffect::Twice),
        by.clone().prop_map(|after| CallEffect::Repeat { after }),
        by.clone().prop_map(|by| CallEffect::Overtaken { by }),
    ];
    let rpc = select(vec![
        "RespondWorkflowTaskCompleted",
        "PollActivityTaskQueue",
        "RespondActivityTaskCompleted",
        "",
    ]);
    let queue = select(vec![StalledQueue::Sticky, StalledQueue::Workflow, StalledQueue::Activity]);
    let recovery = (durations(), any::<u8>(), proptest::option::of(select(vec![0, 1, u32::MAX])))
        .prop_map(|(until, error_percent, per_second)| Recovery { until, error_percent, per_second });
    prop_oneof![
        (whens(), activity).prop_map(|(when, effect)| Fault::activity("Provider::charge", when, effect)),
        (whens(), local).prop_map(|(when, effect)| Fault::local_activity("Provider::charge", when, effect)),
        (durations(), durations(), recovery).prop_map(|(from, until, recovery)| {
            Outage::new("Provider::charge", from, until).recovering(recovery).into()
        }),
        (by.clone(), lasts.clone()).prop_map(|(at, lasts)| Fault::worker_down(0, at, lasts)),
        by.clone().prop_map(|at| Fault::eviction(0, at)),
        (0..2_usize, queue, by.clone(), lasts.clone())
            .prop_map(|(worker, queue, at, lasts)| Fault::stall(worker, queue, at, lasts)),
        (by, lasts).prop_map(|(at, by)| Fault::clock_step(at, by)),
        (whens(), select(vec![WorkflowTaskEffect::Lose, WorkflowTaskEffect::Fail]))
            .prop_map(|(when, effect)| Fault::workflow_task("Checkout", when, effect)),
        (rpc, whens(), call).prop_map(|(rpc, when, effect)| Fault::call(rpc, when, effect)),
    ]
}

fn schedules() -> impl Strategy<Value = Schedule> + Clone {
    let numbers = select(vec![0, 1, 3, 100, u32::MAX]);
    prop_oneof![
        Just(Schedule::Fifo),
        Just(Schedule::Random),
        (numbers.clone(), numbers.clone()).prop_map(|(depth, choices)| Schedule::Pct(Pct { depth, choices })),
        vec((numbers.clone(), numbers), 0..4).prop_map(Schedule::choices),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// The simulation has an end, and whatever comes of it is told in words. The plan is as good as what is read of its JSON.
    #[test]
    fn plans_of_no_sense_come_to_an_end(
        faults in vec(faults(), 0..6),
        schedule in proptest::option::of(schedules()),
        until in proptest::option::of(durations()),
    ) {
        let plan = Plan { schedule, until, ..Plan::new(faults) };
        if let Err(failure) = checkout(plan.clone()) {
            prop_assert!(!failure.to_string().is_empty());
        }
        match Plan::from_json(&plan.to_json()) {
            Ok(read) => prop_assert_eq!(read, plan),
            Err(error) => prop_assert!(false, "{} {}", error, plan),
        }
    }

    #[test]
    fn no_text_is_a_plan_that_panics(text in r#"\{"(faults|schedule|until)": ?["\[\{]{0,2}(pct|choices|1s|-1s|eviction|:|\{|\}|,|"|9){0,9}[\]\}"]{0,3}"#) {
        if let Ok(plan) = Plan::from_json(&text) {
            let _ = checkout(plan);
        }
    }
}

#[test]
fn durations_that_are_none_are_refused_with_their_place() {
    let refused = |duration: &str| {
        let json = format!(r#"{{"faults":[{{"worker_down":{{"worker":0,"at":"1s","for":{duration}}}}}]}}"#);
        Plan::from_json(&json).expect_err(duration).to_string()
    };
    for duration in ["-1", "1e400", "\"-1s\"", "\"1e9999s\"", "\"\"", "\"s\"", "null", "[]"] {
        let error = refused(duration);
        assert!(error.contains("faults[0].worker_down.for"), "{duration}: {error}");
    }
    for depth in ["-1", "4294967296", "1.5"] {
        let error =
            Plan::from_json(&format!(r#"{{"schedule":{{"pct":{{"depth":{depth}}}}}}}"#)).expect_err(depth);
        assert!(error.to_string().contains("schedule"), "{error}");
    }
}
