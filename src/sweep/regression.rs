//! Failures that are kept: a seed and a plan, as a small JSON file.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    faults::{Fault, InvalidPlan, Plan, read_json},
    policy::serde_text,
    schedule::Schedule,
};

/// A run that failed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// Its seed.
    pub seed: u64,
    /// What went first of what happened at the same instant, if that was not left to the simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// From when on nothing went wrong any more.
    #[serde(default, with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<Duration>,
    /// What went wrong in it.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

impl Regression {
    /// The run with this seed and this plan.
    pub fn new(seed: u64, plan: Plan) -> Self {
        let Plan { schedule, until, faults } = plan;
        Self { seed, schedule, until, faults }
    }

    /// The plan of the run.
    pub fn plan(&self) -> Plan {
        let Self { schedule, until, faults, .. } = self.clone();
        Plan { schedule, until, faults }
    }

    /// As JSON, one fault a line.
    pub fn to_json(&self) -> String {
        let seed = format!("  \"seed\": {}", self.seed);
        let fields: Vec<_> = std::iter::once(seed).chain(self.plan().json_fields()).collect();
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }

    /// Reads one from JSON.
    ///
    /// # Errors
    ///
    /// If it is none; the error says where.
    pub fn from_json(json: &str) -> Result<Self, InvalidPlan> {
        read_json("the regression", json)
    }

    /// Reads all JSON files of a folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// If one cannot be read or is no regression.
    pub fn load_all(folder: impl AsRef<Path>) -> Result<Vec<(PathBuf, Self)>, InvalidPlan> {
        let folder = folder.as_ref();
        let in_file = |path: &Path, source| InvalidPlan::File { path: path.display().to_string(), source };
        let entries = fs::read_dir(folder).map_err(|source| in_file(folder, source))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|source| in_file(folder, source))?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths
            .into_iter()
            .map(|path| {
                let json = fs::read_to_string(&path).map_err(|source| in_file(&path, source))?;
                let regression = read_json(&path.display().to_string(), &json)?;
                Ok((path, regression))
            })
            .collect()
    }
}

/// The name of the file for a failure of the test that runs on this thread.
pub(super) fn file_name(seed: u64) -> String {
    let thread = thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("sweep");
    format!("{}-{seed}", test.replace("::", "-"))
}
