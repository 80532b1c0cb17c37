//! To which version of its workers a run goes.
//!
//! A worker of a worker deployment says with each completed workflow task which version it is, and how the run moves from
//! version to version from there on. A *pinned* run goes to workers of that version only. One that *upgrades by itself* goes
//! to the version that is current for its task queue. No deployment has a current version here, so such a run goes back to
//! workers without one: a *transition*, which ends with the first workflow task that one of them completes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, WorkerVersionStamp},
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::{IndexedValueType, VersioningBehavior},
    history::v1::{DeclinedTargetVersionUpgrade, WorkflowExecutionStartedEventAttributes},
    workflow::v1::{
        DeploymentVersionTransition, VersioningOverride, WorkflowExecutionVersioningInfo,
        versioning_override::Override,
    },
};

use super::{MutableState, Run, Transaction};
use crate::cluster::{matching::WorkerVersion, search_attributes::Value};

/// The search attribute that says how a run moves from version to version.
const VERSIONING_BEHAVIOR: &str = "TemporalWorkflowVersioningBehavior";
/// The search attribute that names the deployment of a run's worker.
const DEPLOYMENT: &str = "TemporalWorkerDeployment";
/// The search attribute that names its version.
const VERSION: &str = "TemporalWorkerDeploymentVersion";
/// The search attribute that lists the versions that have completed workflow tasks of a run.
const USED_VERSIONS: &str = "TemporalUsedWorkerDeploymentVersions";
/// The search attribute that lists the builds of a run's workers.
const BUILD_IDS: &str = "BuildIds";
/// Stands in that list for workers that go by no version.
const UNVERSIONED: &str = "unversioned";
/// Begins what stands in that list for the version that a run is pinned to.
const PINNED: &str = "pinned:";
/// What old clients are told in place of the version of workers without one.
const NO_VERSION: &str = "__unversioned__";

/// What a run knows of the versions of its workers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Versioning {
    /// Whether the run ever had to do with versions.
    is_known: bool,
    behavior: VersioningBehavior,
    /// The version of the worker that completed the last workflow task, if it said how the run behaves.
    version: Option<WorkerDeploymentVersion>,
    /// The version that the run is about to go to. The inner `None` are workers without a version.
    transition: Option<Option<WorkerDeploymentVersion>>,
    /// Whether workers have been told that tasks of the run would go to another version if it were not pinned.
    target_changed: bool,
    /// Whether the run before this one was told so and went on regardless.
    declined: bool,
}

/// What a completed workflow task says of the version of its worker.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cluster::execution) struct CompletedBy<'a> {
    pub(in crate::cluster::execution) version: Option<&'a WorkerDeploymentVersion>,
    pub(in crate::cluster::execution) behavior: VersioningBehavior,
}

/// The search attributes that the last run has got from a worker without a version, when it had none before. Most runs get the
/// same, and share them.
#[derive(Debug, Default)]
pub(crate) struct ShownBuild {
    stamp: Option<WorkerVersionStamp>,
    attributes: Arc<BTreeMap<String, Payload>>,
}

impl Versioning {
    /// What a run starts with.
    pub(super) fn of(started: &WorkflowExecutionStartedEventAttributes) -> Self {
        let Some(version) = &started.inherited_pinned_version else { return Self::default() };
        Self {
            is_known: true,
            behavior: VersioningBehavior::Pinned,
            version: Some(version.clone()),
            declined: started.declined_target_version_upgrade.is_some(),
            ..Self::default()
        }
    }

    /// The run stays with the version that it is at.
    pub(super) fn end_transition(&mut self) {
        self.transition = None;
    }

    /// Whether the run is on its way to another version.
    pub(crate) fn is_in_transition(&self) -> bool {
        self.transition.is_some()
    }
}

impl MutableState {
    /// The version that the run's tasks are for at this moment; `None` for workers without one.
    pub(crate) fn effective_version(&self) -> Option<&WorkerDeploymentVersion> {
        match &self.versioning.transition {
            Some(target) => target.as_ref(),
            None => self.versioning.version.as_ref(),
        }
    }

    /// How the run moves from version to version at this moment.
    pub(crate) fn effective_behavior(&self) -> VersioningBehavior {
        if self.versioning.transition.is_some() {
            VersioningBehavior::AutoUpgrade
        } else {
            self.stated_behavior()
        }
    }

    /// The same, whatever transition is going on.
    fn stated_behavior(&self) -> VersioningBehavior {
        match self.options.versioning_override {
            Some(_) => VersioningBehavior::AutoUpgrade,
            None => self.versioning.behavior,
        }
    }

    /// The version to which the run's tasks have to go.
    pub(crate) fn pinned_version(&self) -> Option<&WorkerDeploymentVersion> {
        self.effective_version().filter(|_| self.effective_behavior() == VersioningBehavior::Pinned)
    }

    /// The workers for which the run's workflow tasks and queries are, unless they go to a sticky queue.
    pub(crate) fn workers(&self) -> WorkerVersion {
        let is_by_build = self.worker_version.as_ref().is_some_and(|stamp| stamp.use_versioning);
        match self.pinned_version() {
            Some(version) => WorkerVersion::of(version),
            None if is_by_build && self.effective_behavior() == VersioningBehavior::Unspecified => {
                WorkerVersion::Nobody
            }
            None => WorkerVersion::None,
        }
    }

    /// What DescribeWorkflowExecution tells of the version that the run goes to.
    pub(crate) fn describe_versioning(&self) -> Option<WorkflowExecutionVersioningInfo> {
        let Versioning { is_known, behavior, version, transition, .. } = &*self.versioning;
        let is_known = *is_known || self.options.has_versioning();
        is_known.then(|| WorkflowExecutionVersioningInfo {
            behavior: *behavior as i32,
            version: version.as_ref().map(old_notation).unwrap_or_default(),
            deployment_version: version.clone(),
            versioning_override: self.options.versioning_override.clone().map(for_old_clients),
            version_transition: transition.as_ref().map(|target| DeploymentVersionTransition {
                version: target.as_ref().map_or_else(|| NO_VERSION.to_owned(), old_notation),
                deployment_version: target.clone(),
            }),
            ..Default::default()
        })
    }

    /// The versions that a next run of the chain is pinned to, and whether it has turned an upgrade down.
    pub(super) fn inherited_version(
        &self,
    ) -> (Option<WorkerDeploymentVersion>, Option<DeclinedTargetVersionUpgrade>) {
        let version = self.pinned_version().cloned();
        let has_declined = self.versioning.target_changed || self.versioning.declined;
        let declined = has_declined && version.is_some();
        (version, declined.then(DeclinedTargetVersionUpgrade::default))
    }

    /// Whether the run has nothing to do with versions, and its search attributes list the builds of its workers.
    pub(super) fn shows_unversioned_builds(&self) -> bool {
        self.has_no_versioning() && self.search_attributes.contains_key(BUILD_IDS)
    }

    fn has_no_versioning(&self) -> bool {
        !self.versioning.is_known && !self.options.has_versioning()
    }

    fn change_versioning(&mut self) -> &mut Versioning {
        Arc::make_mut(&mut self.versioning)
    }

    fn listed(&self, name: &str) -> Vec<String> {
        let list = self.search_attributes.get(name);
        list.and_then(|payload| serde_json::from_slice(&payload.data).ok()).unwrap_or_default()
    }

    fn show(&mut self, name: &str, payload: Option<Payload>) {
        if self.search_attributes.get(name) == payload.as_ref() {
            return;
        }
        let attributes = Arc::make_mut(&mut self.search_attributes);
        match payload {
            Some(payload) => attributes.insert(name.to_owned(), payload),
            None => attributes.remove(name),
        };
    }

    fn show_list(&mut self, name: &str, list: Vec<String>) {
        let payload =
            (!list.is_empty()).then(|| Value::KeywordList(list).encode(IndexedValueType::KeywordList));
        self.show(name, payload);
    }

    fn show_keyword(&mut self, name: &str, text: String) {
        let payload = (!text.is_empty()).then(|| Value::String(text).encode(IndexedValueType::Keyword));
        self.show(name, payload);
    }
}

impl Run {
    /// Notes that a workflow task was completed by a worker of this version, and answers whether that changes to whom the
    /// run's tasks go.
    pub(super) fn note_completed_by(&mut self, by: CompletedBy<'_>) -> bool {
        let state = &mut self.state;
        let is_silent = by.behavior == VersioningBehavior::Unspecified;
        if !state.versioning.is_known && !state.versioning.is_in_transition() && is_silent {
            return false;
        }
        let before = (state.effective_version().cloned(), state.effective_behavior());
        let versioning = state.change_versioning();
        let has_arrived = versioning.transition.take_if(|target| target.as_ref() == by.version).is_some();
        versioning.is_known = true;
        versioning.behavior = by.behavior;
        versioning.version = if is_silent { None } else { by.version.cloned() };
        has_arrived || before != (state.effective_version().cloned(), state.effective_behavior())
    }

    /// Does what [`Self::show_versions`] does, and shares what is the same for other runs.
    pub(super) fn show_worker(
        &mut self,
        shown: &mut ShownBuild,
        stamp: Option<&WorkerVersionStamp>,
        used: Option<&WorkerDeploymentVersion>,
    ) {
        let is_shared = used.is_none()
            && self.state.has_no_versioning()
            && self.state.worker_deployment_name.is_empty()
            && self.state.search_attributes.is_empty();
        if is_shared && shown.stamp.as_ref() == stamp && !shown.attributes.is_empty() {
            self.state.search_attributes = shown.attributes.clone();
            return;
        }
        self.show_versions(stamp, used);
        if is_shared {
            *shown = ShownBuild { stamp: stamp.cloned(), attributes: self.state.search_attributes.clone() };
        }
    }

    /// Sets the search attributes that tell of the run's versions. `stamp` and `used` are those of the worker that has
    /// completed a workflow task, if one has.
    pub(super) fn show_versions(
        &mut self,
        stamp: Option<&WorkerVersionStamp>,
        used: Option<&WorkerDeploymentVersion>,
    ) {
        let state = &mut self.state;
        let behavior = state.stated_behavior();
        let version = state.versioning.version.clone();
        let mut builds = Vec::new();
        if behavior == VersioningBehavior::Unspecified && stamp.is_none_or(|stamp| !stamp.use_versioning) {
            builds.push(UNVERSIONED.to_owned());
        }
        if behavior == VersioningBehavior::Pinned {
            let version = version.as_ref().map(notation).unwrap_or_default();
            builds.push(format!("{PINNED}{version}"));
        }
        let build = stamp.map(build_of);
        let listed = state.listed(BUILD_IDS);
        let is_listed = build.as_ref().is_none_or(|build| listed.contains(build));
        builds.extend(listed.into_iter().filter(|build| build != UNVERSIONED && !build.starts_with(PINNED)));
        if !is_listed {
            builds.extend(build);
        }
        state.show_list(BUILD_IDS, builds);
        if let Some(used) = used.map(notation) {
            let mut versions = state.listed(USED_VERSIONS);
            if !versions.contains(&used) {
                versions.push(used);
            }
            state.show_list(USED_VERSIONS, versions);
        }
        let deployment = match &version {
            Some(version) => version.deployment_name.clone(),
            None => state.worker_deployment_name.to_string(),
        };
        state.show_keyword(DEPLOYMENT, deployment);
        state.show_keyword(VERSION, version.as_ref().map(notation).unwrap_or_default());
        let behavior = match behavior {
            VersioningBehavior::Unspecified => "",
            VersioningBehavior::Pinned => "Pinned",
            VersioningBehavior::AutoUpgrade => "AutoUpgrade",
        };
        state.show_keyword(VERSIONING_BEHAVIOR, behavior.to_owned());
    }
}

impl Transaction<'_> {
    /// A workflow task is about to go to a worker by way of a task queue, which knows that no version is current. A run
    /// that is pinned to one hears that it could go elsewhere, unless it has turned that down.
    pub(in crate::cluster) fn note_target_version(&mut self) {
        let state = &mut self.run.state;
        if state.options.versioning_override.is_some() {
            if state.versioning.target_changed || state.versioning.declined {
                let versioning = state.change_versioning();
                (versioning.target_changed, versioning.declined) = (false, false);
            }
        } else if state.pinned_version().is_some() && !state.versioning.declined {
            state.change_versioning().target_changed = true;
        }
    }

    /// Whether the worker that starts a workflow task is told that the run could go to another version.
    pub(super) fn target_version_has_changed(&self) -> bool {
        let state = &self.run.state;
        state.versioning.target_changed && state.effective_behavior() == VersioningBehavior::Pinned
    }

    /// A worker takes a task of the run: one that is not of the version that the run is at draws it to its own.
    pub(in crate::cluster) fn follow_worker(&mut self, version: Option<&WorkerDeploymentVersion>) {
        let state = &mut self.run.state;
        if state.effective_version() != version {
            let versioning = state.change_versioning();
            versioning.is_known = true;
            versioning.transition = Some(version.cloned());
            state.sticky = None;
        }
    }

    /// The version that the run's tasks go to has changed: puts those that wait on a task queue once more.
    pub(super) fn reschedule_tasks(&mut self) {
        self.run.state.sticky = None;
        if let Some(task) = self.run.state.workflow_task.as_mut().filter(|task| !task.is_started()) {
            task.stamp = self.shared.next_stamp();
            task.task_queue = self.run.info.normal_task_queue();
            self.dispatch_workflow_task();
        }
        self.reschedule_activities(Duration::ZERO);
    }

    /// Puts the tasks of waiting activities on a task queue once more. The time that a workflow task took for it does not
    /// count as time on a task queue.
    pub(super) fn reschedule_activities(&mut self, delay: Duration) {
        let waiting: Vec<_> = self.run.activities.iter().filter(|activity| !activity.is_started()).collect();
        let waiting: Vec<_> = waiting.into_iter().map(|activity| activity.scheduled_event_id).collect();
        for scheduled_event_id in waiting {
            self.reschedule_activity(scheduled_event_id, delay);
        }
    }
}

/// `deployment:build`
fn notation(version: &WorkerDeploymentVersion) -> String {
    format!("{}:{}", version.deployment_name, version.build_id)
}

/// `deployment.build`, as old clients know it.
pub(crate) fn old_notation(version: &WorkerDeploymentVersion) -> String {
    format!("{}.{}", version.deployment_name, version.build_id)
}

/// How the list of builds names the one of a stamp.
fn build_of(stamp: &WorkerVersionStamp) -> String {
    match (stamp.build_id.as_str(), stamp.use_versioning) {
        ("", _) => UNVERSIONED.to_owned(),
        (build, true) => format!("versioned:{build}"),
        (build, false) => format!("{UNVERSIONED}:{build}"),
    }
}

/// An override with what old clients look at.
fn for_old_clients(mut given: VersioningOverride) -> VersioningOverride {
    if given.r#override == Some(Override::AutoUpgrade(true)) {
        given.behavior = VersioningBehavior::AutoUpgrade as i32;
    }
    given
}
