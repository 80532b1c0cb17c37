//! The workflow that does what a [`Program`] says, and its activities and children.

use std::{sync::Arc, time::Duration};

use futures::future::{self, LocalBoxFuture};
use temporalio_common::{RetryPolicy, search_attributes::SearchAttributeKey};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityCancellationType, ActivityOptions, ApplicationFailure, ChildWorkflowOptions,
    LocalActivityOptions, MemoValue, SignalWorkflowOptions, SyncWorkflowContext, TimerOptions, TimerResult,
    WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
    activities::{ActivityContext, ActivityError},
    workflows::{join, join_all},
};

use crate::program::{Cancellation, Desk, Ending, Program, Step, Task};

/// The search attribute that programs set.
pub(crate) const LABEL: SearchAttributeKey<i64> = SearchAttributeKey::int("Label");

/// Does what its input says.
#[workflow]
pub(crate) struct Interpreter {
    program: Arc<Program>,
    signals: u32,
}

type Context = WorkflowContext<Interpreter>;

#[workflow_methods]
impl Interpreter {
    #[init]
    pub(crate) fn new(_ctx: &WorkflowContextView, program: Program) -> Self {
        Self { program: Arc::new(program), signals: 0 }
    }

    /// Returns whether every step succeeded.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        let program = ctx.state(|s| s.program.clone());
        let scope = ctx.cancellation_token();
        let succeeded = all(ctx, &program.main, &scope).await;
        match program.ending {
            Ending::Completes => Ok(succeeded),
            Ending::Fails => Err(ApplicationFailure::non_retryable("the program ends so").into()),
            Ending::Cancels => Err(WorkflowTermination::cancelled()),
            Ending::ContinuesAsNew => {
                ctx.continue_as_new(Program::default(), Default::default()).map(|never| match never {})
            }
        }
    }

    #[signal]
    pub(crate) async fn nudge(ctx: &mut WorkflowContext<Self>) {
        ctx.state_mut(|s| s.signals += 1);
        let program = ctx.state(|s| s.program.clone());
        let scope = ctx.cancellation_token();
        all(ctx, &program.on_signal, &scope).await;
    }

    #[update]
    pub(crate) async fn ask(ctx: &mut WorkflowContext<Self>, number: u8) -> u8 {
        let program = ctx.state(|s| s.program.clone());
        let scope = ctx.cancellation_token();
        all(ctx, &program.on_update, &scope).await;
        number
    }

    #[update_validator(ask)]
    fn is_small(
        &self,
        _ctx: &WorkflowContextView,
        number: &u8,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if *number < 100 { Ok(()) } else { Err("too big".into()) }
    }
}

/// One after the other; whether all succeeded.
async fn all(ctx: &Context, steps: &[Step], scope: &WorkflowCancellationToken) -> bool {
    let mut succeeded = true;
    for step in steps {
        succeeded &= perform(ctx, step, scope).await;
    }
    succeeded
}

/// Whether the step succeeded.
fn perform<'a>(
    ctx: &'a Context,
    step: &'a Step,
    scope: &'a WorkflowCancellationToken,
) -> LocalBoxFuture<'a, bool> {
    Box::pin(async move {
        match step {
            Step::Timer { seconds } => timer(ctx, *seconds, scope).await == TimerResult::Fired,
            Step::TimerNotAwaited { seconds } => {
                drop(timer(ctx, *seconds, scope));
                true
            }
            Step::Activity { desk, task, cancellation } => {
                let options = activity_options(*cancellation, scope);
                let result = match desk {
                    Desk::File => ctx.execute_activity(Office::file, *task, options).await,
                    Desk::Stamp => ctx.execute_activity(Office::stamp, *task, options).await,
                    Desk::Post => ctx.execute_activity(Office::post, *task, options).await,
                };
                result.is_ok()
            }
            Step::LocalActivity { desk, task } => {
                let options = local_activity_options(scope);
                let result = match desk {
                    Desk::File => ctx.execute_local_activity(Office::file, *task, options).await,
                    Desk::Stamp => ctx.execute_local_activity(Office::stamp, *task, options).await,
                    Desk::Post => ctx.execute_local_activity(Office::post, *task, options).await,
                };
                result.is_ok()
            }
            Step::Child { number, task, hurried } => {
                let options = ChildWorkflowOptions::builder()
                    .workflow_id(format!("{}/child-{number}", ctx.workflow_id()))
                    .cancellation_token(scope.clone())
                    .build();
                let Ok(child) = ctx.start_child_workflow(Errand::run, *task, options).await else {
                    return false;
                };
                if *hurried {
                    let _ = child.signal(Errand::hurry, (), SignalWorkflowOptions::default()).await;
                }
                child.result().await.is_ok()
            }
            Step::AwaitSignals { count } => ctx.wait_condition(|s| s.signals >= *count).await.is_ok(),
            Step::Signal { other } => {
                let other = ctx.external_workflow(format!("other-{other}"), None);
                other.signal(Errand::hurry, (), SignalWorkflowOptions::default()).await.is_ok()
            }
            Step::Cancel { other } => {
                let other = ctx.external_workflow(format!("other-{other}"), None);
                other.cancel(Some("not needed".to_owned())).await.is_ok()
            }
            Step::SignalItself => {
                let itself = ctx.external_workflow(ctx.workflow_id().to_owned(), None);
                itself.signal(Interpreter::nudge, (), SignalWorkflowOptions::default()).await.is_ok()
            }
            Step::Patch { id, then, otherwise } => {
                let way = if ctx.patched(&patch_id(*id)) { then } else { otherwise };
                all(ctx, way, scope).await
            }
            Step::DeprecatePatch { id } => ctx.deprecate_patch(&patch_id(*id)),
            Step::Toss { heads, tails } => {
                let way = if ctx.random::<u8>() < 128 { heads } else { tails };
                all(ctx, way, scope).await
            }
            Step::Memo { value } => ctx.upsert_memo([("note", Some(MemoValue::new(*value)))]).is_ok(),
            Step::SearchAttribute { value } => {
                ctx.upsert_search_attributes([LABEL.value_set(i64::from(*value))]);
                true
            }
            Step::Together { steps } => {
                let results = join_all(steps.iter().map(|step| perform(ctx, step, scope))).await;
                results.into_iter().all(|succeeded| succeeded)
            }
            Step::Race { left, right } => {
                let (left, right) = (Box::pin(all(ctx, left, scope)), Box::pin(all(ctx, right, scope)));
                future::select(left, right).await.factor_first().0
            }
            Step::Until { work, end } => {
                let inner = scope.child_token();
                let end = async {
                    let succeeded = all(ctx, end, scope).await;
                    inner.cancel_with_reason("that is enough");
                    succeeded
                };
                let (_, succeeded) = join!(all(ctx, work, &inner), end);
                succeeded
            }
            Step::Detached { steps } => all(ctx, steps, &WorkflowCancellationToken::new()).await,
            Step::Recover { attempt, by } => all(ctx, attempt, scope).await || all(ctx, by, scope).await,
            Step::Panic => panic!("the program panics"),
            Step::FailTask => {
                ctx.force_task_fail("the program fails its task");
                true
            }
        }
    })
}

fn timer<'a>(
    ctx: &'a Context,
    seconds: u64,
    scope: &WorkflowCancellationToken,
) -> impl Future<Output = TimerResult> + use<'a> {
    let options =
        TimerOptions::builder(Duration::from_secs(seconds)).cancellation_token(scope.clone()).build();
    ctx.timer(options)
}

fn activity_options(cancellation: Cancellation, scope: &WorkflowCancellationToken) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(20))
        .cancellation_type(match cancellation {
            Cancellation::TryCancel => ActivityCancellationType::TryCancel,
            Cancellation::Wait => ActivityCancellationType::WaitCancellationCompleted,
            Cancellation::Abandon => ActivityCancellationType::Abandon,
        })
        .cancellation_token(scope.clone())
        .retry_policy(RetryPolicy::builder().maximum_attempts(2).build())
        .build()
}

fn local_activity_options(scope: &WorkflowCancellationToken) -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(20))
        .cancellation_token(scope.clone())
        .retry_policy(
            RetryPolicy::builder().initial_interval(Duration::from_secs(3)).maximum_attempts(2).build(),
        )
        .timer_backoff_threshold(Duration::from_secs(2))
        .build()
}

fn patch_id(id: u8) -> String {
    format!("patch-{id}")
}

/// The activities.
pub(crate) struct Office;

#[activities]
impl Office {
    #[activity]
    pub(crate) async fn file(_ctx: ActivityContext, task: Task) -> Result<u8, ActivityError> {
        work(task).await
    }

    #[activity]
    pub(crate) async fn stamp(_ctx: ActivityContext, task: Task) -> Result<u8, ActivityError> {
        work(task).await
    }

    #[activity]
    pub(crate) async fn post(_ctx: ActivityContext, task: Task) -> Result<u8, ActivityError> {
        work(task).await
    }
}

async fn work(task: Task) -> Result<u8, ActivityError> {
    tokio::time::sleep(Duration::from_secs(task.seconds)).await;
    if task.fails {
        return Err(ActivityError::application(ApplicationFailure::new("the task fails")));
    }
    Ok(task.number)
}

/// The child workflow.
#[workflow]
#[derive(Default)]
pub(crate) struct Errand;

#[workflow_methods]
impl Errand {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, task: Task) -> WorkflowResult<u8> {
        if ctx.timer(Duration::from_secs(task.seconds)).await == TimerResult::Cancelled {
            return Err(WorkflowTermination::cancelled());
        }
        if task.fails {
            return Err(ApplicationFailure::non_retryable("the errand fails").into());
        }
        Ok(task.number)
    }

    #[signal]
    pub(crate) fn hurry(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {}
}
