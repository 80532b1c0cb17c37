//! Plans: lists of faults.

use std::{fmt, fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    policy::{serde_text, text},
    schedule::{MAX_DEPTH, Pct, Schedule},
};

use super::{
    ActivityEffect, ActivityFault, CallEffect, CallFault, Callers, ClockStep, Eviction, LocalActivityEffect,
    LocalActivityFault, Outage, Stall, StalledQueue, When, WorkerDown, WorkflowTaskEffect, WorkflowTaskFault,
    clock_step::FARTHEST,
};

/// What goes wrong in a simulation. Give it to [`Builder::faults`](crate::Builder::faults).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What goes first of what happens at the same instant; `None` leaves it to
    /// [`Builder::schedule`](crate::Builder::schedule).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// From when on nothing goes wrong any more, counted from the start of the simulation; `None` if there is no end but
    /// that of the faults themselves.
    #[serde(default, with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<Duration>,
    /// The faults. If several concern the same thing, the first decides.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// With attempts of an activity.
    Activity(ActivityFault),
    /// With the system that an activity calls.
    Outage(Outage),
    /// A worker crashes.
    WorkerDown(WorkerDown),
    /// A worker forgets its workflows.
    Eviction(Eviction),
    /// With workflow tasks.
    WorkflowTask(WorkflowTaskFault),
    /// With calls.
    Call(CallFault),
    /// With attempts of a local activity.
    LocalActivity(LocalActivityFault),
    /// The polls of a worker do not get through.
    Stall(Stall),
    /// The clock of the cluster is set forward.
    ClockStep(ClockStep),
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlan {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The JSON is no plan.
    #[error("{origin}: not a plan of faults, at {place}: {source}")]
    Json {
        /// The file, or what else was read.
        origin: String,
        /// Where in the plan.
        place: String,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// A fault is about a worker that the simulation does not have.
    #[error(
        "the plan speaks of worker {worker}, and the simulation has {workers}; the first one is worker 0"
    )]
    NoSuchWorker {
        /// The number in the plan.
        worker: usize,
        /// How many workers there are.
        workers: usize,
    },
    /// The clock is set forward too far.
    #[error("the clock steps of the plan are {sum} together: at most 100 years are possible")]
    ClockSteps {
        /// How far they go together.
        sum: String,
    },
    /// Probabilistic concurrency testing of no sense.
    #[error("the schedule looks for mistakes made of {depth} orderings: `depth` goes from 1 to {MAX_DEPTH}")]
    Depth {
        /// The depth in the plan.
        depth: u32,
    },
}

impl Plan {
    /// A plan of these faults.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), ..Self::default() }
    }

    /// The same with a schedule: what goes first of what happens at the same instant.
    #[must_use]
    pub fn scheduled(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// The same, with nothing that goes wrong from this time on, counted from the start of the simulation.
    #[must_use]
    pub fn ending(self, until: Duration) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    ///
    /// If it is none; the error says where.
    pub fn from_json(json: &str) -> Result<Self, InvalidPlan> {
        read_json("the plan", json)
    }

    /// The plan as JSON, one fault a line.
    pub fn to_json(&self) -> String {
        format!("{{\n{}\n}}\n", self.json_fields().join(",\n"))
    }

    /// The fields of the plan as JSON, indented.
    pub(crate) fn json_fields(&self) -> Vec<String> {
        let json = |value: serde_json::Result<String>| value.expect("a plan is plain data with string keys");
        let mut fields = Vec::new();
        if let Some(schedule) = &self.schedule {
            fields.push(format!("  \"schedule\": {}", json(serde_json::to_string(schedule))));
        }
        if let Some(until) = self.until {
            fields.push(format!("  \"until\": {}", json(serde_json::to_string(&text(until)))));
        }
        let lines = self.faults.iter().map(|fault| json(serde_json::to_string(fault))).collect::<Vec<_>>();
        fields.push(match lines.as_slice() {
            [] => "  \"faults\": []".to_owned(),
            lines => format!("  \"faults\": [\n    {}\n  ]", lines.join(",\n    ")),
        });
        fields
    }

    /// Reads a plan from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no plan.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, InvalidPlan> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let json =
            fs::read_to_string(path).map_err(|source| InvalidPlan::File { path: origin.clone(), source })?;
        read_json(&origin, &json)
    }

    /// Writes the plan to a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), InvalidPlan> {
        let path = path.as_ref();
        fs::write(path, self.to_json())
            .map_err(|source| InvalidPlan::File { path: path.display().to_string(), source })
    }

    /// Checks that a simulation with so many workers can have this plan.
    pub(crate) fn check(&self, workers: usize) -> Result<(), InvalidPlan> {
        if let Some(Schedule::Pct(Pct { depth, .. })) = self.schedule
            && !(1..=MAX_DEPTH).contains(&depth)
        {
            return Err(InvalidPlan::Depth { depth });
        }
        let mut steps = Duration::ZERO;
        for fault in &self.faults {
            match fault {
                Fault::WorkerDown(WorkerDown { worker, .. })
                | Fault::Eviction(Eviction { worker, .. })
                | Fault::Stall(Stall { worker, .. })
                    if *worker >= workers =>
                {
                    return Err(InvalidPlan::NoSuchWorker { worker: *worker, workers });
                }
                Fault::ClockStep(ClockStep { by, .. }) => steps = steps.saturating_add(*by),
                _ => {}
            }
        }
        if steps > FARTHEST {
            return Err(InvalidPlan::ClockSteps { sum: text(steps) });
        }
        Ok(())
    }
}

impl Fault {
    /// Something goes wrong with attempts of an activity of this type.
    pub fn activity(activity_type: impl Into<String>, when: When, effect: ActivityEffect) -> Self {
        Self::Activity(ActivityFault { activity_type: Some(activity_type.into()), when, effect })
    }

    /// A worker crashes at this time, counted from the start, and is away for so long.
    pub fn worker_down(worker: usize, at: Duration, lasts: Duration) -> Self {
        Self::WorkerDown(WorkerDown { worker, at, lasts })
    }

    /// A worker forgets its workflows at this time, counted from the start.
    pub fn eviction(worker: usize, at: Duration) -> Self {
        Self::Eviction(Eviction { worker, at })
    }

    /// Something goes wrong with workflow tasks of workflows of this type.
    pub fn workflow_task(workflow_type: impl Into<String>, when: When, effect: WorkflowTaskEffect) -> Self {
        Self::WorkflowTask(WorkflowTaskFault { workflow_type: Some(workflow_type.into()), when, effect })
    }

    /// Something goes wrong with calls of this RPC, whoever calls.
    pub fn call(rpc: impl Into<String>, when: When, effect: CallEffect) -> Self {
        Self::Call(CallFault { rpc: Some(rpc.into()), callers: Callers::Any, when, effect })
    }

    /// Something goes wrong with attempts of a local activity of this type.
    pub fn local_activity(activity_type: impl Into<String>, when: When, effect: LocalActivityEffect) -> Self {
        Self::LocalActivity(LocalActivityFault { activity_type: Some(activity_type.into()), when, effect })
    }

    /// The polls of a worker for these tasks do not get through from this time on, counted from the start, for so long.
    pub fn stall(worker: usize, queue: StalledQueue, at: Duration, lasts: Duration) -> Self {
        Self::Stall(Stall { worker, queue, at, lasts })
    }

    /// The clock of the cluster is set forward at this time, counted from the start, by so much.
    pub fn clock_step(at: Duration, by: Duration) -> Self {
        Self::ClockStep(ClockStep { at, by })
    }

    /// The name of its kind, as JSON spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Activity(_) => "activity",
            Self::Outage(_) => "outage",
            Self::WorkerDown(_) => "worker_down",
            Self::Eviction(_) => "eviction",
            Self::WorkflowTask(_) => "workflow_task",
            Self::Call(_) => "call",
            Self::LocalActivity(_) => "local_activity",
            Self::Stall(_) => "stall",
            Self::ClockStep(_) => "clock_step",
        }
    }

    /// Its kind and what it does, as JSON spells them: `activity lose_answer`. There is no more to say of most kinds than
    /// that: `eviction`.
    pub fn name(&self) -> String {
        match self.effect() {
            Some(effect) => format!("{} {effect}", self.kind()),
            None => self.kind().to_owned(),
        }
    }

    /// What it does, for kinds of which it can do several things.
    fn effect(&self) -> Option<&'static str> {
        Some(match self {
            Self::Activity(fault) => match fault.effect {
                ActivityEffect::Fail(_) => "fail",
                ActivityEffect::FailAfterwards(_) => "fail_afterwards",
                ActivityEffect::Slow { .. } => "slow",
                ActivityEffect::Hang => "hang",
                ActivityEffect::LoseHeartbeats => "lose_heartbeats",
                ActivityEffect::LoseAnswer => "lose_answer",
                ActivityEffect::AnswerLate { .. } => "answer_late",
                ActivityEffect::AnswerTwice => "answer_twice",
            },
            Self::LocalActivity(fault) => match fault.effect {
                LocalActivityEffect::Fail(_) => "fail",
                LocalActivityEffect::FailAfterwards(_) => "fail_afterwards",
                LocalActivityEffect::Slow { .. } => "slow",
                LocalActivityEffect::Hang => "hang",
                LocalActivityEffect::LoseWorker => "lose_worker",
            },
            Self::WorkflowTask(fault) => match fault.effect {
                WorkflowTaskEffect::Lose => "lose",
                WorkflowTaskEffect::Fail => "fail",
            },
            Self::Call(fault) => match fault.effect {
                CallEffect::Refuse(_) => "refuse",
                CallEffect::LoseAnswer(_) => "lose_answer",
                CallEffect::Delay { .. } => "delay",
                CallEffect::Twice => "twice",
                CallEffect::Repeat { .. } => "repeat",
                CallEffect::Overtaken { .. } => "overtaken",
            },
            Self::Outage(_)
            | Self::WorkerDown(_)
            | Self::Eviction(_)
            | Self::Stall(_)
            | Self::ClockStep(_) => {
                return None;
            }
        })
    }
}

impl From<Outage> for Fault {
    fn from(outage: Outage) -> Self {
        Self::Outage(outage)
    }
}

/// The plan as JSON.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Reads a plan, or something with a plan in it. `origin` says where the text is from.
pub(crate) fn read_json<T: DeserializeOwned>(origin: &str, json: &str) -> Result<T, InvalidPlan> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| InvalidPlan::Json {
        origin: origin.to_owned(),
        place: error.path().to_string(),
        source: error.into_inner(),
    })
}
