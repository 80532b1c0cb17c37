//! The cluster does what the model of retries and timeouts predicts.

use std::{collections::BTreeMap, env};

use proptest::{prelude::*, test_runner::TestRunner};
use temporalio_common::protos::temporal::api::{
    command::v1::{ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes},
    common::v1::ActivityType,
    enums::v1::TimeoutType,
    failure::v1::{Failure, failure::FailureInfo},
    history::v1::history_event,
    workflowservice::v1::{
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest,
        RespondActivityTaskCompletedRequest, RespondActivityTaskFailedRequest,
    },
};

use super::*;
use crate::{
    cluster::execution::Run,
    policy::{
        ActivityOptions, Attempt, AttemptEnd, AttemptOutcome, Ending, FinalOutcome, Model, Prediction,
        WorkflowTimeouts,
    },
    strategies,
};

/// How many cases are compared, unless `TEMPORAL_SIM_POLICY_CASES` says otherwise.
const CASES: u32 = 10_000;

/// How many attempts of an activity are compared.
const ATTEMPTS: u32 = 12;

/// How many heartbeats of an attempt are sent at most.
const HEARTBEATS: u128 = 64;

/// An activity, the workflow around it and what becomes of its attempts.
#[derive(Debug, Clone)]
struct Case {
    options: ActivityOptions,
    workflow: WorkflowTimeouts,
    scheduled_after: Duration,
    script: Vec<AttemptOutcome>,
}

#[test]
fn the_cluster_agrees_with_the_model() {
    let cases = env::var("TEMPORAL_SIM_POLICY_CASES").map_or(CASES, |cases| {
        cases.parse().unwrap_or_else(|_| panic!("TEMPORAL_SIM_POLICY_CASES must be a number, not {cases:?}"))
    });
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let reached = Reached::default();
    TestRunner::new(config)
        .run(&cases_to_compare(), |case| {
            let predicted = predicted(&case);
            let observed = observed(&case);
            prop_assert_eq!(&predicted, &observed);
            if let Ok(prediction) = &predicted {
                reached.count(prediction);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    reached.check();
}

fn cases_to_compare() -> impl Strategy<Value = Case> {
    let options = prop_oneof![
        15 => strategies::activity_options(),
        1 => strategies::hostile_activity_options(),
    ];
    let scheduled_after = prop_oneof![3 => Just(Duration::ZERO), 1 => (1..4_u64).prop_map(seconds)];
    let workflow = prop_oneof![2 => Just(WorkflowTimeouts::default()), 1 => strategies::workflow_timeouts()];
    (options, workflow, scheduled_after, strategies::scripts(5))
        .prop_map(|(options, workflow, scheduled_after, script)| Case {
            options,
            workflow,
            scheduled_after,
            script,
        })
        .prop_filter("the workflow lives long enough to schedule the activity", |case| {
            case.workflow.effective_run_timeout().is_none_or(|timeout| timeout > case.scheduled_after)
        })
        .prop_filter("not too many heartbeats", |case| {
            case.script.iter().all(|outcome| heartbeats_of(outcome, &case.options) <= HEARTBEATS)
        })
}

/// How many heartbeats an attempt sends at most.
fn heartbeats_of(outcome: &AttemptOutcome, options: &ActivityOptions) -> u128 {
    let Some(heartbeats) = outcome.heartbeats else { return 0 };
    let lost = match outcome.ending {
        Ending::WorkerLost { after } => Some(after),
        _ => None,
    };
    [
        heartbeats.stop_after,
        lost,
        outcome.ending.answers_after(),
        options.start_to_close_timeout,
        options.schedule_to_close_timeout,
    ]
    .into_iter()
    .flatten()
    .filter(|duration| !duration.is_zero())
    .min()
    .map_or(u128::MAX, |longest| longest.as_nanos() / heartbeats.every.as_nanos().max(1))
}

fn predicted(case: &Case) -> Result<Prediction, String> {
    let model = Model::new(case.options.clone())
        .workflow_timeouts(case.workflow)
        .scheduled_after(case.scheduled_after)
        .most_attempts(ATTEMPTS);
    let mut prediction = model.predict(&case.script).map_err(|refused| refused.to_string())?;
    // The event that closes an activity does not tell which timeout there was no time to follow with a retry.
    if let Some(timeout_type) = prediction.timeout_type()
        && let Some(last) = prediction.attempts.last_mut()
    {
        last.end = AttemptEnd::TimedOut(timeout_type);
    }
    Ok(prediction)
}

/// Makes a workflow schedule the activity, and plays the worker.
fn observed(case: &Case) -> Result<Prediction, String> {
    let mut play = Play { server: Server::new(), scheduled: Time::default() };
    play.schedule(case)?;
    let at_once = AttemptOutcome::succeed();
    let mut attempts = Vec::new();
    for index in 0..ATTEMPTS as usize {
        let outcome = case.script.get(index).or(case.script.last()).unwrap_or(&at_once);
        let Some(attempt) = play.attempt(outcome) else { break };
        let is_last = attempt.backoff.is_none();
        attempts.push(attempt);
        if is_last {
            break;
        }
    }
    let (outcome, closed_after) = play.outcome();
    Ok(Prediction { attempts, outcome, closed_after })
}

struct Play {
    server: Server,
    scheduled: Time,
}

impl Play {
    fn schedule(&mut self, case: &Case) -> Result<(), String> {
        let timeout = |timeout: Option<Duration>| timeout.map(crate::clock::to_proto);
        self.server
            .call(StartWorkflowExecutionRequest {
                workflow_execution_timeout: timeout(case.workflow.execution_timeout),
                workflow_run_timeout: timeout(case.workflow.run_timeout),
                workflow_task_timeout: timeout(case.workflow.task_timeout),
                ..start("wf")
            })
            .map_err(|error| error.message)?;
        let mut task = self.server.poll();
        if !case.scheduled_after.is_zero() {
            let attributes = Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes {
                timer_id: "1".to_owned(),
                start_to_fire_timeout: timeout(Some(case.scheduled_after)),
            });
            let timer = Command {
                command_type: CommandType::StartTimer.into(),
                attributes: Some(attributes),
                ..Default::default()
            };
            self.server.complete(&task, vec![timer]).map_err(|error| error.message)?;
            self.server.advance(case.scheduled_after);
            task = self.server.poll();
        }
        self.scheduled = self.server.now;
        let proto = case.options.to_proto();
        let attributes =
            Attributes::ScheduleActivityTaskCommandAttributes(ScheduleActivityTaskCommandAttributes {
                activity_id: "1".to_owned(),
                activity_type: Some(ActivityType { name: "Activity".to_owned() }),
                task_queue: Some(queue("tq")),
                schedule_to_close_timeout: proto.schedule_to_close_timeout,
                schedule_to_start_timeout: proto.schedule_to_start_timeout,
                start_to_close_timeout: proto.start_to_close_timeout,
                heartbeat_timeout: proto.heartbeat_timeout,
                retry_policy: proto.retry_policy,
                ..Default::default()
            });
        let command = Command {
            command_type: CommandType::ScheduleActivityTask.into(),
            attributes: Some(attributes),
            ..Default::default()
        };
        self.server.complete(&task, vec![command]).map(drop).map_err(|error| {
            error.message.strip_prefix("BadScheduleActivityAttributes: ").unwrap_or(&error.message).to_owned()
        })
    }

    /// The current attempt, until it has ended; `None` if the workflow closes before it is scheduled.
    fn attempt(&mut self, outcome: &AttemptOutcome) -> Option<Attempt> {
        let pending = self.run().activities.find("1").expect("a pending activity");
        let (number, scheduled) = (pending.attempt, pending.scheduled_time);
        if !self.run().is_running() {
            return None;
        }
        if scheduled > self.server.now && !self.pass_until(number, Some(scheduled), false) {
            return None;
        }
        let mut started = None;
        let starts = outcome.starts_after.map(|delay| scheduled + delay);
        if self.pass_until(number, starts, true) {
            let task = self.take(number);
            started = Some(self.server.now);
            self.work(number, &task, outcome);
        }
        let ended = Some(self.server.now).filter(|_| self.has_ended(number));
        let next = self.run().activities.find("1").filter(|next| next.attempt != number);
        let backoff = ended.and_then(|ended| Some(next?.scheduled_time.since(ended)));
        Some(Attempt {
            number: number.unsigned_abs(),
            scheduled: scheduled.since(self.scheduled),
            started: started.map(|at| at.since(self.scheduled)),
            ended: ended.map(|at| at.since(self.scheduled)),
            end: self.end(number),
            backoff,
        })
    }

    /// Does what the script says until the attempt has ended.
    fn work(&mut self, number: i32, task: &PollActivityTaskQueueResponse, outcome: &AttemptOutcome) {
        let started = self.server.now;
        let answers = outcome.ending.answers_after().map(|after| started + after);
        let lost = match outcome.ending {
            Ending::WorkerLost { after } => Some(started + after),
            _ => None,
        };
        let mut beat = outcome.heartbeats.map(|heartbeats| (started, heartbeats));
        loop {
            let next_beat =
                beat.map(|(last, heartbeats)| last + heartbeats.every.max(Duration::from_nanos(1)));
            let stops = beat.and_then(|(_, heartbeats)| heartbeats.stop_after).map(|after| started + after);
            let until = [stops, lost].into_iter().flatten().min();
            let next_beat = next_beat.filter(|&at| until.is_none_or(|until| at <= until));
            let next = [next_beat, answers].into_iter().flatten().min();
            if !self.pass_until(number, next, false) {
                if next.is_some() {
                    self.answer_too_late(task);
                }
                return;
            }
            if Some(self.server.now) == answers {
                return self.answer(task, &outcome.ending);
            }
            self.heartbeat(task);
            beat = beat.map(|(_, heartbeats)| (self.server.now, heartbeats));
        }
    }

    /// Lets time pass until `limit`, or until the attempt has ended if that is before. Answers whether `limit` was
    /// reached. What is due at that very instant happens if `inclusive`.
    fn pass_until(&mut self, number: i32, limit: Option<Time>, inclusive: bool) -> bool {
        loop {
            let due = self
                .server
                .cluster
                .next_deadline()
                .filter(|&due| limit.is_none_or(|limit| due < limit || (inclusive && due == limit)));
            let Some(due) = due else {
                self.server.now = limit.unwrap_or(self.server.now);
                return limit.is_some();
            };
            self.server.now = due;
            self.server.cluster.handle_timeout(due);
            if self.has_ended(number) {
                return false;
            }
        }
    }

    fn take(&mut self, number: i32) -> PollActivityTaskQueueResponse {
        let request = PollActivityTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(queue("tq")),
            identity: "worker".to_owned(),
            ..Default::default()
        };
        let task = self.server.call(request).expect("an activity task");
        assert_eq!(task.attempt, number);
        task
    }

    fn heartbeat(&mut self, task: &PollActivityTaskQueueResponse) {
        let request = RecordActivityTaskHeartbeatRequest {
            namespace: "default".to_owned(),
            task_token: task.task_token.clone(),
            ..Default::default()
        };
        self.server.call(request).expect("a heartbeat of a running attempt");
    }

    fn answer(&mut self, task: &PollActivityTaskQueueResponse, ending: &Ending) {
        let (namespace, task_token) = ("default".to_owned(), task.task_token.clone());
        match ending {
            Ending::Fail { failure, .. } => {
                let failure = Some(failure.to_proto());
                let request =
                    RespondActivityTaskFailedRequest { namespace, task_token, failure, ..Default::default() };
                self.server.call(request).expect("a failure of a running attempt");
            }
            _ => {
                let request =
                    RespondActivityTaskCompletedRequest { namespace, task_token, ..Default::default() };
                self.server.call(request).expect("a result of a running attempt");
            }
        }
    }

    /// The worker does not know that the attempt is over.
    fn answer_too_late(&mut self, task: &PollActivityTaskQueueResponse) {
        let request = RespondActivityTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token: task.task_token.clone(),
            ..Default::default()
        };
        let refused = self.server.call(request).expect_err("the attempt is over");
        assert_eq!(refused.code, tonic::Code::NotFound);
    }

    /// How an attempt ended, by what the cluster keeps of it: for the next attempt, or in the history.
    fn end(&self, number: i32) -> AttemptEnd {
        let by_failure = |failure: Option<&Failure>| match failure.and_then(|it| it.failure_info.as_ref()) {
            Some(FailureInfo::ApplicationFailureInfo(info)) => {
                AttemptEnd::Failed { error_type: info.r#type.clone() }
            }
            Some(FailureInfo::TimeoutFailureInfo(info)) => AttemptEnd::TimedOut(info.timeout_type()),
            other => panic!("no attempt ends with {other:?}"),
        };
        let run = self.run();
        match run.activities.find("1") {
            Some(pending) if pending.attempt != number => return by_failure(pending.last_failure.as_ref()),
            Some(_) if run.is_running() => return AttemptEnd::Open,
            _ => {}
        }
        match self.outcome().0 {
            FinalOutcome::Completed => AttemptEnd::Succeeded,
            FinalOutcome::Failed { failure, .. } | FinalOutcome::TimedOut { failure, .. } => {
                by_failure(Some(&failure))
            }
            FinalOutcome::WorkflowTimedOut => AttemptEnd::WorkflowTimedOut,
            FinalOutcome::Open => AttemptEnd::Open,
        }
    }

    /// What the history says of the activity.
    fn outcome(&self) -> (FinalOutcome, Option<Duration>) {
        use history_event::Attributes as Event;
        for event in self.run().history.since(1) {
            let outcome = match &event.attributes {
                Some(Event::ActivityTaskCompletedEventAttributes(_)) => FinalOutcome::Completed,
                Some(Event::ActivityTaskFailedEventAttributes(failed)) => FinalOutcome::Failed {
                    failure: Box::new(failed.failure.clone().unwrap_or_default()),
                    retry_state: failed.retry_state(),
                },
                Some(Event::ActivityTaskTimedOutEventAttributes(timed_out)) => FinalOutcome::TimedOut {
                    failure: Box::new(timed_out.failure.clone().unwrap_or_default()),
                    retry_state: timed_out.retry_state(),
                },
                Some(Event::WorkflowExecutionTimedOutEventAttributes(_)) => FinalOutcome::WorkflowTimedOut,
                _ => continue,
            };
            let time = event.event_time.as_ref().map(Time::from_proto).expect("every event has its time");
            return (outcome, Some(time.since(self.scheduled)));
        }
        (FinalOutcome::Open, None)
    }

    fn has_ended(&self, number: i32) -> bool {
        let run = self.run();
        !run.is_running() || run.activities.find("1").is_none_or(|pending| pending.attempt != number)
    }

    fn run(&self) -> &Run {
        let namespace = self.server.cluster.shared.namespaces.find("default").expect("every cluster has it");
        self.server.cluster.runs.current(namespace, "wf").expect("the run was started")
    }
}

/// What the compared cases came to, so that none of it goes untried.
#[derive(Debug, Default)]
struct Reached(std::cell::RefCell<BTreeMap<String, u32>>);

impl Reached {
    fn count(&self, prediction: &Prediction) {
        let mut counts = self.0.borrow_mut();
        let outcome = match &prediction.outcome {
            FinalOutcome::Failed { retry_state, .. } => format!("failed {}", retry_state.as_str_name()),
            FinalOutcome::TimedOut { retry_state, .. } => format!(
                "timed out {} {}",
                prediction.timeout_type().unwrap_or(TimeoutType::Unspecified).as_str_name(),
                retry_state.as_str_name()
            ),
            outcome => outcome.to_string(),
        };
        *counts.entry(outcome).or_default() += 1;
        if prediction.attempts.len() > 3 {
            *counts.entry("more than three attempts".to_owned()).or_default() += 1;
        }
    }

    fn check(&self) {
        let counts = self.0.borrow();
        for expected in [
            "completed",
            "open",
            "workflow timed out",
            "more than three attempts",
            "failed RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED",
            "failed RETRY_STATE_NON_RETRYABLE_FAILURE",
            "failed RETRY_STATE_TIMEOUT",
            "timed out TIMEOUT_TYPE_HEARTBEAT RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED",
            "timed out TIMEOUT_TYPE_HEARTBEAT RETRY_STATE_NON_RETRYABLE_FAILURE",
            "timed out TIMEOUT_TYPE_SCHEDULE_TO_CLOSE RETRY_STATE_TIMEOUT",
            "timed out TIMEOUT_TYPE_SCHEDULE_TO_START RETRY_STATE_TIMEOUT",
            "timed out TIMEOUT_TYPE_START_TO_CLOSE RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED",
            "timed out TIMEOUT_TYPE_START_TO_CLOSE RETRY_STATE_NON_RETRYABLE_FAILURE",
        ] {
            assert!(counts.get(expected).is_some_and(|&count| count >= 10), "{expected}: {counts:#?}");
        }
    }
}
