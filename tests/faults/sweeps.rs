//! Sweeps find bugs that only a fault shows, and pass what has none.

use std::{fs, path::PathBuf, time::Duration};

use insta::assert_snapshot;
use proptest::strategy::Just;
use temporal_sim::{
    Builder, Failure, Simulation, Worker,
    faults::{ActivityEffect, CallEffect, Fault, Plan, When},
    policy::ActivityOptions,
    schedule::Schedule,
    strategies::{Scope, fault_plans},
    sweep::{Regression, Sweep},
};
use temporal_sim_fixtures::{
    Money,
    features::signals::Counter,
    money_transfer::{Bank, MoneyTransfer, Transfer},
};

use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};

use crate::shop::{Checkout, Provider, worker};

/// The provider takes money each time that it is asked: an attempt that is repeated must never have worked.
fn charged_once(simulation: Builder) -> Result<(), Failure> {
    let provider = Provider::default();
    simulation.worker(worker(&provider)).try_run(async move |sim| {
        let _ = sim.execute(Checkout::run, 100).await;
        assert!(provider.charges() <= 1, "charged {} times", provider.charges());
        Ok(())
    })
}

fn payments(bank: &Bank) -> Worker {
    let activities = (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund);
    Worker::new("payments").workflow::<MoneyTransfer>().activities(bank.clone(), activities)
}

/// Pays the rent. What goes wrong must neither make money nor lose it, and the answer must say what happened.
fn money_is_conserved(simulation: Builder) -> Result<(), Failure> {
    transfer(simulation, |_| {})
}

/// The same with a withdrawal and a deposit that are tried until it is known what became of them.
fn money_is_conserved_with_patience(simulation: Builder) -> Result<(), Failure> {
    fn patience(options: &mut ActivityOptions) {
        options.retry_policy.maximum_attempts = 0;
        options.schedule_to_close_timeout = None;
    }
    transfer(simulation, |sim| {
        sim.override_activity_options(Bank::withdraw, patience);
        sim.override_activity_options(Bank::deposit, patience);
    })
}

fn transfer(simulation: Builder, settings: fn(&Simulation)) -> Result<(), Failure> {
    let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
    simulation.worker(payments(&bank)).try_run(async move |sim| {
        settings(&sim);
        let rent = Transfer {
            reference: "rent-5".into(),
            from: "alice".into(),
            to: "bob".into(),
            amount: Money::euros(40),
        };
        let transferred = sim.execute(MoneyTransfer::run, rent).await.is_ok();
        let (alice, bob) = (bank.balance("alice"), bank.balance("bob"));
        assert_eq!(alice + bob, Money::euros(100), "money is conserved");
        assert_eq!(bob == Money::euros(40), transferred, "the answer says what happened");
        Ok(())
    })
}

fn sweep_of_transfers() -> Sweep {
    let scope = Scope::of([&payments(&Bank::default())]).within(Duration::from_secs(60));
    Sweep::new(0..400).faults(fault_plans(&scope))
}

fn sweep_of_checkouts() -> Sweep {
    let scope = Scope::of([&worker(&Provider::default())]).within(Duration::from_secs(60));
    Sweep::new(0..200).faults(fault_plans(&scope))
}

#[test]
fn a_charge_that_is_repeated_is_found_and_one_fault_is_enough() {
    let report = sweep_of_checkouts().run(charged_once);
    let failure = report.failure().expect("some seed charges twice");
    assert!(failure.message().contains("charged 2 times"), "{failure}");
    let [fault] = &failure.plan().faults[..] else { panic!("{failure}") };
    let breaks = match fault {
        Fault::Activity(fault) => matches!(
            fault.effect,
            ActivityEffect::LoseAnswer
                | ActivityEffect::FailAfterwards(_)
                | ActivityEffect::AnswerLate { .. }
                | ActivityEffect::Slow { .. }
        ),
        Fault::Call(fault) => !matches!(fault.effect, CallEffect::Twice),
        Fault::ClockStep(_) => true,
        _ => false,
    };
    assert!(breaks, "{failure}");
}

#[test]
fn a_failure_is_a_plan_a_command_and_a_timeline() {
    let plan = Plan::new([
        Fault::eviction(0, Duration::from_secs(1)),
        Fault::activity("Provider::charge", When::once(), ActivityEffect::LoseAnswer),
        Fault::worker_down(0, Duration::from_secs(60), Duration::from_secs(10)),
    ]);
    let report = Sweep::new([17]).faults(Just(plan)).run(charged_once);
    let failure = report.failure().expect("some seed charges twice").to_string();
    let failure = regex::Regex::new(r"sweeps.rs:[0-9:]+")
        .expect("a pattern")
        .replace(&failure, "sweeps.rs:[line]")
        .into_owned();
    assert_snapshot!(failure, @r#"
    a sweep failed with seed 17

      what it takes, after 4 runs in search of less:
        {
          "seed": 17,
          "faults": [
            {"activity":{"type":"Provider::charge","when":{},"effect":"lose_answer"}}
          ]
        }
      seed     TEMPORAL_SIM_SEED=17 cargo test -p temporal-sim --test faults sweeps::a_failure_is_a_plan_a_command_and_a_timeline -- --exact

    simulation failed: the test body panicked: charged 2 times
      at tests/faults/sweeps.rs:[line]

      virtual time  2025-01-01T00:00:13Z, 13s after the start
      seed          17
      reproduce     TEMPORAL_SIM_SEED=17 cargo test -p temporal-sim --test faults sweeps::a_failure_is_a_plan_a_command_and_a_timeline -- --exact

    Checkout "Checkout-1": completed

       1  +00:00:00.000  WorkflowExecutionStarted    Checkout(100)
       5  +00:00:00.000  ActivityTaskScheduled       #1 Provider::charge(100)
          +00:00:10.000  attempt 1 timed out         #1 Provider::charge: start-to-close timeout, next attempt after 1s
       6  +00:00:11.000  ActivityTaskStarted         #1 Provider::charge, attempt 2, after start-to-close timeout
       7  +00:00:13.000  ActivityTaskCompleted       #1 Provider::charge -> ()
      11  +00:00:13.000  WorkflowExecutionCompleted  -> ()
    "#);
}

/// The saga takes an attempt whose answer was lost for one that did nothing.
#[test]
fn a_transfer_that_gives_up_too_early_is_found() {
    let report = sweep_of_transfers().run(money_is_conserved);
    let failure = report.failure().expect("some seed makes money or loses it");
    assert!(failure.message().contains("money is conserved"), "{failure}");
    assert!(failure.plan().faults.len() <= 2, "{failure}");
}

#[test]
fn what_has_no_bug_passes_and_the_report_says_what_was_reached() {
    let report = sweep_of_transfers().run(money_is_conserved_with_patience);
    report.assert_passed();
    assert_eq!(report.coverage().runs(), 400);
    report.assert_reached([
        "ActivityTaskFailed",
        "WorkflowTaskTimedOut",
        "WorkflowTaskFailed",
        "WorkflowExecutionFailed",
        "retry state MAXIMUM_ATTEMPTS_REACHED",
        "fault activity",
        "fault call",
        "fault eviction",
        "fault outage",
        "fault worker_down",
        "fault workflow_task",
    ]);
}

#[test]
#[should_panic(expected = "never reached: TimerFired")]
fn what_was_not_reached_is_named() {
    Sweep::new(0..2).run(money_is_conserved).assert_reached(["ActivityTaskScheduled", "TimerFired"]);
}

#[test]
fn the_report_does_not_depend_on_the_number_of_threads() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let report = pool.install(|| sweep_of_checkouts().run(charged_once));
        let failure = report.failure().expect("some seed charges twice");
        (failure.seed(), failure.plan().clone(), report.coverage().clone())
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn a_failure_is_kept_in_a_file_and_run_first_from_then_on() {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("temporal-sim-regressions-{}", std::process::id()));
    let report = sweep_of_checkouts().regressions(&folder).run(charged_once);
    let first = report.failure().expect("some seed charges twice");
    let file = first.file().expect("it was kept").clone();
    let kept = Regression::load_all(&folder).expect("readable files");
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0].0, kept[0].1.seed), (&file, first.seed()));
    assert_eq!(kept[0].1.faults, first.plan().faults);

    // Without seeds and strategies: the file is enough.
    let again = Sweep::new([]).regressions(&folder).run(charged_once);
    let failure = again.failure().expect("the same failure");
    assert_eq!((failure.seed(), failure.plan()), (first.seed(), first.plan()));
    fs::remove_dir_all(&folder).expect("the folder");
}

/// Charges so often. More than two are one too many, and more than five cannot be.
fn charges(simulation: Builder, times: u32) -> Result<(), Failure> {
    let provider = Provider::default();
    simulation.worker(worker(&provider)).try_run(async move |sim| {
        for _ in 0..times {
            sim.execute(Checkout::run, 100).await?;
        }
        sim.reached(if provider.charges() == 0 { "nothing" } else { "something" });
        anyhow::ensure!(times <= 5, "the customer of {times} charges complains");
        assert!(provider.charges() <= 2, "charged {} times", provider.charges());
        Ok(())
    })
}

#[test]
fn an_input_is_drawn_made_smaller_and_kept() {
    let folder = std::env::temp_dir().join(format!("temporal-sim-inputs-{}", std::process::id()));
    let report = Sweep::new(0..50).regressions(&folder).run_with(0..5_u32, charges);
    let failure = report.failure().expect("some seed charges too often");
    assert_eq!(*failure.input(), 3, "{failure}");
    assert!(failure.message().contains("charged 3 times"), "{failure}");

    let again = Sweep::new([]).regressions(&folder).run_with(Just(0_u32), charges);
    assert_eq!(again.failure().expect("the file has the input").input(), failure.input());
    fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
#[should_panic(expected = "the input is not one of this sweep")]
fn an_input_of_another_sweep_is_refused() {
    let folder = std::env::temp_dir().join(format!("temporal-sim-other-inputs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a writable folder");
    let regression = Regression::new(1, Plan::default()).with_input("many".into());
    fs::write(folder.join("other.json"), regression.to_json()).expect("a writable file");
    Sweep::new([]).regressions(&folder).run_with(Just(0_u32), charges);
}

#[test]
fn a_sweep_that_goes_on_has_one_failure_for_each_message() {
    let report = Sweep::new(0..64).keep_going().run_with(0..9_u32, charges);
    assert_eq!(report.coverage().runs(), 64);
    let kinds: Vec<_> =
        report.failures().iter().map(|failure| (failure.input().clone(), failure.seeds().len())).collect();
    let [(one, ones), (other, others)] = kinds.as_slice() else { panic!("{report}") };
    let mut inputs = [one, other].map(|input| input.as_u64());
    inputs.sort_unstable();
    assert_eq!(inputs, [Some(3), Some(6)]);
    assert!(ones + others > 30 && ones.min(others) > &10, "{ones}, {others}");
    assert!(report.to_string().contains("more alike"), "{report}");
    let passed = report.coverage().runs() - (ones + others) as u64;
    assert!(report.coverage().times("something") >= passed / 2);
    report.assert_reached(["nothing", "something", "outcome Checkout completed"]);
}

#[test]
fn what_was_never_reached_is_listed() {
    let never_happens = Fault::activity("Provider::charge", When::nth(9), ActivityEffect::Hang);
    let report = Sweep::new(0..4).faults(Just(Plan::new([never_happens]))).run_with(Just(1_u32), charges);
    report.assert_passed();
    let never = report.coverage().never();
    let is_there = |name: &str| never.iter().any(|it| it == name);
    assert!(
        is_there("fault activity hang") && is_there("TimerFired") && is_there("retry state TIMEOUT"),
        "{never:?}"
    );
    assert!(!is_there("ActivityTaskCompleted"), "{never:?}");
    assert!(report.to_string().contains("4 runs, 0.0 virtual years"), "{report}");
}

#[test]
fn a_whole_report_is_the_same_on_any_number_of_threads() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let scope = Scope::of([&worker(&Provider::default())]).within(Duration::from_secs(60));
            let sweep = Sweep::new(0..48).faults(fault_plans(&scope)).keep_going();
            sweep.run_with(0..4_u32, charges).to_string()
        })
    };
    assert_eq!(on(1), on(2));
}

/// The file is what a sweep wrote when the saga was found to take a lost answer for a failure. It says the same for ever.
#[test]
fn a_committed_regression_is_run_first() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/regressions/transfers");
    let report = Sweep::new([]).regressions(&folder).run(money_is_conserved);
    let failure = report.failure().expect("the saga gives up too early");
    assert!(failure.message().contains("money is conserved"), "{failure}");
    assert_eq!(failure.file(), Some(&folder.join("a-deposit-whose-answers-are-lost.json")));
    Sweep::new([]).regressions(&folder).run(money_is_conserved_with_patience).assert_passed();
}

/// Two signals at the same instant. Whoever thinks that they arrive in the order in which they were sent is wrong.
fn signals_in_order(simulation: Builder) -> Result<(), Failure> {
    simulation.worker(worker(&Provider::default())).try_run(async |sim| {
        let options = WorkflowStartOptions::new("shop", "counter").build();
        let handle = sim.client().start_workflow(Counter::run, 2, options).await?;
        let signal = |number| handle.signal(Counter::add, number, WorkflowSignalOptions::default());
        let (one, two) = futures::join!(signal(1), signal(2));
        one.and(two)?;
        assert_eq!(handle.get_result(Default::default()).await?, [1, 2], "in the order of the sender");
        Ok(())
    })
}

#[test]
fn a_schedule_is_drawn_and_shrinks_to_the_choice_that_it_takes() {
    let scope = Scope { most: 0, ..Scope::default() };
    let first_in_first_out = Sweep::new(0..50).faults(fault_plans(&scope)).run(signals_in_order);
    first_in_first_out.assert_passed();
    let report = Sweep::new(0..50).faults(fault_plans(&scope.scheduled())).run(signals_in_order);
    let failure = report.failure().expect("some schedule lets the second signal overtake the first");
    let Some(Schedule::Choices(choices)) = &failure.plan().schedule else { panic!("{failure}") };
    assert_eq!(choices.len(), 1, "{failure}");
}
