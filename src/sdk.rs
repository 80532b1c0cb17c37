//! The bridge to the official SDK: it drives one workflow execution that was written with
//! `temporalio-sdk`.
//!
//! This is the only file that touches `temporalio_workflow::__private::sdk`, the interface through which
//! the SDK's own worker runs workflow code. That interface is hidden from the SDK's documentation, which
//! is why the SDK's crates are pinned to one minor version.
//!
//! A [`WorkflowInstance`] takes *activations* (what happened) and gives *commands* (what the code wants).
//! Between two activations the code stands still: everything it may wait for arrives in an activation.

use std::{
    cell::RefCell,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Wake, Waker},
};

use temporalio_common::{
    WorkflowDefinition,
    data_converters::{
        DataConverter, GenericPayloadConverter as _, SerializationContext, SerializationContextData,
        WorkflowSerializationContext,
    },
    protos::{
        coresdk::{
            workflow_activation::{
                InitializeWorkflow, WorkflowActivation, workflow_activation_job::Variant as Job,
            },
            workflow_commands::{
                CancelWorkflowExecution, CompleteWorkflowExecution, FailWorkflowExecution, QueryResult,
                QuerySuccess, UpdateResponse, WorkflowCommand, query_result, update_response,
                workflow_command::Variant as Command,
            },
        },
        temporal::api::{enums::v1::WorkflowTaskFailedCause, failure::v1::Failure},
    },
};
use temporalio_workflow::{
    __private::sdk::{
        ActivationJobResult, GuestWorkflowInstance, MAIN_ROUTINE_ID, MainRoutineCompletion,
        RoutineCompletion, RoutineId, RoutineKind, RoutinePendingState, RoutinePollResult, TerminalOutcome,
        UpdateRoutineCompletion, WorkflowHost, WorkflowInit, WorkflowInstance as OfficialInstance,
        is_sdk_wake,
    },
    BaseWorkflowContext, InternalPatchActivationCallback,
    workflow_interceptors::WorkflowInterceptorConstructor,
    workflows::WorkflowImplementation,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::panics::{self, Caught};

/// What every workflow execution on one worker is created with.
#[derive(Clone)]
pub(crate) struct WorkflowSettings {
    /// The namespace that the workflow is told it runs in.
    pub(crate) namespace: String,
    /// The task queue that the workflow is told it runs on.
    pub(crate) task_queue: String,
    /// Turns values into payloads and errors into failures. Its codec is not applied here: payloads
    /// enter and leave decoded.
    pub(crate) data_converter: DataConverter,
    /// Makes the interceptors of each execution, outermost first.
    pub(crate) interceptors: Vec<WorkflowInterceptorConstructor>,
    /// Whether a workflow task fails when something other than the SDK wakes the workflow.
    pub(crate) detect_nondeterministic_futures: bool,
    /// Decides about patches that no history decides about; `None` activates them all.
    pub(crate) patch_activation: Option<InternalPatchActivationCallback>,
    /// Where to send the run id of an execution that something other than the SDK has woken. A workflow
    /// that waits for, say, a tokio timer would otherwise wait for ever: its task is over, and nothing
    /// that the server knows of will start another.
    pub(crate) foreign_wakes: Option<UnboundedSender<String>>,
}

/// A workflow task that the workflow's code could not complete. The execution itself is unharmed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskFailure {
    /// What went wrong.
    pub(crate) failure: Failure,
    /// The cause to report; `None` if the code asked for none.
    pub(crate) cause: Option<WorkflowTaskFailedCause>,
    /// Where the code panicked, if it did.
    pub(crate) location: Option<String>,
}

impl TaskFailure {
    /// An application failure with this message, and no particular cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { failure: Failure::application_failure(message.into(), false), cause: None, location: None }
    }

    /// The same failure with a cause.
    pub(crate) fn caused_by(mut self, cause: WorkflowTaskFailedCause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Workflow code waited for something that no history can bring back.
    fn nondeterministic_future(explanation: &str) -> Self {
        Self::new(format!("[TMPRL1100] Nondeterministic future detected: {explanation}"))
            .caused_by(WorkflowTaskFailedCause::NonDeterministicError)
    }
}

type Constructor = dyn Fn(&WorkflowSettings, &str, Rc<Host>, InitializeWorkflow) -> Result<Box<dyn OfficialInstance>, String>
    + Send
    + Sync;

/// Makes the instances of one workflow type.
#[derive(Clone)]
pub(crate) struct WorkflowFactory {
    workflow_type: String,
    constructor: Arc<Constructor>,
}

impl WorkflowFactory {
    /// For a workflow that makes itself, by `#[init]` or `Default`.
    pub(crate) fn of<W>() -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        Self {
            workflow_type: W::definition().workflow_type,
            constructor: Arc::new(|settings, run_id, host, start| {
                let arguments = start.arguments.clone();
                let converter = settings.data_converter.payload_converter().clone();
                let context = context(settings, run_id, host, start);
                GuestWorkflowInstance::<W>::instantiate(arguments, converter, context)
                    .map_err(|error| error.to_string())
            }),
        }
    }

    /// For a workflow whose value `make` supplies; `None` if it has an `#[init]` method, because then
    /// two places would make it.
    pub(crate) fn with<W, F>(make: F) -> Option<Self>
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        F: Fn() -> W + Send + Sync + 'static,
    {
        (!W::HAS_INIT).then(|| Self {
            workflow_type: W::definition().workflow_type,
            constructor: Arc::new(move |settings, run_id, host, start| {
                let converter = settings.data_converter.payload_converter();
                let kind = SerializationContextData::Workflow(WorkflowSerializationContext::new());
                let input: <W::Run as WorkflowDefinition>::Input = converter
                    .from_payloads(&SerializationContext::new(&kind, converter), start.arguments.clone())
                    .map_err(|error| error.to_string())?;
                let context = context(settings, run_id, host, start);
                Ok(Box::new(GuestWorkflowInstance::<W>::new_with_workflow(make(), context, Some(input))))
            }),
        })
    }

    /// The workflow type, as histories spell it.
    pub(crate) fn workflow_type(&self) -> &str {
        &self.workflow_type
    }

    /// Makes the instance for one run from the job that starts it. The first call of
    /// [`WorkflowInstance::activate`] must carry an `InitializeWorkflow` job too; its content is not
    /// looked at again.
    pub(crate) fn instantiate(
        &self,
        settings: &WorkflowSettings,
        run_id: &str,
        start: InitializeWorkflow,
    ) -> Result<WorkflowInstance, TaskFailure> {
        let host = Rc::new(Host::default());
        let made =
            catch_unwind(AssertUnwindSafe(|| (self.constructor)(settings, run_id, host.clone(), start)))
                .unwrap_or_else(|panic| Err(format!("it panicked: {}", panics::message(&*panic))));
        match made {
            Ok(official) => Ok(WorkflowInstance {
                official,
                host,
                tracker: settings.detect_nondeterministic_futures.then(|| Tracker::new(settings, run_id)),
                handlers: Vec::new(),
                commands: Vec::new(),
            }),
            Err(reason) => Err(TaskFailure::new(format!("Failed to create workflow: {reason}"))
                .caused_by(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure)),
        }
    }
}

impl std::fmt::Debug for WorkflowFactory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("WorkflowFactory").field(&self.workflow_type).finish()
    }
}

fn context(
    settings: &WorkflowSettings,
    run_id: &str,
    host: Rc<Host>,
    start: InitializeWorkflow,
) -> BaseWorkflowContext {
    let init = WorkflowInit {
        namespace: settings.namespace.clone(),
        task_queue: settings.task_queue.clone(),
        run_id: run_id.to_owned(),
        initialize_workflow: start,
    };
    BaseWorkflowContext::from_raw(
        init,
        settings.data_converter.clone(),
        host,
        settings.patch_activation.clone(),
        settings.interceptors.clone(),
    )
}

/// One workflow execution's code, suspended between two activations.
pub(crate) struct WorkflowInstance {
    official: Box<dyn OfficialInstance>,
    host: Rc<Host>,
    tracker: Option<Tracker>,
    /// The signal and update handlers that have not returned yet, in the order in which they started.
    handlers: Vec<RoutineId>,
    /// Answers to queries and updates that the current activation has brought forth so far. They go
    /// before the commands of the code.
    commands: Vec<WorkflowCommand>,
}

impl std::fmt::Debug for WorkflowInstance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WorkflowInstance").field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

impl WorkflowInstance {
    /// Tells the code what happened and runs it until it can go no further; gives the commands it issued.
    ///
    /// Ready at once, with one exception: when nondeterministic futures are not detected, an interceptor
    /// may wait for something of the outside world, and this waits with it.
    ///
    /// # Errors
    ///
    /// The code panicked, failed its task, or waited for something other than the SDK's futures. After an
    /// error the instance is in no state to go on: discard it.
    pub(crate) async fn activate(
        &mut self,
        activation: WorkflowActivation,
    ) -> Result<Vec<WorkflowCommand>, TaskFailure> {
        let mut activation = Some(activation);
        poll_fn(|context| {
            let waker = self
                .tracker
                .as_ref()
                .map_or_else(|| context.waker().clone(), |tracker| tracker.waker.clone());
            if let Some(activation) = activation.take()
                && !self.apply(activation, &waker)?
            {
                return Poll::Ready(Ok(self.take_commands()));
            }
            Poll::Ready(match self.run_routines(&waker) {
                Ok(Progress::Blocked | Progress::Ended) => Ok(self.take_commands()),
                Ok(Progress::AwaitsWake) => return Poll::Pending,
                Err(failure) => Err(failure),
            })
        })
        .await
    }

    /// Whether something other than the SDK has woken the code since the last activation.
    pub(crate) fn was_woken_from_outside(&self) -> bool {
        self.tracker.as_ref().is_some_and(|tracker| tracker.wakes.foreign.load(Ordering::Acquire))
    }

    /// The failure that a wake from outside amounts to.
    pub(crate) fn woken_from_outside() -> TaskFailure {
        TaskFailure::nondeterministic_future(
            "something other than the SDK woke the workflow. Its code probably awaits a future that is not \
             the SDK's: a tokio timer, channel or I/O, another async library, or another thread. Use what \
             the workflow context offers instead: ctx.timer(), ctx.wait_condition() with ctx.state_mut(), \
             activities.",
        )
    }

    /// Applies the jobs; `true` if the routines are to run after that.
    fn apply(&mut self, activation: WorkflowActivation, waker: &Waker) -> Result<bool, TaskFailure> {
        self.check_wakes()?;
        self.commands.clear();
        let mut expected = Vec::with_capacity(activation.jobs.len());
        let mut runs_code = false;
        for job in &activation.jobs {
            let job = Expected::of(job.variant.as_ref())?;
            runs_code |= !matches!(job, Expected::QueryResult { .. });
            expected.push(job);
        }
        let results = self.guarded(|official| official.activate(activation, waker))?.job_results;
        self.check_wakes()?;
        if expected.len() != results.len() {
            return Err(TaskFailure::new(format!(
                "The SDK answered {} of the {} jobs of an activation",
                results.len(),
                expected.len()
            )));
        }
        for (job, result) in expected.into_iter().zip(results) {
            self.take_job_result(job, result)?;
        }
        Ok(runs_code)
    }

    fn take_job_result(&mut self, job: Expected, result: ActivationJobResult) -> Result<(), TaskFailure> {
        match (job, result) {
            (Expected::Nothing | Expected::SignalHandler, ActivationJobResult::None) => {}
            (Expected::SignalHandler, ActivationJobResult::StartedRoutine(routine))
                if matches!(routine.kind, RoutineKind::Signal(_)) =>
            {
                self.handlers.push(routine.routine_id);
            }
            (
                Expected::UpdateHandler { protocol_instance_id },
                ActivationJobResult::StartedRoutine(routine),
            ) if matches!(&routine.kind, RoutineKind::Update(update)
                    if update.protocol_instance_id == protocol_instance_id) =>
            {
                self.handlers.push(routine.routine_id);
                self.respond(protocol_instance_id, update_response::Response::Accepted(()));
            }
            (
                Expected::UpdateHandler { protocol_instance_id },
                ActivationJobResult::UpdateRejected(failure),
            ) => {
                self.respond(protocol_instance_id, update_response::Response::Rejected(*failure));
            }
            (Expected::QueryResult { query_id }, ActivationJobResult::QueryResponse(response)) => {
                let answer = match response.result {
                    Ok(payload) => query_result::Variant::Succeeded(QuerySuccess { response: Some(payload) }),
                    Err(failure) => query_result::Variant::Failed(failure),
                };
                let result = QueryResult { query_id, variant: Some(answer) };
                self.commands.push(Command::RespondToQuery(result).into());
            }
            (job, result) => {
                return Err(TaskFailure::new(format!("The SDK answered {job:?} with {result:?}")));
            }
        }
        Ok(())
    }

    /// Polls the handlers, then the main routine, and again for as long as any of them moves: what one
    /// changes, another may wait for.
    fn run_routines(&mut self, waker: &Waker) -> Result<Progress, TaskFailure> {
        loop {
            let mut moved = false;
            let mut interceptor_waits = false;
            let mut running = Vec::with_capacity(self.handlers.len());
            for routine in std::mem::take(&mut self.handlers) {
                let polled = self.poll(routine, waker)?;
                moved |= polled.made_progress;
                interceptor_waits |= polled.pending_state == Some(RoutinePendingState::Interceptor);
                match polled.completion {
                    None => running.push(routine),
                    Some(completion) => self.finish_handler(completion)?,
                }
            }
            self.handlers = running;

            let polled = self.poll(MAIN_ROUTINE_ID, waker)?;
            moved |= polled.made_progress;
            interceptor_waits |= polled.pending_state == Some(RoutinePendingState::Interceptor);
            match polled.completion {
                Some(RoutineCompletion::Main(MainRoutineCompletion::Blocked)) => {}
                Some(RoutineCompletion::Main(MainRoutineCompletion::Terminal(outcome))) => {
                    self.host.push_command(terminal_command(*outcome).into());
                    return Ok(Progress::Ended);
                }
                Some(RoutineCompletion::Main(MainRoutineCompletion::TaskFailed(failed))) => {
                    let cause = failed.force_cause.and_then(|cause| i32::try_from(cause).ok());
                    return Err(TaskFailure {
                        failure: *failed.failure,
                        cause: cause.and_then(|cause| WorkflowTaskFailedCause::try_from(cause).ok()),
                        location: None,
                    });
                }
                other => {
                    return Err(TaskFailure::new(format!("The SDK ended the main routine with {other:?}")));
                }
            }

            if moved {
                continue;
            }
            return match (interceptor_waits, self.tracker.is_some()) {
                (false, _) => Ok(Progress::Blocked),
                (true, false) => Ok(Progress::AwaitsWake),
                (true, true) => Err(TaskFailure::nondeterministic_future(
                    "a workflow interceptor waits for something that is neither the handler it wraps nor \
                     one of the SDK's operations, so no activation would ever let it go on.",
                )),
            };
        }
    }

    fn finish_handler(&mut self, completion: RoutineCompletion) -> Result<(), TaskFailure> {
        match completion {
            RoutineCompletion::Signal(Ok(())) => {}
            RoutineCompletion::Signal(Err(failure)) => return Err(TaskFailure::new(failure.message)),
            RoutineCompletion::Update(UpdateRoutineCompletion::Completed {
                protocol_instance_id,
                result,
            }) => {
                self.respond(protocol_instance_id, update_response::Response::Completed(result));
            }
            RoutineCompletion::Update(UpdateRoutineCompletion::Rejected {
                protocol_instance_id,
                failure,
            }) => {
                self.respond(protocol_instance_id, update_response::Response::Rejected(*failure));
            }
            RoutineCompletion::Main(completion) => {
                return Err(TaskFailure::new(format!("The SDK ended a handler with {completion:?}")));
            }
        }
        Ok(())
    }

    fn poll(&mut self, routine: RoutineId, waker: &Waker) -> Result<RoutinePollResult, TaskFailure> {
        let polled = self.guarded(|official| official.poll_routine(routine, waker))?;
        self.check_wakes()?;
        Ok(polled)
    }

    /// Runs code of the workflow; its panics and errors fail the workflow task.
    fn guarded<T>(
        &mut self,
        run: impl FnOnce(&mut dyn OfficialInstance) -> Result<T, Box<Failure>>,
    ) -> Result<T, TaskFailure> {
        match panics::catch(|| run(&mut *self.official)) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => Err(TaskFailure::new(failure.message)),
            Err(Caught { message, location }) => Err(TaskFailure {
                location,
                ..TaskFailure::new(format!("Workflow function panicked: {message}"))
            }),
        }
    }

    fn check_wakes(&self) -> Result<(), TaskFailure> {
        match &self.tracker {
            Some(tracker) if tracker.wakes.foreign.swap(false, Ordering::AcqRel) => {
                Err(Self::woken_from_outside())
            }
            _ => Ok(()),
        }
    }

    fn respond(&mut self, protocol_instance_id: String, response: update_response::Response) {
        let response = UpdateResponse { protocol_instance_id, response: Some(response) };
        self.commands.push(Command::UpdateResponse(response).into());
    }

    fn take_commands(&mut self) -> Vec<WorkflowCommand> {
        let issued = std::mem::take(&mut *self.host.commands.borrow_mut());
        if self.commands.is_empty() {
            return issued;
        }
        let mut commands = std::mem::take(&mut self.commands);
        commands.extend(issued);
        commands
    }
}

/// Where polling the routines has led.
enum Progress {
    /// The code waits for another activation.
    Blocked,
    /// The main routine returned.
    Ended,
    /// An interceptor waits for something of the outside world.
    AwaitsWake,
}

/// What a job of an activation is answered with.
#[derive(Debug)]
enum Expected {
    Nothing,
    SignalHandler,
    UpdateHandler { protocol_instance_id: String },
    QueryResult { query_id: String },
}

impl Expected {
    /// Fails for a job that lacks a part without which the SDK would panic.
    fn of(job: Option<&Job>) -> Result<Self, TaskFailure> {
        let lacks = match job {
            None => Some("its content"),
            Some(Job::ResolveActivity(job)) if job.result.is_none() => Some("the activity's result"),
            Some(Job::ResolveChildWorkflowExecutionStart(job)) if job.status.is_none() => {
                Some("the status of the child workflow's start")
            }
            Some(Job::ResolveChildWorkflowExecution(job)) if job.result.is_none() => {
                Some("the child workflow's result")
            }
            Some(Job::ResolveNexusOperationStart(job)) if job.status.is_none() => {
                Some("the status of the Nexus operation's start")
            }
            Some(Job::ResolveNexusOperation(job)) if job.result.is_none() => {
                Some("the Nexus operation's result")
            }
            _ => None,
        };
        if let Some(lacks) = lacks {
            return Err(TaskFailure::new(format!("An activation job lacks {lacks}")));
        }
        Ok(match job {
            Some(Job::SignalWorkflow(_)) => Self::SignalHandler,
            Some(Job::DoUpdate(update)) => {
                Self::UpdateHandler { protocol_instance_id: update.protocol_instance_id.clone() }
            }
            Some(Job::QueryWorkflow(query)) => Self::QueryResult { query_id: query.query_id.clone() },
            _ => Self::Nothing,
        })
    }
}

fn terminal_command(outcome: TerminalOutcome) -> Command {
    match outcome {
        TerminalOutcome::Completed(result) => {
            Command::CompleteWorkflowExecution(CompleteWorkflowExecution { result: Some(result) })
        }
        TerminalOutcome::Failed(failure) => {
            Command::FailWorkflowExecution(FailWorkflowExecution { failure: Some(*failure) })
        }
        TerminalOutcome::Cancelled(details) => {
            Command::CancelWorkflowExecution(CancelWorkflowExecution { details })
        }
        TerminalOutcome::ContinueAsNew(request) => Command::ContinueAsNewWorkflowExecution(*request),
    }
}

/// Collects the commands that the code issues.
#[derive(Default)]
struct Host {
    commands: RefCell<Vec<WorkflowCommand>>,
}

impl WorkflowHost for Host {
    /// The SDK keeps the details and answers the query for them itself.
    fn set_current_details(&self, _details: String) {}

    fn push_command(&self, command: WorkflowCommand) {
        let mut commands = self.commands.borrow_mut();
        if commands.is_empty() {
            // One is what most activations come to, and a command is most of a kilobyte.
            commands.reserve_exact(1);
        }
        commands.push(command);
    }
}

/// Watches who wakes the code: the SDK marks its own wakes.
struct Tracker {
    wakes: Arc<Wakes>,
    waker: Waker,
}

struct Wakes {
    foreign: AtomicBool,
    run_id: String,
    report: Option<UnboundedSender<String>>,
}

impl Tracker {
    fn new(settings: &WorkflowSettings, run_id: &str) -> Self {
        let wakes = Arc::new(Wakes {
            foreign: AtomicBool::new(false),
            run_id: run_id.to_owned(),
            report: settings.foreign_wakes.clone(),
        });
        Self { waker: Waker::from(wakes.clone()), wakes }
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !is_sdk_wake()
            && !self.foreign.swap(true, Ordering::AcqRel)
            && let Some(report) = &self.report
        {
            // Nobody listens once the worker is gone.
            let _ = report.send(self.run_id.clone());
        }
    }
}

#[cfg(test)]
mod tests;
