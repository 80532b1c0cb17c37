//! Workflows and activities whose outcome depends on what goes first.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use temporal_sim::Worker;
use temporal_sim_fixtures::features::signals::Counter;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, SyncWorkflowContext, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    workflows::{join_all, select},
};

const SECOND: Duration = Duration::from_secs(1);

/// Ten seconds to say yes.
#[workflow]
#[derive(Default)]
pub struct Offer {
    accepted: bool,
}

#[workflow_methods]
impl Offer {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        let mut deadline = ctx.timer(10 * SECOND);
        Ok(select! {
            accepted = ctx.wait_condition(|offer| offer.accepted) => { accepted?; true }
            _ = deadline => false,
        })
    }

    #[signal]
    pub fn accept(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.accepted = true;
    }
}

/// Has these lines written at once.
#[workflow]
#[derive(Default)]
pub struct Minutes;

#[workflow_methods]
impl Minutes {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, lines: Vec<String>) -> WorkflowResult<()> {
        let options = || ActivityOptions::start_to_close_timeout(10 * SECOND);
        for written in
            join_all(lines.into_iter().map(|line| ctx.execute_activity(Log::write, line, options()))).await
        {
            written?;
        }
        Ok(())
    }
}

/// A sheet of paper. Clones share it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

#[activities]
impl Log {
    #[activity]
    pub async fn write(self: Arc<Self>, _ctx: ActivityContext, line: String) -> Result<(), ActivityError> {
        tokio::time::sleep(SECOND).await;
        self.0.lock().expect("nobody panics with it").push(line);
        Ok(())
    }
}

impl Log {
    /// What is on it.
    pub fn text(&self) -> String {
        self.0.lock().expect("nobody panics with it").join("")
    }
}

/// A worker with everything, which writes on this.
pub fn worker(log: &Log) -> Worker {
    Worker::new("q")
        .workflow::<Offer>()
        .workflow::<Counter>()
        .workflow::<Minutes>()
        .activities(log.clone(), (Log::write,))
}
