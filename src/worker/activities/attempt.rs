//! One attempt of an activity that the server scheduled.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use temporalio_common::protos::{
    coresdk::{
        activity_result::{ActivityExecutionResult, activity_execution_result::Status},
        activity_task::{ActivityTask, Start, activity_task::Variant},
    },
    temporal::api::{
        common::v1::{Payload, Payloads},
        failure::v1::Failure,
        workflowservice::v1::{
            PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest,
            RecordActivityTaskHeartbeatResponse,
        },
    },
};
use temporalio_sdk::testing::ActivityEnvironment;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::{
    context::{AttemptContext, attempt_context},
    details::DetailsError,
    end::AttemptEnd,
    heartbeats::Heartbeats,
    ledger::{AttemptEnding, Entry},
    result::{encode, execution_result, not_registered},
};
use crate::{
    clock::{self, Time},
    cluster::Error,
    faults::ActivityEffect,
    policy::AttemptFailure,
    worker::{
        Event,
        progress::{Running, RunningKind},
        shared::Shared,
    },
};

/// How much later than the server the worker itself gives up an attempt, so as not to race with it.
const LOCAL_TIMEOUT_BUFFER: Duration = Duration::from_secs(5);

/// Runs the attempt and reports its end to the server.
pub(crate) async fn run_attempt(shared: &Shared, mut task: Box<PollActivityTaskQueueResponse>) {
    let decoded = shared.codec.decode_for_activity(&mut *task).await;
    let ActivityTask { task_token, variant: Some(Variant::Start(start)) } =
        ActivityTask::start_from_poll_resp(*task)
    else {
        unreachable!("a polled activity task is one to start");
    };
    let start = Box::new(start);
    let mut attempt = Attempt::new(shared, task_token, &start);
    let fault = shared.faults.activity(shared.service.now(), &start.activity_type);
    match &fault {
        Some(ActivityEffect::Hang) => return std::future::pending().await,
        Some(ActivityEffect::Slow { by }) => shared.service.sleep(*by).await,
        Some(ActivityEffect::LoseHeartbeats) => attempt.loses_heartbeats = true,
        _ => {}
    }
    let result = match (&fault, decoded) {
        (Some(ActivityEffect::Fail(failure)), _) => Some(failed(failure)),
        (_, Ok(())) => attempt.execute(start).await,
        (_, Err(error)) => Some(ActivityExecutionResult::fail(Failure::application_failure(
            format!("Failed decoding activity task: {error}"),
            false,
        ))),
    };
    let Some(mut result) = result else { return };
    // The attempt has one place in its future for its report, whatever a fault makes of it.
    let mut again = None;
    match fault {
        Some(ActivityEffect::LoseAnswer) => return,
        Some(ActivityEffect::FailAfterwards(failure)) => result = failed(&failure),
        Some(ActivityEffect::AnswerLate { by }) => shared.service.sleep(by).await,
        Some(ActivityEffect::AnswerTwice) => {
            again = Some(Box::new((attempt.task_token.clone(), result.clone())));
        }
        _ => {}
    }
    loop {
        attempt.report(result).await;
        let Some(next) = again.take() else { return };
        (attempt.task_token, result) = *next;
    }
}

/// The result of an attempt that a fault makes fail.
pub(crate) fn failed(failure: &AttemptFailure) -> ActivityExecutionResult {
    let mut proto = failure.to_proto();
    if proto.message.is_empty() {
        proto.message = "a fault of the plan".to_owned();
    }
    ActivityExecutionResult::fail(proto)
}

type HeartbeatCall<'a> =
    Pin<Box<dyn Future<Output = Result<Box<RecordActivityTaskHeartbeatResponse>, Error>> + 'a>>;

/// An attempt on its way.
struct Attempt<'a> {
    shared: &'a Shared,
    task_token: Vec<u8>,
    activity_type: Arc<str>,
    heartbeats: Heartbeats,
    /// The heartbeat that is on its way to the server.
    in_flight: Option<HeartbeatCall<'a>>,
    heartbeat_timeout: Option<Duration>,
    /// When the worker gives the attempt up because no heartbeat was accepted for so long.
    heartbeat_deadline: Option<Time>,
    /// When the worker gives the attempt up because it takes too long.
    close_deadline: Option<Time>,
    /// Whether the activity was told to stop. It is told once.
    cancelled: bool,
    /// Whether it was told to stop because the worker shuts down.
    shut_down: bool,
    /// Whether the server no longer knows of the attempt, so that nothing needs to be reported.
    forgotten: bool,
    /// Whether a fault keeps its heartbeats from the server.
    loses_heartbeats: bool,
    /// What its code does, for whoever wants to know.
    entry: Entry,
}

impl<'a> Attempt<'a> {
    fn new(shared: &'a Shared, task_token: Vec<u8>, start: &Start) -> Self {
        let positive = |timeout: Option<&prost_types::Duration>| {
            Some(clock::duration(timeout)).filter(|timeout| !timeout.is_zero())
        };
        let now = shared.service.now();
        let options = &shared.worker.options;
        let heartbeat_timeout = positive(start.heartbeat_timeout.as_ref());
        let give_up = |timeout: Duration| now + timeout + LOCAL_TIMEOUT_BUFFER;
        Self {
            shared,
            task_token,
            activity_type: start.activity_type.as_str().into(),
            heartbeats: Heartbeats::new(
                heartbeat_timeout,
                options.default_heartbeat_throttle_interval,
                options.max_heartbeat_throttle_interval,
            ),
            in_flight: None,
            heartbeat_timeout,
            heartbeat_deadline: heartbeat_timeout.map(give_up),
            close_deadline: positive(start.start_to_close_timeout.as_ref()).map(give_up),
            cancelled: false,
            shut_down: false,
            forgotten: false,
            loses_heartbeats: false,
            entry: Entry::default(),
        }
    }

    /// Runs the activity to its end; `None` if there is nothing to report.
    async fn execute(&mut self, mut start: Box<Start>) -> Option<ActivityExecutionResult> {
        let shared = self.shared;
        let data_converter = &shared.worker.options.data_converter;
        let converter = data_converter.payload_converter();
        let activities = &shared.worker.activities;
        let Some(activity) = activities.get(&start.activity_type) else {
            return Some(not_registered(&start.activity_type, &activities.types(), data_converter));
        };
        let running = Running {
            kind: RunningKind::Activity,
            type_name: activity.activity_type().clone(),
            id: start.activity_id.as_str().into(),
        };
        self.entry = shared.ledger.begin(&start, &shared.service);
        let arguments = std::mem::take(&mut start.input);
        let (sender, mut recorded) = mpsc::unbounded_channel();
        let on_heartbeat = {
            let (worker, converter) = (shared.worker.clone(), converter.clone());
            move |details: Box<dyn std::any::Any>| {
                // Nobody listens once the attempt is over.
                let _ = sender.send(worker.heartbeat_details.to_payloads(&*details, &converter));
            }
        };
        let task_token = self.task_token.clone();
        let task_queue = shared.worker.options.task_queue.clone();
        let AttemptContext { context, environment } = match attempt_context(
            task_token,
            task_queue,
            *start,
            converter,
            shared.client.clone(),
            on_heartbeat,
        ) {
            Ok(made) => made,
            Err(error) => {
                self.lost(&format!("the last attempt's heartbeat details cannot be handed over: {error}"));
                return None;
            }
        };
        let mut execution = std::pin::pin!(activity.call(context, arguments, converter));
        let mut execution = std::pin::pin!(poll_fn(|context| {
            let _running = shared.progress.enter(running.clone());
            execution.as_mut().poll(context)
        }));
        let returned = self.attend(&mut execution, &mut recorded, &environment).await;
        let ending = if returned.is_ok() { AttemptEnding::Returned } else { AttemptEnding::Failed };
        self.entry.end(shared.service.now(), ending);
        while let Ok(details) = recorded.try_recv() {
            self.heartbeat(details).await;
        }
        Some(execution_result(returned, data_converter))
    }

    /// Waits for the activity to return and meanwhile serves its heartbeats and its timeouts.
    async fn attend<T>(
        &mut self,
        execution: &mut Pin<&mut impl Future<Output = T>>,
        recorded: &mut UnboundedReceiver<Result<Vec<Payload>, DetailsError>>,
        environment: &ActivityEnvironment,
    ) -> T {
        loop {
            let throttled_until = self.heartbeats.throttled_until();
            let give_up = if self.cancelled { None } else { self.give_up_deadline() };
            tokio::select! {
                biased;
                returned = execution.as_mut() => return returned,
                Some(details) = recorded.recv() => self.heartbeat(details).await,
                answer = wait_for(&mut self.in_flight) => self.heartbeat_answered(answer, environment),
                () = self.shared.sleep_until(throttled_until) => {
                    let details = self.heartbeats.throttle_ended(self.shared.service.now());
                    self.send_heartbeat(details);
                }
                () = self.shared.sleep_until(give_up) => {
                    self.forgotten = true;
                    self.cancel(environment);
                }
                () = self.shared.shutdown.activities_cancelled(), if !self.cancelled => {
                    self.shut_down = true;
                    self.cancel(environment);
                }
            }
        }
    }

    fn give_up_deadline(&self) -> Option<Time> {
        match (self.heartbeat_deadline, self.close_deadline) {
            (Some(heartbeat), Some(close)) => Some(heartbeat.min(close)),
            (heartbeat, close) => heartbeat.or(close),
        }
    }

    async fn heartbeat(&mut self, details: Result<Vec<Payload>, DetailsError>) {
        match details {
            Ok(payloads) => {
                let mut payloads = Payloads { payloads };
                if let Err(error) = self.shared.codec.encode_for_activity(&mut payloads).await {
                    return self.lost(&format!("the details of a heartbeat cannot be encoded: {error}"));
                }
                let now = self.shared.service.now();
                let details = self.heartbeats.record(now, payloads.payloads);
                self.send_heartbeat(details);
            }
            Err(error) => self.lost(&error.to_string()),
        }
    }

    fn lost(&self, reason: &str) {
        self.shared.report(Event::HeartbeatDetailsLost {
            activity_type: self.activity_type.to_string(),
            reason: reason.to_owned(),
        });
    }

    fn send_heartbeat(&mut self, details: Option<Vec<Payload>>) {
        let Some(payloads) = details.filter(|_| !self.loses_heartbeats) else { return };
        let shared = self.shared;
        let heartbeat = RecordActivityTaskHeartbeatRequest {
            namespace: shared.namespace.clone(),
            task_token: self.task_token.clone(),
            details: (!payloads.is_empty()).then_some(Payloads { payloads }),
            identity: shared.identity.clone(),
            ..Default::default()
        };
        self.in_flight = Some(match shared.payload_limits.check(&heartbeat) {
            Ok(()) => Box::pin(shared.call(heartbeat)),
            // The attempt fails, and its code is told to stop as if the server had asked for it.
            Err(failure) => {
                let end = AttemptEnd::payloads_too_large(shared, heartbeat.task_token, *failure);
                Box::pin(async move {
                    end.send(shared).await.map_err(|(_, error)| error)?;
                    let told =
                        RecordActivityTaskHeartbeatResponse { cancel_requested: true, ..Default::default() };
                    Ok(Box::new(told))
                })
            }
        });
    }

    fn heartbeat_answered(
        &mut self,
        answer: Result<Box<RecordActivityTaskHeartbeatResponse>, Error>,
        environment: &ActivityEnvironment,
    ) {
        self.in_flight = None;
        match answer {
            Ok(answer) => {
                self.entry.heartbeat(self.shared.service.now());
                if answer.cancel_requested || answer.activity_reset || answer.activity_paused {
                    self.cancel(environment);
                }
            }
            Err(error) if error.code == tonic::Code::NotFound => {
                self.forgotten |= !self.cancelled;
                self.cancel(environment);
            }
            Err(error) => self.refused("RecordActivityTaskHeartbeat", error),
        }
        let now = self.shared.service.now();
        self.heartbeats.reported(now);
        self.heartbeat_deadline = self.heartbeat_timeout.map(|timeout| now + timeout + LOCAL_TIMEOUT_BUFFER);
    }

    fn cancel(&mut self, environment: &ActivityEnvironment) {
        if !self.cancelled {
            self.cancelled = true;
            environment.cancel();
        }
    }

    /// Reports the end of the attempt, after the heartbeats that must reach the server before it.
    async fn report(&mut self, result: ActivityExecutionResult) {
        if let Some(in_flight) = self.in_flight.take()
            && let Err(error) = in_flight.await
            && error.code != tonic::Code::NotFound
        {
            self.refused("RecordActivityTaskHeartbeat", error);
        }
        let Some(status) = encode(&self.shared.codec, result).await else { return };
        if self.forgotten {
            return;
        }
        if matches!(status, Status::Cancelled(_))
            && !self.shut_down
            && let Some(payloads) = self.heartbeats.take_held_back()
        {
            // A cancellation cannot carry heartbeat details itself.
            self.send_heartbeat(Some(payloads));
            if let Some(in_flight) = self.in_flight.take() {
                let _ = in_flight.await;
            }
        }
        let details = match status {
            Status::Failed(_) => self.heartbeats.take_last(),
            Status::Cancelled(_) if self.shut_down => self.heartbeats.take_last(),
            _ => None,
        };
        let task_token = std::mem::take(&mut self.task_token);
        let Some(end) = AttemptEnd::new(self.shared, task_token, status, details, self.shut_down) else {
            return;
        };
        if let Err((rpc, error)) = end.send(self.shared).await
            // The activity was timed out, cancelled or completed by somebody else meanwhile.
            && error.code != tonic::Code::NotFound
        {
            self.refused(rpc, error);
        }
    }

    fn refused(&self, rpc: &'static str, error: Error) {
        self.shared.report(Event::CallRefused { rpc, type_name: self.activity_type.to_string(), error });
    }
}

async fn wait_for<T>(call: &mut Option<Pin<Box<dyn Future<Output = T> + '_>>>) -> T {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}
