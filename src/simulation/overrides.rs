//! Other settings than those in the code, without touching the code.

use temporalio_common::{ActivityDefinition, WorkflowDefinition};

use super::Simulation;
use crate::{
    overrides::{Start, Target},
    policy::{ActivityOptions, WorkflowOptions},
};

/// Settings can be varied without touching workflow code: what it asks for is changed on its way to the cluster, for
/// everything that is scheduled or started from the call on. Several overrides of one type apply one after the
/// other. Options that are invalid after the change are refused as if the workflow had asked for them.
impl Simulation {
    /// Changes the timeouts and the retry policy of an activity wherever a workflow schedules it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use temporal_sim::{Mock, Simulation, Worker};
    /// # use temporal_sim_fixtures::{Money, money_transfer::{Bank, MoneyTransfer, Transfer}};
    /// # let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
    /// # let payments = Worker::new("payments").workflow::<MoneyTransfer>()
    /// #     .activities(bank, (Bank::validate, Bank::withdraw, Bank::refund));
    /// # let transfer = Transfer { reference: "1".into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(40) };
    /// let deposit = Mock::new(Bank::deposit).never_returns();
    /// Simulation::builder().worker(payments.mock(deposit.clone())).run(async move |sim| {
    ///     sim.override_activity_options(Bank::deposit, |options| {
    ///         options.start_to_close_timeout = Some(Duration::from_secs(1));
    ///         options.retry_policy.maximum_attempts = 2;
    ///     });
    ///     assert!(sim.execute(MoneyTransfer::run, transfer).await.is_err());
    ///     assert_eq!(deposit.calls(), 2);
    ///     assert_eq!(sim.elapsed(), Duration::from_secs(3));
    ///     Ok(())
    /// });
    /// ```
    pub fn override_activity_options<A: ActivityDefinition>(
        &self,
        activity: A,
        change: impl Fn(&mut ActivityOptions) + Send + 'static,
    ) {
        self.0.overrides.activity(Target::Activity, activity.name(), change);
    }

    /// The same for an activity that is run as a local activity. It has no heartbeat timeout.
    pub fn override_local_activity_options<A: ActivityDefinition>(
        &self,
        activity: A,
        change: impl Fn(&mut ActivityOptions) + Send + 'static,
    ) {
        self.0.overrides.activity(Target::LocalActivity, activity.name(), change);
    }

    /// Changes the timeouts and the retry policy of a workflow wherever the test or a client starts it. Its further runs
    /// inherit them: a retry, a cron run, and a run that continues as new without timeouts of its own.
    pub fn override_workflow_options<W: WorkflowDefinition>(
        &self,
        workflow: W,
        change: impl Fn(&mut WorkflowOptions) + Send + 'static,
    ) {
        self.0.overrides.workflow(Start::Client, workflow.name(), change);
    }

    /// The same for a workflow that another one starts as its child.
    pub fn override_child_workflow_options<W: WorkflowDefinition>(
        &self,
        workflow: W,
        change: impl Fn(&mut WorkflowOptions) + Send + 'static,
    ) {
        self.0.overrides.workflow(Start::Child, workflow.name(), change);
    }
}
