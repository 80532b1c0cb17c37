//! Schedules among executions that do what a test says.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowExecution},
    enums::v1::{ScheduleOverlapPolicy as Policy, WorkflowExecutionStatus as Status, WorkflowIdReusePolicy},
    failure::v1::Failure,
    schedule::v1::{
        BackfillRequest, IntervalSpec, Schedule as Definition, ScheduleAction, SchedulePatch,
        SchedulePolicies, ScheduleSpec, ScheduleState, TriggerImmediatelyRequest, schedule_action::Action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::{
    Creation, Schedule, Update, Wake,
    executions::{Executions, Outcome},
    spec::{CompiledSpec, Jitter},
};
use crate::{
    clock::{self, Time},
    rng::Seed,
};

/// Executions that run until the test says otherwise.
#[derive(Default)]
struct Script {
    started: Vec<StartWorkflowExecutionRequest>,
    cancelled: Vec<String>,
    closed: BTreeMap<String, Outcome>,
    request_ids: u64,
}

impl Executions for Script {
    fn start(&mut self, request: StartWorkflowExecutionRequest) -> Option<String> {
        let is_open = |started: &StartWorkflowExecutionRequest| {
            started.workflow_id == request.workflow_id && !self.closed.contains_key(&started.workflow_id)
        };
        if self.started.iter().any(is_open) {
            return None;
        }
        self.closed.remove(&request.workflow_id);
        self.started.push(request);
        Some(format!("run {}", self.started.len()))
    }

    fn cancel(&mut self, request: RequestCancelWorkflowExecutionRequest) {
        self.cancelled.extend(request.workflow_execution.map(|execution| execution.workflow_id));
    }

    fn terminate(&mut self, request: TerminateWorkflowExecutionRequest) {
        if let Some(execution) = request.workflow_execution {
            self.close(&execution.workflow_id, Status::Terminated);
        }
    }

    fn outcome(&self, first: &WorkflowExecution) -> Outcome {
        self.closed.get(&first.workflow_id).cloned().unwrap_or(Outcome::Running)
    }

    fn request_id(&mut self) -> String {
        self.request_ids += 1;
        self.request_ids.to_string()
    }
}

impl Script {
    fn close(&mut self, workflow_id: &str, status: Status) {
        self.close_with(workflow_id, status, None, None);
    }

    fn close_with(
        &mut self,
        workflow_id: &str,
        status: Status,
        result: Option<Payloads>,
        failure: Option<Failure>,
    ) {
        self.closed.insert(
            workflow_id.to_owned(),
            Outcome::Closed { status, result, failure: failure.map(Box::new) },
        );
    }
}

/// A schedule, its executions and the time.
struct World {
    schedule: Schedule,
    executions: Script,
    now: Time,
}

/// A schedule for every ten seconds.
fn definition() -> Definition {
    let ten_seconds = clock::to_proto(Duration::from_secs(10));
    Definition {
        spec: Some(ScheduleSpec {
            interval: vec![IntervalSpec { interval: Some(ten_seconds), phase: None }],
            ..Default::default()
        }),
        action: Some(ScheduleAction {
            action: Some(Action::StartWorkflow(NewWorkflowExecutionInfo {
                workflow_id: "w".to_owned(),
                ..Default::default()
            })),
        }),
        ..Default::default()
    }
}

fn policy(policy: Policy) -> Option<SchedulePolicies> {
    Some(SchedulePolicies { overlap_policy: policy as i32, ..Default::default() })
}

fn compile(definition: &Definition) -> CompiledSpec {
    let jitter = Jitter { seed: Seed(1), schedule: "s".to_owned() };
    CompiledSpec::new(definition.spec.as_ref().unwrap(), jitter).unwrap()
}

fn seconds(seconds: i128) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

impl World {
    fn new(definition: Definition) -> Self {
        let creation = Creation {
            namespace: "default".to_owned(),
            id: "s".to_owned(),
            request_id: "r".to_owned(),
            run_id: "run".to_owned(),
            spec: compile(&definition),
            definition,
            memo: Default::default(),
            search_attributes: Default::default(),
        };
        let now = seconds(0);
        let mut world = Self { schedule: Schedule::new(now, creation), executions: Script::default(), now };
        world.wake(Wake::Time);
        world
    }

    fn wake(&mut self, why: Wake) {
        self.schedule.wake(self.now, why, &mut self.executions);
    }

    /// Lets time pass, and wakes the schedule whenever it wants.
    fn advance_to(&mut self, time: Time) {
        while let Some(wakeup) = self.schedule.wakeup.filter(|wakeup| *wakeup <= time) {
            self.now = self.now.max(wakeup);
            self.wake(Wake::Time);
        }
        self.now = time;
    }

    fn patch(&mut self, patch: SchedulePatch) {
        self.wake(Wake::Patch(patch));
    }

    fn trigger(&mut self, at: i128, overlap_policy: Policy) {
        let trigger = TriggerImmediatelyRequest {
            overlap_policy: overlap_policy as i32,
            scheduled_time: Some(seconds(at).to_proto()),
        };
        self.patch(SchedulePatch { trigger_immediately: Some(trigger), ..Default::default() });
    }

    fn backfill(&mut self, start: i128, end: i128, overlap_policy: Policy) {
        let backfill = BackfillRequest {
            start_time: Some(seconds(start).to_proto()),
            end_time: Some(seconds(end).to_proto()),
            overlap_policy: overlap_policy as i32,
        };
        self.patch(SchedulePatch { backfill_request: vec![backfill], ..Default::default() });
    }

    /// Closes a workflow, and tells the schedule if it waits for that.
    fn close(&mut self, workflow_id: &str, status: Status) {
        self.executions.close(workflow_id, status);
        if self.schedule.watched.as_deref() == Some(workflow_id) {
            self.wake(Wake::Refresh);
        }
    }

    fn started(&self) -> Vec<&str> {
        self.executions.started.iter().map(|request| request.workflow_id.as_str()).collect()
    }
}

/// The workflow id of the action at a time of the first minute.
fn at(second: u8) -> String {
    format!("w-1970-01-01T00:00:{second:02}Z")
}

#[test]
fn acts_at_each_time_and_names_the_workflow_after_it() {
    let mut world = World::new(Definition { policies: policy(Policy::AllowAll), ..definition() });
    world.advance_to(seconds(35));
    assert_eq!(world.started(), [at(10), at(20), at(30)]);
    let request = &world.executions.started[0];
    assert_eq!(request.identity, "temporal-scheduler-default-s");
    assert_eq!(request.workflow_id_reuse_policy(), WorkflowIdReusePolicy::RejectDuplicate);
    let attributes = &request.search_attributes.as_ref().unwrap().indexed_fields;
    assert_eq!(attributes["TemporalScheduledById"].data, br#""s""#);
    assert_eq!(attributes["TemporalScheduledStartTime"].data, br#""1970-01-01T00:00:10Z""#);
    assert_eq!(world.schedule.wakeup, Some(seconds(40)));
    assert_eq!(world.schedule.info.action_count, 3);
}

#[test]
fn skips_while_a_workflow_runs_and_goes_on_when_it_has_closed() {
    let mut world = World::new(definition());
    world.advance_to(seconds(25));
    assert_eq!((world.started(), world.schedule.info.overlap_skipped), (vec![at(10).as_str()], 1));
    world.close(&at(10), Status::Completed);
    world.advance_to(seconds(35));
    assert_eq!(world.started(), [at(10), at(30)]);
}

#[test]
fn buffered_actions_start_one_after_the_other_and_know_the_last_result() {
    let mut world = World::new(Definition { policies: policy(Policy::BufferAll), ..definition() });
    world.advance_to(seconds(35));
    assert_eq!((world.started().len(), world.schedule.buffer.len()), (1, 2));
    let result = Payloads { payloads: vec![Payload { data: b"1".to_vec(), ..Default::default() }] };
    world.executions.close_with(&at(10), Status::Completed, Some(result.clone()), None);
    world.wake(Wake::Refresh);
    let failure = Failure { message: "no".to_owned(), ..Default::default() };
    world.executions.close_with(&at(20), Status::Failed, None, Some(failure.clone()));
    world.wake(Wake::Refresh);
    assert_eq!(world.started(), [at(10), at(20), at(30)]);
    let [_, second, third] = &world.executions.started[..] else { panic!("three starts") };
    assert_eq!((&second.last_completion_result, &second.continued_failure), (&Some(result.clone()), &None));
    assert_eq!((&third.last_completion_result, &third.continued_failure), (&Some(result), &Some(failure)));
    assert_eq!(world.schedule.watched, None, "nothing is left to wait for");
}

#[test]
fn cancels_or_terminates_what_is_in_the_way() {
    let mut world = World::new(Definition { policies: policy(Policy::CancelOther), ..definition() });
    world.advance_to(seconds(25));
    assert_eq!((world.started().len(), world.executions.cancelled.as_slice()), (1, [at(10)].as_slice()));
    world.close(&at(10), Status::Canceled);
    assert_eq!(world.started(), [at(10), at(20)]);

    let mut world = World::new(Definition { policies: policy(Policy::TerminateOther), ..definition() });
    world.advance_to(seconds(25));
    assert_eq!(world.schedule.watched, Some(at(10)), "it waits for the end");
    world.wake(Wake::Refresh);
    assert_eq!(world.started(), [at(10), at(20)]);
}

#[test]
fn a_failure_pauses_if_the_policy_says_so() {
    let policies = SchedulePolicies { pause_on_failure: true, ..Default::default() };
    let mut world = World::new(Definition { policies: Some(policies), ..definition() });
    world.advance_to(seconds(15));
    world.executions.close(&at(10), Status::TimedOut);
    world.advance_to(seconds(25));
    assert_eq!(world.started(), [at(10)]);
    assert!(world.schedule.state().paused);
    assert_eq!(world.schedule.state().notes, format!("paused due to workflow timeout: {}", at(10)));
    assert_eq!(world.schedule.wakeup, None, "a paused schedule sleeps");
}

#[test]
fn the_time_of_a_pause_is_not_made_up_for() {
    let mut world = World::new(Definition { policies: policy(Policy::AllowAll), ..definition() });
    world.patch(SchedulePatch { pause: "stop".to_owned(), ..Default::default() });
    world.advance_to(seconds(35));
    world.patch(SchedulePatch { unpause: "go".to_owned(), ..Default::default() });
    world.advance_to(seconds(45));
    assert_eq!(world.started(), [at(40)]);
    assert_eq!(world.schedule.conflict_token, 3);
}

#[test]
fn limited_actions_run_out_but_triggers_do_not_count() {
    let state = ScheduleState { limited_actions: true, remaining_actions: 2, ..Default::default() };
    let mut world =
        World::new(Definition { policies: policy(Policy::AllowAll), state: Some(state), ..definition() });
    world.trigger(1, Policy::Unspecified);
    assert_eq!(world.schedule.future_times(5).len(), 2);
    world.advance_to(seconds(60));
    assert_eq!(world.started(), [at(1), at(10), at(20)]);
    let expires = seconds(20) + Duration::from_secs(7 * 24 * 60 * 60);
    assert_eq!(world.schedule.expires, Some(expires));
    assert!(!world.schedule.is_open(expires), "a schedule that is done is forgotten after a week");
}

#[test]
fn an_action_that_is_later_than_the_catchup_window_is_missed() {
    let policies = SchedulePolicies {
        overlap_policy: Policy::AllowAll as i32,
        catchup_window: Some(clock::to_proto(Duration::from_secs(1))),
        ..Default::default()
    };
    let mut world = World::new(Definition { policies: Some(policies), ..definition() });
    world.now = seconds(35);
    world.wake(Wake::Time);
    assert_eq!(world.started(), [at(30)], "the window is ten seconds at least");
    assert_eq!(world.schedule.info.missed_catchup_window, 2);
}

#[test]
fn an_update_replaces_the_definition_unless_somebody_was_faster() {
    let mut world = World::new(definition());
    let update = |conflict_token, notes: &str| {
        let state = ScheduleState { notes: notes.to_owned(), ..Default::default() };
        let definition = Definition { state: Some(state), ..definition() };
        let spec = compile(&definition);
        Wake::Update(Box::new(Update { definition, spec, search_attributes: None, conflict_token }))
    };
    world.now = seconds(5);
    world.wake(update(1, "first"));
    world.wake(update(1, "late"));
    assert_eq!((world.schedule.state().notes.as_str(), world.schedule.conflict_token), ("first", 2));
    world.wake(update(0, "whatever it was"));
    assert_eq!(world.schedule.state().notes, "whatever it was");
}

#[test]
fn a_backfill_takes_both_ends_and_ten_actions_at_a_time() {
    let mut world = World::new(definition());
    world.now = seconds(1000);
    world.wake(Wake::Time);
    world.executions.started.clear();
    world.backfill(10, 160, Policy::AllowAll);
    assert_eq!(world.started().len(), 10);
    assert_eq!(world.schedule.wakeup, Some(seconds(1001)));
    world.advance_to(seconds(1002));
    assert_eq!(world.started().len(), 16);
    assert_eq!((world.started()[0], world.started()[15]), (at(10).as_str(), "w-1970-01-01T00:02:40Z"));
}

#[test]
fn a_workflow_id_that_is_taken_costs_the_action_only() {
    let mut world = World::new(definition());
    world.trigger(1, Policy::AllowAll);
    world.trigger(1, Policy::AllowAll);
    assert_eq!((world.started().len(), world.schedule.info.action_count), (1, 1));
    assert!(world.schedule.buffer.is_empty());
}

/// What may happen to a schedule.
#[derive(Debug, Clone)]
enum Step {
    Pass(u8),
    Trigger(u8, Policy),
    Backfill(u8, u8, Policy),
    Pause(bool),
    Close(prop::sample::Index, Status),
}

fn policies() -> impl Strategy<Value = Policy> {
    (0_i32..=6).prop_map(|policy| Policy::try_from(policy).unwrap())
}

fn steps() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![Status::Completed, Status::Failed, Status::Terminated]);
    prop_oneof![
        any::<u8>().prop_map(Step::Pass),
        (any::<u8>(), policies()).prop_map(|(at, policy)| Step::Trigger(at, policy)),
        (any::<u8>(), any::<u8>(), policies())
            .prop_map(|(from, to, policy)| Step::Backfill(from, to, policy)),
        any::<bool>().prop_map(Step::Pause),
        (any::<prop::sample::Index>(), status).prop_map(|(which, status)| Step::Close(which, status)),
    ]
}

proptest! {
    #[test]
    fn no_two_workflows_run_at_once_unless_allowed(
        own_policy in policies(),
        steps in prop::collection::vec(steps(), 1..40),
    ) {
        let mut world = World::new(Definition { policies: policy(own_policy), ..definition() });
        for step in steps {
            match step {
                Step::Pass(passed) => {
                    let until = world.now + Duration::from_secs(passed.into());
                    world.advance_to(until);
                }
                Step::Trigger(at, policy) => world.trigger(at.into(), policy),
                Step::Backfill(from, to, policy) => world.backfill(from.into(), to.into(), policy),
                Step::Pause(true) => world.patch(SchedulePatch { pause: "p".to_owned(), ..Default::default() }),
                Step::Pause(false) => {
                    world.patch(SchedulePatch { unpause: "u".to_owned(), ..Default::default() });
                }
                Step::Close(which, status) => {
                    if let Some(id) = world.started().get(which.index(world.started().len().max(1))) {
                        let id = (*id).to_owned();
                        world.close(&id, status);
                    }
                }
            }
            let schedule = &world.schedule;
            prop_assert!(schedule.info.running_workflows.len() <= 1);
            prop_assert_eq!(
                schedule.watched.is_some(),
                !schedule.buffer.is_empty(),
                "what is buffered waits for something, and nothing else does"
            );
            prop_assert!(schedule.info.recent_actions.len() <= 10);
            prop_assert_eq!(schedule.info.action_count, world.executions.started.len() as i64);
            prop_assert!(schedule.wakeup.is_none_or(|wakeup| wakeup > world.now), "it does not spin");
        }
    }
}
