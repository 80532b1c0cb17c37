//! What a replay says about one history.

use std::{collections::BTreeSet, fmt, path::PathBuf, time::Duration};

use serde::Serialize;

use super::{Divergence, Instability, SideBySide};
use crate::history::History;

/// What the replay of one history says. Its `Display` is meant to be read by whoever has to act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The file that the history came from.
    pub source: Option<PathBuf>,
    /// The workflow type; empty if the history could not be read.
    pub workflow_type: String,
    /// The workflow id; empty if unknown.
    pub workflow_id: String,
    /// The run id; empty if unknown.
    pub run_id: String,
    /// How many events the history has.
    pub events: usize,
    /// Whether a worker with this code would go on with this run.
    pub production: Production,
    /// Where the code does something else than history recorded, in the order of the events, up to the first
    /// structural difference. What the replayer allows is not in here.
    pub differences: Vec<Divergence>,
    /// The differences that the replayer allows.
    pub allowed: Vec<Divergence>,
    /// Set if two replays did different things.
    pub instability: Option<Instability>,
    /// The last commands on which code and history agreed before the first difference, one line each.
    pub last_agreed: Vec<String>,
    /// What to do about it.
    pub advice: Vec<String>,
    /// What was recorded and what the code did, next to each other; empty if the history is compatible.
    pub side_by_side: SideBySide,
}

/// Whether a worker would go on with a run.
///
/// The rules are those of the official worker, which compares the kinds, names and ids of commands, and not even
/// these in all cases: whatever the code does earlier than history recorded it, it accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Production {
    /// It would.
    Compatible,
    /// It would fail the workflow task with a nondeterminism error.
    Nondeterminism {
        /// The event at which the worker notices, which may be later than the first difference.
        event_id: Option<i64>,
        /// What the worker says.
        message: String,
    },
    /// It would fail the workflow task: the code panicked, or failed the task itself.
    TaskFailure {
        /// The first event that the task recorded.
        event_id: Option<i64>,
        /// What went wrong.
        message: String,
        /// Where in the source, if the code panicked: `src/transfer.rs:17:9`.
        location: Option<String>,
    },
    /// The code waits for something that is not the SDK's, and that no history brings back.
    ForeignFuture,
    /// The code blocks its thread, or never yields.
    Blocked {
        /// The first event that the task recorded.
        event_id: i64,
        /// How much real time it was given.
        limit: Duration,
    },
    /// The workflow type is not registered.
    UnregisteredWorkflow {
        /// The types that are.
        registered: Vec<String>,
    },
    /// The history holds something that no worker can follow.
    InvalidHistory {
        /// What it is.
        reason: String,
    },
    /// The file is no history.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The replay itself went wrong.
    Failed {
        /// How.
        reason: String,
    },
}

impl Production {
    /// Whether a worker would go on with the run.
    pub fn is_accepted(&self) -> bool {
        *self == Self::Compatible
    }

    /// In a word or two.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Compatible => "accepted",
            Self::Nondeterminism { .. } => "nondeterminism",
            Self::TaskFailure { .. } => "task failure",
            Self::ForeignFuture => "foreign future",
            Self::Blocked { .. } => "blocked",
            Self::UnregisteredWorkflow { .. } => "unregistered",
            Self::InvalidHistory { .. } => "invalid history",
            Self::Unreadable { .. } => "unreadable",
            Self::Failed { .. } => "replay failed",
        }
    }
}

impl fmt::Display for Production {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compatible => f.write_str("a worker accepts it"),
            Self::Nondeterminism { message, .. } => write!(f, "a worker reports nondeterminism: {message}"),
            Self::TaskFailure { message, location, .. } => {
                write!(f, "the workflow task fails: {message}")?;
                location.iter().try_for_each(|location| write!(f, "\n  at {location}"))
            }
            Self::ForeignFuture => {
                f.write_str("the workflow awaits a future that is not the SDK's, and nothing will wake it")
            }
            Self::Blocked { event_id, limit } => {
                write!(f, "the code held the thread for {limit:?} in the workflow task of event {event_id}")
            }
            Self::UnregisteredWorkflow { registered } if registered.is_empty() => {
                f.write_str("the workflow type is not registered; none is")
            }
            Self::UnregisteredWorkflow { registered } => {
                write!(f, "the workflow type is not registered; registered: {}", registered.join(", "))
            }
            Self::InvalidHistory { reason } => write!(f, "no worker can follow this history: {reason}"),
            Self::Unreadable { reason } => f.write_str(reason),
            Self::Failed { reason } => write!(f, "the replay went wrong: {reason}"),
        }
    }
}

impl Verdict {
    /// A verdict on a history that could not be read.
    pub(super) fn unreadable(source: PathBuf, reason: String) -> Self {
        Self { source: Some(source), ..Self::nameless(Production::Unreadable { reason }) }
    }

    /// A verdict on a history of which nothing is known, with nothing but the answer to the first question.
    fn nameless(production: Production) -> Self {
        Self {
            source: None,
            workflow_type: String::new(),
            workflow_id: String::new(),
            run_id: String::new(),
            events: 0,
            production,
            differences: Vec::new(),
            allowed: Vec::new(),
            instability: None,
            last_agreed: Vec::new(),
            advice: Vec::new(),
            side_by_side: SideBySide::default(),
        }
    }

    /// A verdict on a history that a worker accepts, and in which nothing differs.
    pub(super) fn compatible(history: &History) -> Self {
        Self {
            workflow_type: history.workflow_type().to_owned(),
            workflow_id: history.workflow_id().to_owned(),
            run_id: history.run_id().to_owned(),
            events: history.events().len(),
            ..Self::nameless(Production::Compatible)
        }
    }

    /// Whether everything is as it was: a worker accepts the history, nothing that is not allowed differs, and
    /// the code does the same thing each time.
    pub fn is_compatible(&self) -> bool {
        self.production.is_accepted() && self.differences.is_empty() && self.instability.is_none()
    }

    /// The first place at which the code issues other commands than history recorded; what commands say is not
    /// looked at.
    pub fn first_structural_difference(&self) -> Option<&Divergence> {
        self.differences.iter().find(|it| it.difference.is_structural())
    }

    /// In a word or two.
    pub(super) fn name(&self) -> String {
        match (&self.production, self.differences.first()) {
            (Production::Compatible, Some(first)) => first.difference.to_string(),
            (Production::Compatible, None) if self.instability.is_some() => "unstable".to_owned(),
            (Production::Compatible, None) => "compatible".to_owned(),
            (production, _) => production.name().to_owned(),
        }
    }

    /// What the code does beside what history recorded, in a word or two; empty if that cannot be said.
    pub(super) fn code(&self) -> String {
        match (self.differences.first(), &self.production) {
            (Some(first), _) => first.difference.to_string(),
            (None, _) if self.instability.is_some() => "unstable".to_owned(),
            (None, Production::Compatible) => "same".to_owned(),
            (None, _) => String::new(),
        }
    }

    /// The event at which it goes wrong first.
    pub(super) fn event_id(&self) -> Option<i64> {
        let of_production = match &self.production {
            Production::Nondeterminism { event_id, .. } | Production::TaskFailure { event_id, .. } => {
                *event_id
            }
            Production::Blocked { event_id, .. } => Some(*event_id),
            _ => None,
        };
        let difference = self.differences.first().map(|it| it.event_id);
        difference.or(of_production).or(self.instability.as_ref().map(|it| it.event_id))
    }

    /// What the history is called: its file, or else its workflow id.
    pub(super) fn title(&self) -> String {
        match &self.source {
            Some(source) => source.display().to_string(),
            None => self.workflow_id.clone(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title(), self.name())?;
        if !self.workflow_type.is_empty() {
            let Self { workflow_type, workflow_id, run_id, events, .. } = self;
            write!(f, "\nworkflow {workflow_type}, id {workflow_id:?}, run {run_id}, {events} events")?;
        }
        match &self.production {
            Production::Compatible if self.is_compatible() => {}
            Production::Compatible => write!(f, "\na worker accepts it all the same")?,
            production => write!(f, "\n{production}")?,
        }
        if !self.last_agreed.is_empty() {
            write!(f, "\nagreed until:")?;
            for line in &self.last_agreed {
                write!(f, "\n  {line}")?;
            }
        }
        for difference in &self.differences {
            write!(f, "\n{difference}")?;
        }
        if let Some(instability) = &self.instability {
            write!(f, "\n{instability}")?;
        }
        for advice in &self.advice {
            write!(f, "\nadvice: {advice}")?;
        }
        if !self.allowed.is_empty() {
            let kinds: BTreeSet<_> = self.allowed.iter().map(|it| it.difference).collect();
            let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
            write!(f, "\nallowed: {}", kinds.join(", "))?;
        }
        Ok(())
    }
}
