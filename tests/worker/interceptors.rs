//! Workflow interceptors: each method is called where the SDK says it is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use temporal_sim::{Simulation, Worker};
use temporalio_client::WorkflowStartOptions;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, CancellableFuture as _, CancellableFutureWithReason as _, ChildWorkflowOptions,
    ContinueAsNewOptions, LocalActivityOptions, SyncWorkflowContext, TimerResult, WorkflowContext,
    WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    workflow_interceptors::*,
};

/// Does everything that an interceptor can see.
#[workflow]
struct Busy {
    round: u32,
    signals: u32,
}

#[workflow_methods]
impl Busy {
    #[init]
    fn new(_ctx: &WorkflowContextView, round: u32) -> Self {
        Self { round, signals: 0 }
    }

    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let round = ctx.state(|busy| busy.round);
        if round > 0 {
            return Ok(round);
        }
        let timeout = Duration::from_secs(10);
        let timer = ctx.timer(timeout);
        timer.cancel();
        assert!(matches!(timer.await, TimerResult::Cancelled));
        ctx.execute_activity(Idler::idle, (), ActivityOptions::start_to_close_timeout(timeout)).await?;
        let nearby = LocalActivityOptions::builder().start_to_close_timeout(timeout).build();
        ctx.execute_local_activity(Idler::idle, (), nearby).await?;
        let child = ChildWorkflowOptions::workflow_id("child".to_owned());
        let child = ctx.start_child_workflow(Waiter::run, (), child).await?;
        let outside = ctx.external_workflow("child", None);
        outside.signal(Waiter::wave, (), Default::default()).await?;
        let result = child.result();
        result.cancel_with_reason("enough".to_owned());
        assert_eq!(result.await.expect("it says why it was cancelled"), "enough");
        // A workflow that is closed can be cancelled as often as one likes.
        outside.cancel(Some("again".to_owned())).await?;
        ctx.wait_condition(|busy| busy.signals > 1).await?;
        ctx.continue_as_new(round + 1, ContinueAsNewOptions::default()).map(|never| match never {})
    }

    #[signal]
    fn nudge(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.signals += 1;
    }

    #[query]
    fn signals(&self, _ctx: &WorkflowContextView) -> u32 {
        self.signals
    }

    #[update]
    fn set(&mut self, _ctx: &mut SyncWorkflowContext<Self>, signals: u32) -> u32 {
        std::mem::replace(&mut self.signals, signals)
    }

    #[update_validator(set)]
    fn check(
        &self,
        _ctx: &WorkflowContextView,
        _signals: &u32,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// Waits until it is cancelled, and gives the reason.
#[workflow]
#[derive(Default)]
struct Waiter;

#[workflow_methods]
impl Waiter {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        Ok(ctx.cancelled().await.unwrap_or_default())
    }

    #[signal]
    fn wave(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {}
}

struct Idler;

#[activities]
impl Idler {
    #[activity]
    async fn idle(_ctx: ActivityContext, _nothing: ()) -> Result<(), ActivityError> {
        Ok(())
    }
}

/// Writes down which of its methods were called for the workflow `Busy`.
struct Witness {
    name: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
    looks: bool,
}

impl Witness {
    fn note(&self, what: &str) {
        if self.looks {
            self.seen.lock().expect("nobody panics with it").push(format!("{}: {what}", self.name));
        }
    }
}

type Cancellable<T> = CancellableWorkflowOutboundFuture<T>;

impl WorkflowInterceptor for Witness {
    fn initialize_workflow(
        &self,
        _ctx: WorkflowContextView,
        input: InitializeWorkflowInput,
        next: WorkflowNext<'_, InitializeWorkflowInput, InitializeWorkflowOutput>,
    ) -> InitializeWorkflowOutput {
        self.note("initialize_workflow");
        next.run(input)
    }

    fn execute<'a>(
        &'a self,
        _ctx: WorkflowInterceptorContext,
        input: ExecuteWorkflowInput,
        next: WorkflowNext<'a, ExecuteWorkflowInput, WorkflowInterceptorFuture<'a, ExecuteWorkflowResult>>,
    ) -> WorkflowInterceptorFuture<'a, ExecuteWorkflowResult> {
        self.note("execute");
        next.run(input)
    }

    fn handle_signal<'a>(
        &'a self,
        _ctx: WorkflowInterceptorContext,
        input: HandleSignalInput,
        next: WorkflowNext<'a, HandleSignalInput, WorkflowInterceptorFuture<'a, HandleSignalResult>>,
    ) -> WorkflowInterceptorFuture<'a, HandleSignalResult> {
        self.note("handle_signal");
        next.run(input)
    }

    fn handle_update<'a>(
        &'a self,
        _ctx: WorkflowInterceptorContext,
        input: HandleUpdateInput,
        next: WorkflowNext<'a, HandleUpdateInput, WorkflowInterceptorFuture<'a, HandleUpdateResult>>,
    ) -> WorkflowInterceptorFuture<'a, HandleUpdateResult> {
        self.note("handle_update");
        next.run(input)
    }

    fn handle_query(
        &self,
        _ctx: SyncWorkflowInterceptorContext,
        input: HandleQueryInput,
        next: WorkflowNext<'_, HandleQueryInput, HandleQueryResult>,
    ) -> HandleQueryResult {
        self.note("handle_query");
        next.run(input)
    }

    fn validate_update(
        &self,
        _ctx: SyncWorkflowInterceptorContext,
        input: ValidateUpdateInput,
        next: WorkflowNext<'_, ValidateUpdateInput, ValidateUpdateResult>,
    ) -> ValidateUpdateResult {
        self.note("validate_update");
        next.run(input)
    }

    fn start_timer(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: StartTimerInput,
        next: WorkflowNext<'static, StartTimerInput, Cancellable<TimerResult>>,
    ) -> Cancellable<TimerResult> {
        self.note("start_timer");
        next.run(input)
    }

    fn schedule_activity(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: ScheduleActivityInput,
        next: WorkflowNext<'static, ScheduleActivityInput, Cancellable<ScheduleActivityResult>>,
    ) -> Cancellable<ScheduleActivityResult> {
        self.note("schedule_activity");
        next.run(input)
    }

    fn schedule_local_activity(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: ScheduleLocalActivityInput,
        next: WorkflowNext<'static, ScheduleLocalActivityInput, Cancellable<ScheduleActivityResult>>,
    ) -> Cancellable<ScheduleActivityResult> {
        self.note("schedule_local_activity");
        next.run(input)
    }

    fn start_child_workflow(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: StartChildWorkflowInput,
        next: WorkflowNext<'static, StartChildWorkflowInput, Cancellable<StartChildWorkflowResult>>,
    ) -> Cancellable<StartChildWorkflowResult> {
        self.note("start_child_workflow");
        next.run(input)
    }

    fn signal_workflow(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: SignalWorkflowInput,
        next: WorkflowNext<'static, SignalWorkflowInput, Cancellable<SignalWorkflowResult>>,
    ) -> Cancellable<SignalWorkflowResult> {
        self.note("signal_workflow");
        next.run(input)
    }

    fn cancel_external_workflow(
        &self,
        _ctx: WorkflowInterceptorContext,
        input: CancelExternalWorkflowInput,
        next: WorkflowNext<
            'static,
            CancelExternalWorkflowInput,
            WorkflowOutboundFuture<CancelExternalWorkflowResult>,
        >,
    ) -> WorkflowOutboundFuture<CancelExternalWorkflowResult> {
        self.note("cancel_external_workflow");
        next.run(input)
    }

    fn continue_as_new(
        &self,
        _ctx: SyncWorkflowInterceptorContext,
        input: ContinueAsNewInput,
        next: WorkflowNext<'static, ContinueAsNewInput, ContinueAsNewResult>,
    ) -> ContinueAsNewResult {
        self.note("continue_as_new");
        next.run(input)
    }
}

#[test]
fn every_method_of_an_interceptor_is_called_outermost_first() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let witness = |name: &'static str| {
        let seen = seen.clone();
        WorkflowInterceptorConstructor::new(move |ctx: &WorkflowContextView| Witness {
            name,
            seen: seen.clone(),
            looks: ctx.workflow_type() == "Busy",
        })
    };
    let worker = Worker::new("busy")
        .workflow::<Busy>()
        .workflow::<Waiter>()
        .activity(Idler::idle, Idler)
        .workflow_interceptor(witness("outer"))
        .workflow_interceptor(witness("inner"));
    Simulation::builder().worker(worker).run(async |sim| {
        let options = WorkflowStartOptions::new("busy", "busy").build();
        let handle = sim.client().start_workflow(Busy::run, 0, options).await?;
        sim.run_until_idle().await;
        assert_eq!(handle.query(Busy::signals, (), Default::default()).await?, 0);
        assert_eq!(handle.execute_update(Busy::set, 1, Default::default()).await?, 0);
        handle.signal(Busy::nudge, (), Default::default()).await?;
        assert_eq!(handle.get_result(Default::default()).await?, 1);
        Ok(())
    });
    let seen = seen.lock().expect("nobody panics with it");
    let inner: Vec<_> = seen.iter().filter_map(|line| line.strip_prefix("inner: ")).collect();
    assert_eq!(
        inner,
        [
            "initialize_workflow",
            "execute",
            "start_timer",
            "schedule_activity",
            "schedule_local_activity",
            "start_child_workflow",
            "signal_workflow",
            "cancel_external_workflow",
            "handle_query",
            "validate_update",
            "handle_update",
            "handle_signal",
            "continue_as_new",
            "initialize_workflow",
            "execute",
        ]
    );
    let outer: Vec<_> = seen.iter().filter_map(|line| line.strip_prefix("outer: ")).collect();
    assert_eq!(outer, inner);
    assert!(seen[0].starts_with("outer"), "the first one added is the outermost: {seen:?}");
}
