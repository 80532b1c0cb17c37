//! Makes the `ActivityContext` of an attempt.
//!
//! Only the SDK's own worker and its test environment can make one. This lets a test environment run an
//! activity that does nothing but give its context away.

use std::{
    any::Any,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use temporalio_client::Client;
use temporalio_common::{
    ActivityDefinition,
    data_converters::{
        PayloadConversionError, PayloadConverter, RawValue, TemporalDeserializable, TemporalSerializable,
    },
    protos::coresdk::activity_task::Start,
};
use temporalio_sdk::{
    activities::{
        ActivityContext, ActivityDefinitions, ActivityError, ActivityImplementer, ActivityInfo,
        ExecutableActivity,
    },
    testing::{ActivityEnvironment, TestActivityInfoOptions},
};

use crate::clock::{self, Time};

/// The context of one attempt, and the hold on it that the worker keeps.
pub(crate) struct AttemptContext {
    /// For the activity.
    pub(crate) context: ActivityContext,
    /// Cancels the context.
    pub(crate) environment: ActivityEnvironment,
}

/// Makes the context for an attempt. `on_heartbeat` receives the details of each heartbeat, typed as the
/// activity gave them.
///
/// # Errors
/// The details of the last attempt's heartbeat cannot be handed over, because the payload converter is none
/// that lets raw payloads pass. The SDK's default one does.
pub(crate) fn attempt_context(
    task_token: Vec<u8>,
    task_queue: String,
    start: Start,
    converter: &PayloadConverter,
    client: Option<Client>,
    on_heartbeat: impl Fn(Box<dyn Any>) + Send + Sync + 'static,
) -> Result<AttemptContext, PayloadConversionError> {
    let headers = start.header_fields.clone();
    let mut builder =
        ActivityEnvironment::builder().on_heartbeat(on_heartbeat).payload_converter(converter.clone());
    if !start.heartbeat_details.is_empty() {
        builder = builder.heartbeat_details(RawValue::new(start.heartbeat_details.clone()))?;
    }
    let environment =
        builder.info(info(task_token, task_queue, start)).headers(headers).maybe_client(client).build();
    let slot = Slot::default();
    // The future is ready at its first poll: nothing in it waits.
    let _ = environment.run(GiveContextAway, slot.clone()).now_or_never();
    let context = slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(AttemptContext {
        context: context.expect("running the capturing activity fills its slot"),
        environment,
    })
}

/// What the official worker tells an activity about its attempt.
fn info(task_token: Vec<u8>, task_queue: String, start: Start) -> ActivityInfo {
    let deadline = deadline(&start);
    let of_workflow = start.workflow_execution;
    let (workflow_id, workflow_run_id) = of_workflow.map(|it| (it.workflow_id, it.run_id)).unzip();
    let standalone = workflow_id.is_none() && !start.run_id.is_empty();
    let time = |timestamp: Option<prost_types::Timestamp>| {
        timestamp.map(|timestamp| Time::from_proto(&timestamp).to_system_time())
    };
    TestActivityInfoOptions::builder()
        .task_token(task_token)
        .task_queue(task_queue)
        .workflow_type((!start.workflow_type.is_empty()).then_some(start.workflow_type))
        .namespace(start.workflow_namespace)
        .workflow_id(workflow_id)
        .workflow_run_id(workflow_run_id)
        .activity_id(start.activity_id)
        .activity_type(start.activity_type)
        .maybe_heartbeat_timeout(
            start.heartbeat_timeout.as_ref().map(|timeout| clock::duration(Some(timeout))),
        )
        .scheduled_time(time(start.scheduled_time))
        .started_time(time(start.started_time))
        .deadline(deadline.map(Time::to_system_time))
        .attempt(start.attempt)
        .current_attempt_scheduled_time(time(start.current_attempt_scheduled_time))
        .maybe_retry_policy(start.retry_policy.map(Into::into))
        .is_local(start.is_local)
        .priority(start.priority.map(Into::into).unwrap_or_default())
        .maybe_activity_run_id(standalone.then_some(start.run_id))
        .build()
}

/// When the attempt times out: start-to-close after its start or schedule-to-close after its scheduling,
/// whichever is earlier. The official worker knows a deadline only if all four values are there.
fn deadline(start: &Start) -> Option<Time> {
    let scheduled = Time::from_proto(start.scheduled_time.as_ref()?);
    let started = Time::from_proto(start.started_time.as_ref()?);
    let start_to_close = started + clock::duration(Some(start.start_to_close_timeout.as_ref()?));
    let schedule_to_close = clock::duration(Some(start.schedule_to_close_timeout.as_ref()?));
    if schedule_to_close.is_zero() {
        return Some(start_to_close);
    }
    Some(start_to_close.min(scheduled + schedule_to_close))
}

/// The activity that gives its context away.
struct GiveContextAway;

/// Where [`GiveContextAway`] puts it.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<ActivityContext>>>);

impl TemporalSerializable for Slot {}
impl TemporalDeserializable for Slot {}

impl ActivityImplementer for GiveContextAway {
    fn register_all(self: Arc<Self>, _: &mut ActivityDefinitions) {}
}

impl ActivityDefinition for GiveContextAway {
    type Input = Slot;
    type Output = ();

    fn name(&self) -> &str {
        "GiveContextAway"
    }
}

impl ExecutableActivity for GiveContextAway {
    type Implementer = Self;
    const REQUIRES_INSTANCE: bool = false;

    fn definition() -> Self {
        Self
    }

    fn execute(
        _: Option<Arc<Self>>,
        context: ActivityContext,
        slot: Slot,
    ) -> BoxFuture<'static, Result<(), ActivityError>> {
        *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
        ready(Ok(())).boxed()
    }
}
