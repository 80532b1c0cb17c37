//! Putting jobs together to an activation.

use temporalio_common::protos::coresdk::workflow_activation::{
    WorkflowActivation, WorkflowActivationJob, workflow_activation_job::Variant,
};

use super::Machines;

impl Machines {
    /// An activation of the given jobs. One that has nothing but queries always counts as replay.
    pub(super) fn activation(&mut self, mut jobs: Vec<Variant>) -> WorkflowActivation {
        let only_queries = jobs.iter().all(|job| matches!(job, Variant::QueryWorkflow(_)));
        if !only_queries {
            self.local.count_activation();
        }
        let is_replaying = self.replaying || only_queries;
        if !is_replaying {
            self.deployment_version.clone_from(&self.options.deployment_version);
        }
        jobs.sort_by_key(rank);
        WorkflowActivation {
            run_id: self.run.run_id.clone(),
            timestamp: self.time.map(|time| time.to_proto()),
            is_replaying,
            history_length: u32::try_from(self.last_event_id).unwrap_or(u32::MAX),
            jobs: jobs.into_iter().map(|job| WorkflowActivationJob { variant: Some(job) }).collect(),
            available_internal_flags: self.flags.lang(),
            history_size_bytes: self.task_facts.history_size_bytes,
            continue_as_new_suggested: self.task_facts.continue_as_new_suggested,
            deployment_version_for_current_task: self.deployment_version.clone(),
            last_sdk_version: self.flags.last_sdk_version().to_owned(),
            suggest_continue_as_new_reasons: self.task_facts.suggest_continue_as_new_reasons.clone(),
            target_worker_deployment_version_changed: self
                .task_facts
                .target_worker_deployment_version_changed,
        }
    }
}

/// The order in which workflow code gets its jobs; jobs of one rank stay in the order of their events.
///
/// Patches hold for the whole activation. Handlers of signals and updates run before the workflow's main
/// routine goes on. Results of local activities come after everything else, because outside replay they take
/// longer than anything that is already known.
fn rank(job: &Variant) -> u8 {
    match job {
        Variant::InitializeWorkflow(_) => 0,
        Variant::NotifyHasPatch(_) => 1,
        Variant::UpdateRandomSeed(_) => 2,
        Variant::SignalWorkflow(_) | Variant::DoUpdate(_) => 3,
        Variant::ResolveActivity(resolution) if resolution.is_local => 5,
        Variant::QueryWorkflow(_) => 6,
        Variant::RemoveFromCache(_) => 7,
        _ => 4,
    }
}
