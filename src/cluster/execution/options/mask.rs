//! The field mask of a change: which options it means.

use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionOptions;

use crate::cluster::error::Error;

/// The options that there are.
const PATHS: &[&str] = &[
    "versioning_override",
    "versioning_override.auto_upgrade",
    "versioning_override.behavior",
    "versioning_override.deployment",
    "versioning_override.deployment.build_id",
    "versioning_override.deployment.series_name",
    "versioning_override.one_time",
    "versioning_override.one_time.target_deployment_version",
    "versioning_override.pinned",
    "versioning_override.pinned.behavior",
    "versioning_override.pinned.version",
    "versioning_override.pinned_version",
    "priority",
    "priority.priority_key",
    "priority.fairness_key",
    "priority.fairness_weight",
    "time_skipping_config",
    "time_skipping_config.enabled",
];

/// Refuses a path that leads to no option.
pub(super) fn check(paths: &[String]) -> Result<(), Error> {
    match unknown(paths) {
        Some(path) => {
            Err(Error::invalid_argument(format!("error parsing UpdateMask: {}", invalid_path(path))))
        }
        None => Ok(()),
    }
}

fn unknown(paths: &[String]) -> Option<&String> {
    paths.iter().find(|path| !PATHS.contains(&path.as_str()))
}

fn invalid_path(path: &str) -> String {
    format!(
        "proto:\u{a0}invalid path {path:?} for message \"temporal.api.workflow.v1.WorkflowExecutionOptions\""
    )
}

/// Refuses a change that could not be made, whatever the options are at present.
pub(in crate::cluster::execution) fn check_change(
    changes: &WorkflowExecutionOptions,
    paths: &[String],
) -> Result<(), Error> {
    if let Some(path) = unknown(paths) {
        return Err(Error::invalid_argument(format!(
            "error applying update_options: {}",
            invalid_path(path)
        )));
    }
    merge(&mut WorkflowExecutionOptions::default(), changes, paths)
}

/// Puts the options that the mask means into those that a run has.
///
/// # Errors
///
/// INVALID_ARGUMENT if the mask means a part of what can be changed as a whole only.
pub(super) fn merge(
    into: &mut WorkflowExecutionOptions,
    from: &WorkflowExecutionOptions,
    paths: &[String],
) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::invalid_argument(format!("error applying update_options: {text}")));
    let has = |path: &str| paths.iter().any(|given| given == path);
    let (deployment, behavior) = (has("versioning_override.deployment"), has("versioning_override.behavior"));
    if deployment != behavior {
        return refuse("versioning_override fields must be updated together");
    }
    for path in paths {
        let part = || from.priority.clone().unwrap_or_default();
        match path.split_once('.').unwrap_or((path, "")) {
            ("versioning_override", "" | "deployment" | "behavior") => {
                into.versioning_override.clone_from(&from.versioning_override);
            }
            ("versioning_override", _) => {
                return refuse("versioning_override doesn't support partial updates");
            }
            ("priority", "") => into.priority.clone_from(&from.priority),
            ("priority", "priority_key") => {
                into.priority.get_or_insert_default().priority_key = part().priority_key;
            }
            ("priority", "fairness_key") => {
                into.priority.get_or_insert_default().fairness_key = part().fairness_key;
            }
            ("priority", "fairness_weight") => {
                into.priority.get_or_insert_default().fairness_weight = part().fairness_weight;
            }
            ("time_skipping_config", part) if !part.is_empty() => {
                return refuse("time_skipping_config doesn't support partial update");
            }
            _ => {}
        }
    }
    Ok(())
}
