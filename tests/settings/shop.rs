//! A shop: workflows that do little but have settings.

use std::time::Duration;

use temporalio_common::RetryPolicy;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, ChildWorkflowOptions, LocalActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

/// What the shop has others do. Every test stands in for it.
pub struct Outside;

#[activities]
impl Outside {
    #[activity]
    pub async fn charge(_ctx: ActivityContext, cents: i64) -> Result<String, ActivityError> {
        unreachable!("{cents} cents would be charged")
    }
}

/// Charges, with a second for each of two attempts.
#[workflow]
#[derive(Default)]
pub struct Checkout;

#[workflow_methods]
impl Checkout {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, cents: i64) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1))
            .retry_policy(RetryPolicy::builder().maximum_attempts(2).build())
            .build();
        Ok(ctx.execute_activity(Outside::charge, cents, options).await?)
    }
}

/// Charges by a local activity.
#[workflow]
#[derive(Default)]
pub struct LocalCheckout;

#[workflow_methods]
impl LocalCheckout {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, cents: i64) -> WorkflowResult<String> {
        let options = LocalActivityOptions::builder().start_to_close_timeout(Duration::from_secs(1)).build();
        Ok(ctx.execute_local_activity(Outside::charge, cents, options).await?)
    }
}

/// Has a child do it.
#[workflow]
#[derive(Default)]
pub struct Delegation;

#[workflow_methods]
impl Delegation {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, cents: i64) -> WorkflowResult<String> {
        let child = ctx.start_child_workflow(Checkout::run, cents, ChildWorkflowOptions::default()).await?;
        Ok(child.result().await?)
    }
}
