//! A shop whose ledger shows how often something was really done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use temporal_sim::Worker;
use temporal_sim_fixtures::features::signals::Counter;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, LocalActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

/// The payment provider. Clones share the ledger.
#[derive(Clone, Default)]
pub struct Provider {
    charges: Arc<AtomicUsize>,
}

impl Provider {
    /// How often money was taken.
    pub fn charges(&self) -> usize {
        self.charges.load(Ordering::Relaxed)
    }
}

#[activities]
impl Provider {
    /// Takes money, for two seconds, each time that it is called.
    #[activity]
    pub async fn charge(self: Arc<Self>, _ctx: ActivityContext, _cents: i64) -> Result<(), ActivityError> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.charges.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Works for a minute with a heartbeat every second.
    #[activity]
    pub async fn export(self: Arc<Self>, ctx: ActivityContext) -> Result<(), ActivityError> {
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ctx.record_heartbeat(()).await?;
        }
        Ok(())
    }
}

/// Charges once, with ten seconds for each attempt and retries a second apart.
#[workflow]
#[derive(Default)]
pub struct Checkout;

#[workflow_methods]
impl Checkout {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, cents: i64) -> WorkflowResult<()> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        Ok(ctx.execute_activity(Provider::charge, cents, options).await?)
    }
}

/// Exports, with five seconds between heartbeats.
#[workflow]
#[derive(Default)]
pub struct Export;

#[workflow_methods]
impl Export {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(600))
            .heartbeat_timeout(Duration::from_secs(5))
            .build();
        Ok(ctx.execute_activity(Provider::export, (), options).await?)
    }
}

/// Sleeps an hour three times.
#[workflow]
#[derive(Default)]
pub struct Naps;

#[workflow_methods]
impl Naps {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        for _ in 0..3 {
            ctx.timer(Duration::from_secs(3600)).await;
        }
        Ok(())
    }
}

/// Charges once in a local activity, with ten seconds for each attempt.
#[workflow]
#[derive(Default)]
pub struct QuickCheckout;

#[workflow_methods]
impl QuickCheckout {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, cents: i64) -> WorkflowResult<()> {
        let options = LocalActivityOptions::builder()
            .start_to_close_timeout(Duration::from_secs(10))
            .schedule_to_close_timeout(Duration::from_secs(60))
            .build();
        Ok(ctx.execute_local_activity(Provider::charge, cents, options).await?)
    }
}

/// A worker with everything.
pub fn worker(provider: &Provider) -> Worker {
    Worker::new("shop")
        .workflow::<Checkout>()
        .workflow::<Export>()
        .workflow::<Counter>()
        .workflow::<Naps>()
        .workflow::<QuickCheckout>()
        .activities(provider.clone(), (Provider::charge, Provider::export))
}
