//! The options of a run that a client can change while it is open: priority and versioning override.
//!
//! A change is an event, which no worker has to see: it schedules no workflow task. A change that changes nothing leaves
//! no event.
//!
//! | file | what it answers |
//! |---|---|
//! | `request` | who may change what, and what the caller is told |
//! | `mask` | which options a request means, and what they become |
//! | `versioning` | which versioning overrides are taken |

mod mask;
mod request;
mod versioning;

pub(super) use mask::check_change;
pub(crate) use versioning::{check_override, normalised as normalised_override};

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::Priority,
    enums::v1::{EventType, IndexedValueType, VersioningBehavior},
    history::v1::{
        WorkflowExecutionOptionsUpdatedEventAttributes as OptionsUpdated,
        WorkflowExecutionStartedEventAttributes,
    },
    workflow::v1::{
        VersioningOverride, WorkflowExecutionOptions, WorkflowExecutionVersioningInfo,
        versioning_override::Override,
    },
};

use super::{MutableState, Run, state::AttachedRequest};
use crate::cluster::search_attributes::Value;

/// The search attribute that says how a run with a versioning override moves from version to version.
const VERSIONING_BEHAVIOR: &str = "TemporalWorkflowVersioningBehavior";
/// The search attribute that names the deployment of a run's worker.
const DEPLOYMENT: &str = "TemporalWorkerDeployment";
/// The search attribute that lists the builds of a run's workers.
const BUILD_IDS: &str = "BuildIds";
/// Stands in that list for workers that go by no version.
pub(super) const UNVERSIONED: &str = "unversioned";

/// The options of a run as they are at present.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExecutionOptions {
    pub(crate) priority: Option<Priority>,
    /// Which version of the workers it goes to, whatever they say themselves.
    pub(crate) versioning_override: Option<VersioningOverride>,
    /// Whether there ever was an override.
    has_versioning: bool,
}

impl ExecutionOptions {
    /// The options with which a run starts.
    pub(super) fn of(started: &WorkflowExecutionStartedEventAttributes) -> Self {
        Self {
            priority: started.priority.clone(),
            versioning_override: started.versioning_override.clone(),
            has_versioning: started.versioning_override.is_some(),
        }
    }

    /// The options as a client sees them.
    fn to_proto(&self) -> WorkflowExecutionOptions {
        WorkflowExecutionOptions {
            versioning_override: self.versioning_override.clone(),
            priority: self.priority.clone(),
            ..Default::default()
        }
    }

    /// What DescribeWorkflowExecution tells of the version that the run goes to.
    pub(crate) fn describe_versioning(&self) -> Option<WorkflowExecutionVersioningInfo> {
        self.has_versioning.then(|| WorkflowExecutionVersioningInfo {
            versioning_override: self.versioning_override.clone().map(|mut given| {
                if given.r#override == Some(Override::AutoUpgrade(true)) {
                    // Old clients look here.
                    given.behavior = VersioningBehavior::AutoUpgrade as i32;
                }
                given
            }),
            ..Default::default()
        })
    }
}

impl Run {
    /// Changes the options as their event says. `event_id` is `None` while the event is held back.
    pub(in crate::cluster) fn apply_options_updated(
        &mut self,
        updated: &OptionsUpdated,
        event_id: Option<i64>,
    ) {
        if !updated.attached_request_id.is_empty() {
            let attached =
                AttachedRequest { event_type: EventType::WorkflowExecutionOptionsUpdated, event_id };
            Arc::make_mut(&mut self.state.request_ids).insert(updated.attached_request_id.clone(), attached);
        }
        if updated.priority.is_some() {
            // A priority can be replaced, but not taken away.
            Arc::make_mut(&mut self.state.options).priority.clone_from(&updated.priority);
        }
        if updated.unset_versioning_override || updated.versioning_override.is_some() {
            let options = Arc::make_mut(&mut self.state.options);
            let had_versioning = options.has_versioning;
            options.versioning_override.clone_from(&updated.versioning_override);
            options.has_versioning |= updated.versioning_override.is_some();
            if had_versioning || options.has_versioning {
                self.show_versioning();
            }
        }
    }

    /// Sets the search attributes that say to which version the run goes. A run with an override is not unversioned.
    pub(super) fn show_versioning(&mut self) {
        let state = &mut self.state;
        let attributes = Arc::make_mut(&mut state.search_attributes);
        if state.options.versioning_override.is_some() {
            let behavior = Value::String("AutoUpgrade".to_owned()).encode(IndexedValueType::Keyword);
            attributes.insert(VERSIONING_BEHAVIOR.to_owned(), behavior);
        } else {
            attributes.remove(VERSIONING_BEHAVIOR);
        }
        let mut builds = self.state.builds();
        builds.retain(|build| build != UNVERSIONED);
        if self.state.options.versioning_override.is_none() {
            builds.insert(0, UNVERSIONED.to_owned());
        }
        self.state.set_builds(builds);
    }
}

impl Run {
    /// Notes to which deployment the worker belongs that completed the last workflow task, and shows it.
    pub(super) fn show_deployment(&mut self, name: &str) {
        if *self.state.worker_deployment_name == *name {
            return;
        }
        self.state.worker_deployment_name = name.into();
        let attributes = Arc::make_mut(&mut self.state.search_attributes);
        if name.is_empty() {
            attributes.remove(DEPLOYMENT);
        } else {
            let payload = Value::String(name.to_owned()).encode(IndexedValueType::Keyword);
            attributes.insert(DEPLOYMENT.to_owned(), payload);
        }
    }
}

impl MutableState {
    /// The builds of the workers that have completed workflow tasks of the run, as its search attribute lists them.
    pub(super) fn builds(&self) -> Vec<String> {
        self.search_attributes
            .get(BUILD_IDS)
            .and_then(|payload| serde_json::from_slice(&payload.data).ok())
            .unwrap_or_default()
    }

    /// Whether the search attribute lists any.
    pub(super) fn has_builds(&self) -> bool {
        self.search_attributes.contains_key(BUILD_IDS)
    }

    /// Sets the search attribute that lists the builds.
    pub(super) fn set_builds(&mut self, builds: Vec<String>) {
        let attributes = Arc::make_mut(&mut self.search_attributes);
        if builds.is_empty() {
            attributes.remove(BUILD_IDS);
        } else {
            let payload = Value::KeywordList(builds).encode(IndexedValueType::KeywordList);
            attributes.insert(BUILD_IDS.to_owned(), payload);
        }
    }
}
