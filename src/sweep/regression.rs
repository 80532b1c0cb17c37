//! Failures that are kept: a seed, an input and a plan, as a small JSON file.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

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
    /// Its input, if the sweep has inputs; `null` otherwise.
    #[serde(default)]
    pub input: Value,
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
        Self { seed, input: Value::Null, schedule, until, faults }
    }

    /// The same with an input.
    #[must_use]
    pub fn with_input(self, input: Value) -> Self {
        Self { input, ..self }
    }

    /// The plan of the run.
    pub fn plan(&self) -> Plan {
        let Self { schedule, until, faults, .. } = self.clone();
        Plan { schedule, until, faults }
    }

    /// As JSON: the elements of an input that is a list, and the faults, one a line.
    pub fn to_json(&self) -> String {
        let mut fields = vec![format!("  \"seed\": {}", self.seed)];
        match &self.input {
            Value::Null => {}
            Value::Array(values) if !values.is_empty() => {
                let lines: Vec<_> = values.iter().map(Value::to_string).collect();
                fields.push(format!("  \"input\": [\n    {}\n  ]", lines.join(",\n    ")));
            }
            other => fields.push(format!("  \"input\": {other}")),
        }
        fields.extend(self.plan().json_fields());
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

    /// The input as the sweep has it.
    pub(super) fn typed_input<I: DeserializeOwned>(&self) -> Result<I, serde_json::Error> {
        I::deserialize(&self.input)
    }
}

/// The name of the file for a failure of the test that runs on this thread.
pub(super) fn file_name(seed: u64) -> String {
    let thread = thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("sweep");
    format!("{}-{seed}", test.replace("::", "-"))
}
