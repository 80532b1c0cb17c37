//! The versions by which workers go.

use temporalio_common::protos::temporal::api::{
    common::v1::{WorkerVersionCapabilities, WorkerVersionStamp},
    deployment::v1::{WorkerDeploymentOptions, WorkerDeploymentVersion},
    enums::v1::WorkerVersioningMode,
};

use crate::cluster::{Error, limits::Limits};

/// How long a build id may be, in bytes.
const LONGEST_BUILD_ID: usize = 255;

/// For which workers a task is, and which tasks a worker asks for. Tasks and workers of different versions do not meet, even
/// at the same task queue. A sticky queue has no versions: it is one worker's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum WorkerVersion {
    /// Workers that go by no version.
    #[default]
    None,
    /// A version of a worker deployment.
    Deployment {
        /// The deployment.
        name: String,
        /// The version of it.
        build_id: String,
    },
    /// Workers that go by a build id alone. The sets of compatible builds by which a server finds them are not there, so
    /// they get no task.
    Build(String),
    /// For a run whose worker went by a build id alone: nobody gets its tasks.
    Nobody,
}

impl WorkerVersion {
    /// What workers that go by a build id alone say of themselves.
    pub(super) fn capabilities(&self) -> Option<WorkerVersionCapabilities> {
        let Self::Build(build_id) = self else { return None };
        let build_id = build_id.clone();
        Some(WorkerVersionCapabilities { build_id, use_versioning: true, ..Default::default() })
    }

    /// What workers of a worker deployment say of themselves.
    pub(super) fn options(&self) -> Option<WorkerDeploymentOptions> {
        let Self::Deployment { name, build_id } = self else { return None };
        Some(WorkerDeploymentOptions {
            deployment_name: name.clone(),
            build_id: build_id.clone(),
            worker_versioning_mode: WorkerVersioningMode::Versioned as i32,
        })
    }

    /// A version of a worker deployment.
    pub(crate) fn of(version: &WorkerDeploymentVersion) -> Self {
        Self::Deployment { name: version.deployment_name.clone(), build_id: version.build_id.clone() }
    }
}

/// The version that a worker says it has, if it goes by one.
///
/// # Errors
///
/// INVALID_ARGUMENT if it does not say which one.
pub(crate) fn deployment_version(
    worker: Option<&WorkerDeploymentOptions>,
) -> Result<Option<WorkerDeploymentVersion>, Error> {
    let is_versioned =
        |it: &&WorkerDeploymentOptions| it.worker_versioning_mode() == WorkerVersioningMode::Versioned;
    let Some(worker) = worker.filter(is_versioned) else { return Ok(None) };
    if worker.deployment_name.is_empty() || worker.build_id.is_empty() {
        return Err(Error::invalid_argument("Deployment name and build id must be set together."));
    }
    Ok(Some(WorkerDeploymentVersion {
        deployment_name: worker.deployment_name.clone(),
        build_id: worker.build_id.clone(),
    }))
}

/// What a worker that polls says of itself, and for which tasks it asks.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) version: Option<WorkerDeploymentVersion>,
    pub(super) stamp: Option<WorkerVersionStamp>,
    pub(super) workers: WorkerVersion,
}

/// Checks what a worker that polls says of its version.
///
/// # Errors
///
/// INVALID_ARGUMENT if that is no version.
pub(super) fn asked_for(
    limits: &Limits,
    worker: Option<&WorkerDeploymentOptions>,
    capabilities: Option<&WorkerVersionCapabilities>,
) -> Result<Asked, Error> {
    let by_build = capabilities.filter(|it| it.use_versioning);
    if by_build.is_some_and(|it| it.build_id.is_empty()) {
        return Err(Error::invalid_argument("WorkerVersionStamp must be present if UseVersioning is true."));
    }
    if capabilities.is_some_and(|it| it.build_id.len() > LONGEST_BUILD_ID) {
        return Err(Error::invalid_argument(
            "Build ID exceeds configured limit.workerBuildIdSize, use a shorter build ID.",
        ));
    }
    let version = deployment_version(worker)?;
    if let Some(version) = &version {
        check_part(limits, "WorkerDeploymentName", &version.deployment_name)?;
        check_part(limits, "BuildID", &version.build_id)?;
    }
    let workers = match (&version, by_build) {
        (Some(version), _) => WorkerVersion::of(version),
        (None, Some(build)) => WorkerVersion::Build(build.build_id.clone()),
        (None, None) => WorkerVersion::None,
    };
    let stamp = capabilities.filter(|it| version.is_none() && !it.build_id.is_empty());
    let stamp = stamp
        .map(|it| WorkerVersionStamp { build_id: it.build_id.clone(), use_versioning: it.use_versioning });
    Ok(Asked { version, stamp, workers })
}

fn check_part(limits: &Limits, part: &str, text: &str) -> Result<(), Error> {
    /// What a server puts around and between the parts in the id of a workflow of its own.
    const FRAME: usize = 39;
    let refuse = |text: String| Err(Error::invalid_argument(text));
    if text.len() > limits.id_length.saturating_sub(FRAME) / 2 {
        return refuse(format!("size of {part} larger than the maximum allowed"));
    }
    let separator = ['.', ':'].into_iter().find(|separator| text.contains(*separator));
    if let Some(separator) = separator.filter(|_| part == "WorkerDeploymentName") {
        return refuse(format!("worker deployment name cannot contain '{separator}'"));
    }
    if text.starts_with("__") {
        return refuse(format!("{part} cannot start with '__'"));
    }
    Ok(())
}
