//! The files: a program of calls, and the transcript that a real server gave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use temporal_sim::Limits;

/// A case: what to call, in which order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The rule of the server that this pins.
    pub(crate) doc: String,
    /// What to do, one after the other.
    pub(crate) steps: Vec<Step>,
    /// Workflow ids whose runs are fetched at the end.
    #[serde(default)]
    pub(crate) histories: Vec<String>,
    /// Settings of the server's dynamic configuration that are not the default ones, by name.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, Value>,
    /// JSON keys in which a correct server may differ.
    #[serde(default)]
    pub(crate) ignore: BTreeSet<String>,
}

impl Case {
    /// What its configuration makes of the limits.
    pub(crate) fn limits(&self) -> Result<Limits, String> {
        let mut limits = Limits::default();
        for (name, value) in &self.config {
            let wrong = || format!("{name} cannot be set to {value}");
            let number = || value.as_u64().and_then(|number| usize::try_from(number).ok()).ok_or_else(wrong);
            let switch = || value.as_bool().ok_or_else(wrong);
            match name.as_str() {
                "frontend.WorkflowPauseEnabled" => limits.workflow_pause = switch()?,
                "frontend.enableCancelWorkerPollsOnShutdown" => limits.cancel_polls_on_shutdown = switch()?,
                "limit.mutableStateSize.error" => limits.mutable_state_size = number()?,
                "limit.historyCount.error" => limits.history_count = value.as_i64().ok_or_else(wrong)?,
                "limit.historyCount.suggestContinueAsNew" => {
                    limits.history_count_suggest_continue_as_new = value.as_i64().ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(limits)
    }
}

/// One step of a case.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    /// What happens.
    #[serde(flatten)]
    pub(crate) action: Action,
    /// Under which name the answer is saved.
    #[serde(rename = "as")]
    pub(crate) name: Option<String>,
    /// Whether the answer stays out of the transcript.
    #[serde(default)]
    pub(crate) unrecorded: bool,
}

/// What a step does. The variants are told apart by their fields.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Action {
    /// Lets time pass.
    Sleep {
        /// How much of it.
        #[serde(deserialize_with = "seconds")]
        sleep: Duration,
    },
    /// Waits for the answer of a call that was begun.
    Await {
        /// The name under which it was begun.
        r#await: String,
    },
    /// Starts a call and goes on without its answer.
    Begin {
        /// The name to wait for it.
        begin: String,
        /// The head start that the call has before the next step.
        #[serde(default = "head_start", deserialize_with = "seconds")]
        settle: Duration,
        /// What is called.
        #[serde(flatten)]
        call: Call,
    },
    /// Calls again and again until a field of the answer has a value.
    Eventually {
        /// What is called.
        eventually: Call,
        /// The path of the field.
        path: String,
        /// Its value.
        equals: Value,
    },
    /// Calls and waits for the answer.
    Call(Call),
}

/// A call of an RPC.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Call {
    /// The name of the RPC.
    pub(crate) rpc: String,
    /// The request in proto JSON, with the placeholders of [`crate::template`].
    #[serde(default = "empty")]
    pub(crate) request: Value,
    #[serde(default)]
    service: ServiceName,
    deadline: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ServiceName {
    #[default]
    Workflow,
    Operator,
}

impl Call {
    /// Whether the call waits for something to turn up.
    pub(crate) fn is_poll(&self) -> bool {
        self.rpc.starts_with("Poll")
    }

    /// The full name of the service.
    pub(crate) fn service(&self) -> &'static str {
        match self.service {
            ServiceName::Workflow => "temporal.api.workflowservice.v1.WorkflowService",
            ServiceName::Operator => "temporal.api.operatorservice.v1.OperatorService",
        }
    }

    /// How long the caller waits: 3 s for polls and 10 s for others, unless the case says it.
    ///
    /// # Errors
    ///
    /// If the case says something that is no number of seconds.
    pub(crate) fn deadline(&self) -> Result<Duration, String> {
        match &self.deadline {
            Some(text) => parse_seconds(text),
            None if self.is_poll() => Ok(Duration::from_secs(3)),
            None => Ok(Duration::from_secs(10)),
        }
    }
}

/// A case on disk.
#[derive(Debug)]
pub(crate) struct CaseFile {
    /// `area/name`.
    pub(crate) name: String,
    path: PathBuf,
    expected: PathBuf,
}

impl CaseFile {
    /// Reads the case.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is no case.
    pub(crate) fn case(&self) -> Result<Case, String> {
        read(&self.path)
    }

    /// Reads what a real server answered.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn expected(&self) -> Result<Value, String> {
        read(&self.expected)
    }
}

/// All cases in a folder of areas, by name. The folder `expected` lies beside it.
///
/// # Errors
///
/// If the folder cannot be read or has no cases.
pub(crate) fn find(cases: &Path) -> Result<Vec<CaseFile>, String> {
    let mut found = Vec::new();
    for area in entries(cases)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&area)?.into_iter().filter(|path| path.extension().is_some_and(|it| it == "json"))
        {
            let file = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{}/{}", file(&area), file(&path));
            let expected = cases.with_file_name("expected").join(format!("{name}.json"));
            found.push(CaseFile { name, path, expected });
        }
    }
    if found.is_empty() {
        return Err(format!("no cases in {}: expected <area>/<name>.json", cases.display()));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let problem = |error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        paths.push(entry.map_err(problem)?.path());
    }
    Ok(paths)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_seconds(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// `1.5s`
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    number
        .and_then(|number| Duration::try_from_secs_f64(number).ok())
        .ok_or_else(|| format!("`{text}` is no duration such as `1.5s`"))
}

fn head_start() -> Duration {
    Duration::from_millis(200)
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}
