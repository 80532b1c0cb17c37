//! One seed decides everything, and the check for that notices when it does not.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures::future::join_all;
use temporal_sim::{Mock, Simulation, Worker, check_determinism, compare_runs};
use temporal_sim_fixtures::{
    Money,
    approval::{Approval, Claim, Decision, Mailer},
    order::{self},
};
use temporalio_client::{WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions};

#[test]
fn a_thousand_seeds_decide_everything() {}
