//! Which versioning overrides are taken.
//!
//! An override that names a version is refused in the words that the server has for a version which no worker of the task
//! queue has.

use temporalio_common::protos::temporal::api::{
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::VersioningBehavior,
    workflow::v1::{
        VersioningOverride, versioning_override::Override, versioning_override::PinnedOverrideBehavior,
    },
};

use crate::cluster::error::Error;

/// Checks a versioning override for a run whose workers poll `task_queue`.
///
/// # Errors
///
/// INVALID_ARGUMENT if it contradicts itself, FAILED_PRECONDITION if it names a version, UNIMPLEMENTED if it names a
/// deployment in the manner of old clients.
pub(crate) fn check_override(
    versioning_override: Option<&VersioningOverride>,
    task_queue: &str,
) -> Result<(), Error> {
    let Some(given) = versioning_override else { return Ok(()) };
    let invalid = |text: &str| Err(Error::invalid_argument(text));
    match &given.r#override {
        Some(Override::AutoUpgrade(true)) => return Ok(()),
        Some(Override::AutoUpgrade(false)) => return invalid("auto-upgrade override must be true"),
        Some(Override::Pinned(pinned)) => {
            let Some(version) = &pinned.version else {
                return invalid("must provide version if override is pinned.");
            };
            if pinned.behavior() == PinnedOverrideBehavior::Unspecified {
                return invalid("must specify pinned override behavior if override is pinned.");
            }
            return Err(absent(version, task_queue));
        }
        Some(Override::OneTime(one_time)) => {
            let Some(version) = &one_time.target_deployment_version else {
                return invalid("must provide target deployment version if override is one-time.");
            };
            return Err(absent(version, task_queue));
        }
        None => {}
    }
    match given.behavior() {
        VersioningBehavior::Unspecified => invalid("override behavior is required"),
        VersioningBehavior::AutoUpgrade if given.deployment.is_some() => {
            invalid("only provide deployment if behavior is 'PINNED'")
        }
        VersioningBehavior::AutoUpgrade if !given.pinned_version.is_empty() => {
            invalid("only provide pinned version if behavior is 'PINNED'")
        }
        VersioningBehavior::AutoUpgrade => Ok(()),
        VersioningBehavior::Pinned if given.deployment.is_some() => {
            Err(Error::unimplemented("a versioning override with a deployment"))
        }
        VersioningBehavior::Pinned => match given.pinned_version.split_once('.') {
            Some((deployment_name, build_id)) => {
                let version = WorkerDeploymentVersion {
                    deployment_name: deployment_name.to_owned(),
                    build_id: build_id.to_owned(),
                };
                Err(absent(&version, task_queue))
            }
            None if given.pinned_version.is_empty() => {
                invalid("must provide deployment (deprecated) or pinned version if behavior is 'PINNED'")
            }
            None => Err(Error::invalid_argument(format!(
                "invalid version string {:?}, expected format is \"<deployment_name>.<build_id>\"",
                given.pinned_version
            ))),
        },
    }
}

/// The override as events have it: what old clients say is said in the manner of new ones.
pub(crate) fn normalised(given: VersioningOverride) -> VersioningOverride {
    if given.r#override.is_none() && given.behavior() == VersioningBehavior::AutoUpgrade {
        return VersioningOverride { r#override: Some(Override::AutoUpgrade(true)), ..Default::default() };
    }
    given
}

fn absent(version: &WorkerDeploymentVersion, task_queue: &str) -> Error {
    Error::failed_precondition(format!(
        "Pinned version '{}:{}' is not present in task queue '{task_queue}' of type 'Workflow'",
        version.deployment_name, version.build_id
    ))
}
