//! Local activities: run, retried and timed out by the worker itself, without the server's knowledge.

use std::{
    cell::Cell,
    collections::BTreeMap,
    future::{Future, pending, poll_fn},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use temporalio_common::protos::{
    coresdk::{
        activity_result::{
            ActivityExecutionResult, Failure as ActivityFailure, activity_execution_result::Status,
        },
        activity_task::{ActivityTask, Start, activity_task::Variant},
    },
    temporal::api::{common::v1::WorkflowExecution, enums::v1::TimeoutType, failure::v1::Failure},
};
use tokio::sync::Notify;

use super::{RunContext, Shared, polling::acquire};
use crate::{
    clock::{self, Time},
    faults::LocalActivityEffect,
    worker::{
        activities::{attempt_context, encode, execution_result, failed, not_registered},
        machines::{AfterAttempt, LocalActivity, LocalActivityOutcome, LocalActivityResult},
        progress::{Running, RunningKind},
    },
};

/// The local activities of one run that are waiting or running.
#[derive(Default)]
pub(super) struct LocalActivities {
    running: FuturesUnordered<LocalBoxFuture<'static, (u32, Option<LocalActivityResult>)>>,
    under_way: BTreeMap<u32, Rc<UnderWay>>,
}

/// What the run and one of its local activities share.
#[derive(Default)]
struct UnderWay {
    /// Notified once the local activity is to stop.
    cancel: Notify,
    /// How often it was retried in the current workflow task.
    retries_in_task: Cell<u32>,
    /// Whether the workflow task in which it began has ended.
    outlived_task: Cell<bool>,
}

/// The workflow execution that local activities belong to.
pub(super) struct Owner {
    pub(super) workflow_type: Arc<str>,
    pub(super) execution: WorkflowExecution,
}

impl LocalActivities {
    pub(super) fn start(
        &mut self,
        shared: &Rc<Shared>,
        context: &Rc<RunContext>,
        owner: &Rc<Owner>,
        activity: LocalActivity,
    ) {
        let under_way = Rc::<UnderWay>::default();
        self.under_way.insert(activity.seq, under_way.clone());
        let scheduled = shared.service.now();
        let execution = Execution {
            shared: shared.clone(),
            context: context.clone(),
            owner: owner.clone(),
            activity,
            under_way,
            scheduled,
        };
        let seq = execution.activity.seq;
        self.running.push(Box::pin(async move { (seq, execution.run().await) }));
    }

    /// Asks one to stop. Its result still comes.
    pub(super) fn cancel(&self, seq: u32) {
        if let Some(under_way) = self.under_way.get(&seq) {
            under_way.cancel.notify_one();
        }
    }

    /// Asks all of them to stop.
    pub(super) fn cancel_all(&self) {
        self.under_way.values().for_each(|under_way| under_way.cancel.notify_one());
    }

    /// How many further attempts, within the current workflow task, those had that began in an earlier one.
    pub(super) fn attempts_of_earlier_tasks(&self) -> u32 {
        let outlived = self.under_way.values().filter(|under_way| under_way.outlived_task.get());
        outlived.map(|under_way| under_way.retries_in_task.get()).sum()
    }

    /// The workflow task has ended; what is under way goes on.
    pub(super) fn task_ended(&self) {
        for under_way in self.under_way.values() {
            under_way.outlived_task.set(true);
            under_way.retries_in_task.set(0);
        }
    }

    /// The next result, or `None` if the worker is lost with it; waits for ever if there is nothing to wait for.
    pub(super) async fn next(&mut self) -> Option<LocalActivityResult> {
        match self.running.next().await {
            Some((seq, result)) => {
                self.under_way.remove(&seq);
                result
            }
            None => pending().await,
        }
    }
}

/// One local activity, over all its attempts on this worker.
struct Execution {
    shared: Rc<Shared>,
    context: Rc<RunContext>,
    owner: Rc<Owner>,
    activity: LocalActivity,
    under_way: Rc<UnderWay>,
    scheduled: Time,
}

impl Execution {
    /// Runs it to its end; `None` if the worker is lost with it.
    async fn run(self) -> Option<LocalActivityResult> {
        let close = self.close_deadline();
        if close.is_some_and(|close| close <= self.scheduled) {
            let timed_out = LocalActivityOutcome::timed_out(TimeoutType::ScheduleToClose);
            return Some(self.result(timed_out, Duration::ZERO, self.activity.attempt));
        }
        let mut attempt = self.activity.attempt.max(1);
        loop {
            let slot = acquire(self.shared.local_activity_slots.clone()).await;
            let started = self.shared.service.now();
            let waited = started.since(self.scheduled);
            if self.activity.schedule_to_start_timeout.is_some_and(|limit| waited > limit) {
                let timed_out = LocalActivityOutcome::timed_out(TimeoutType::ScheduleToStart);
                return Some(self.result(timed_out, waited, attempt));
            }
            let outcome = self.attempt(attempt, started).await?;
            drop(slot);
            let runtime = self.shared.service.now().since(started);
            let result = self.result(outcome, runtime, attempt);
            let backoff = match self.activity.after_attempt(attempt, &result.outcome) {
                AfterAttempt::Report => return Some(result),
                AfterAttempt::BackOff(wait) => {
                    return Some(LocalActivityResult { backoff: Some(wait), ..result });
                }
                AfterAttempt::TryAgain(wait) => wait,
            };
            self.under_way.retries_in_task.set(self.under_way.retries_in_task.get() + 1);
            tokio::select! {
                biased;
                () = self.under_way.cancel.notified() => {
                    let cancelled = LocalActivityOutcome::cancelled();
                    return Some(LocalActivityResult {
                        original_schedule_time: None,
                        ..self.result(cancelled, Duration::ZERO, 0)
                    });
                }
                () = self.shared.service.sleep(backoff) => {}
            }
            attempt = attempt.saturating_add(1);
        }
    }

    fn close_deadline(&self) -> Option<Time> {
        let timeout = self.activity.schedule_to_close_timeout?;
        Some(self.activity.original_schedule_time + timeout)
    }

    /// Runs one attempt to its end or its timeout; `None` if the worker is lost with it.
    async fn attempt(&self, attempt: u32, started: Time) -> Option<LocalActivityOutcome> {
        let fault = self.shared.faults.local_activity(started, &self.activity.activity_type);
        if let Some(LocalActivityEffect::Fail(failure)) = &fault {
            return Some(self.outcome(failed(failure)).await);
        }
        let data_converter = &self.shared.worker.options.data_converter;
        let activities = &self.shared.worker.activities;
        let Some(activity) = activities.get(&self.activity.activity_type).cloned() else {
            let registered = activities.types();
            let unknown = not_registered(&self.activity.activity_type, &registered, data_converter);
            return Some(self.outcome(unknown).await);
        };
        let mut task = self.task(attempt, started);
        if let Err(error) = self.shared.codec.decode_for_activity(&mut task).await {
            let message = format!("Failed decoding activity task: {error}");
            let undecodable = ActivityExecutionResult::fail(Failure::application_failure(message, false));
            return Some(self.outcome(undecodable).await);
        }
        let ActivityTask { task_token, variant: Some(Variant::Start(mut start)) } = task else {
            unreachable!("the task was made to start an activity");
        };
        let arguments = std::mem::take(&mut start.input);
        let running = Running {
            kind: RunningKind::Activity,
            type_name: activity.activity_type().clone(),
            id: start.activity_id.as_str().into(),
        };
        let made = attempt_context(
            task_token,
            self.shared.worker.options.task_queue.clone(),
            start,
            data_converter.payload_converter(),
            self.shared.client.clone(),
            |_| {},
        );
        let context = match made {
            Ok(context) => context,
            Err(error) => unreachable!("a local activity has no heartbeat details to hand over: {error}"),
        };
        let environment = context.environment;
        let shared = self.shared.clone();
        let (hangs, slow_by) = match &fault {
            Some(LocalActivityEffect::Hang) => (true, None),
            Some(LocalActivityEffect::Slow { by }) => (false, Some(*by)),
            _ => (false, None),
        };
        let mut execution: LocalBoxFuture<'static, _> = Box::pin(async move {
            if hangs {
                return pending().await;
            }
            if let Some(by) = slow_by {
                shared.service.sleep(by).await;
            }
            let converter = shared.worker.options.data_converter.payload_converter();
            let mut call = std::pin::pin!(activity.call(context.context, arguments, converter));
            poll_fn(|context| {
                let _running = shared.progress.enter(running.clone());
                call.as_mut().poll(context)
            })
            .await
        });
        // A deadline that passed while the activity waited for a slot or for its next attempt is void.
        let close = self.close_deadline().filter(|close| *close > started);
        let start_to_close = self.activity.start_to_close_timeout.map(|timeout| started + timeout);
        let expired = loop {
            tokio::select! {
                biased;
                returned = &mut execution => {
                    return match &fault {
                        Some(LocalActivityEffect::LoseWorker) => None,
                        Some(LocalActivityEffect::FailAfterwards(failure)) => {
                            Some(self.outcome(failed(failure)).await)
                        }
                        _ => Some(self.outcome(execution_result(returned, data_converter)).await),
                    };
                }
                () = self.under_way.cancel.notified() => environment.cancel(),
                () = self.shared.sleep_until(close) => break TimeoutType::ScheduleToClose,
                () = self.shared.sleep_until(start_to_close) => break TimeoutType::StartToClose,
            }
        };
        environment.cancel();
        // The code goes on until it notices; nobody listens only if the worker is gone.
        let _ = self.context.abandoned.send(Box::pin(async move {
            let _ = execution.await;
        }));
        Some(LocalActivityOutcome::timed_out(expired))
    }

    fn task(&self, attempt: u32, started: Time) -> ActivityTask {
        let Self { activity, owner, .. } = self;
        let schedule_to_close = activity.schedule_to_close_timeout;
        let start_to_close = activity.start_to_close_timeout.or(schedule_to_close);
        let run_id = &owner.execution.run_id;
        ActivityTask {
            task_token: format!("local activity {} of {run_id}, attempt {attempt}", activity.seq)
                .into_bytes(),
            variant: Some(Variant::Start(Start {
                workflow_namespace: self.shared.namespace.clone(),
                workflow_type: owner.workflow_type.to_string(),
                workflow_execution: Some(owner.execution.clone()),
                activity_id: activity.activity_id.clone(),
                activity_type: activity.activity_type.clone(),
                header_fields: activity.headers.clone(),
                input: activity.arguments.clone(),
                heartbeat_details: Vec::new(),
                scheduled_time: Some(self.scheduled.to_proto()),
                current_attempt_scheduled_time: Some(self.scheduled.to_proto()),
                started_time: Some(started.to_proto()),
                attempt,
                schedule_to_close_timeout: Some(clock::to_proto(schedule_to_close.unwrap_or_default())),
                start_to_close_timeout: start_to_close.map(clock::to_proto),
                heartbeat_timeout: None,
                retry_policy: Some(activity.retry_policy.clone()),
                priority: Some(Default::default()),
                is_local: true,
                run_id: String::new(),
            })),
        }
    }

    async fn outcome(&self, result: ActivityExecutionResult) -> LocalActivityOutcome {
        match encode(&self.shared.codec, result).await {
            Some(Status::Completed(success)) => LocalActivityOutcome::Completed(success),
            Some(Status::Failed(failure)) => LocalActivityOutcome::Failed(failure),
            Some(Status::Cancelled(cancellation)) => LocalActivityOutcome::Cancelled(cancellation),
            Some(Status::WillCompleteAsync(_)) | None => {
                let message = "a local activity cannot complete asynchronously: the server does not know it";
                let failure = Some(Failure::application_failure(message.to_owned(), true));
                LocalActivityOutcome::Failed(ActivityFailure { failure, ..Default::default() })
            }
        }
    }

    fn result(&self, outcome: LocalActivityOutcome, runtime: Duration, attempt: u32) -> LocalActivityResult {
        LocalActivityResult {
            seq: self.activity.seq,
            outcome,
            runtime,
            attempt,
            backoff: None,
            original_schedule_time: Some(self.activity.original_schedule_time),
        }
    }
}
