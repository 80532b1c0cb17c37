//! What goes wrong with a call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::Code;

use super::When;
use crate::{
    cluster::Error,
    policy::serde_text,
    service::{Caller, Passage},
};

/// Something goes wrong with calls on their way to the cluster or back. Calls of the simulation itself, like
/// [`Simulation::execute`](crate::Simulation::execute), are not touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFault {
    /// The name of the RPC, like `SignalWorkflowExecution`; `None` for any that is no long poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<String>,
    /// Whose calls.
    #[serde(default, skip_serializing_if = "Callers::is_any")]
    pub callers: Callers,
    /// Which calls.
    #[serde(default)]
    pub when: When,
    /// What goes wrong.
    pub effect: CallEffect,
}

/// Whose calls go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callers {
    /// Clients' and workers'.
    #[default]
    Any,
    /// Clients'.
    Clients,
    /// Workers'.
    Workers,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CallEffect {
    /// It never reaches the cluster.
    Refuse(CallError),
    /// The cluster does what it is asked, and the caller does not hear of it.
    LoseAnswer(CallError),
    /// It reaches the cluster so much later.
    Delay {
        /// How much later.
        #[serde(with = "serde_text")]
        by: Duration,
    },
    /// It reaches the cluster twice, as if the network had repeated it. The cluster knows the second one by its request id,
    /// where it has one.
    Twice,
    /// Whoever has the client call does so again, without knowing that the first call came through: the second one has a
    /// request id of its own, unless the caller has chosen the id. A signal comes twice then.
    Repeat {
        /// How much later.
        #[serde(with = "serde_text")]
        after: Duration,
    },
    /// The caller gives up with DEADLINE_EXCEEDED, and the call reaches the cluster after all, so much later: what the caller
    /// does next overtakes it.
    Overtaken {
        /// How much later.
        #[serde(with = "serde_text")]
        by: Duration,
    },
}

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum CallError {
    /// There is no connection.
    Unavailable,
    /// The answer did not come in time.
    DeadlineExceeded,
    /// There are too many calls.
    ResourceExhausted,
}

impl Callers {
    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

impl CallFault {
    /// Whether it is about such calls.
    pub(super) fn concerns(&self, caller: Caller, rpc: &str) -> bool {
        let by = match self.callers {
            Callers::Any => caller != Caller::Simulation,
            Callers::Clients => caller == Caller::Client,
            Callers::Workers => caller == Caller::Worker,
        };
        by && match &self.rpc {
            Some(name) => name == rpc,
            None => !rpc.starts_with("Poll") && rpc != "GetSystemInfo",
        }
    }
}

impl CallEffect {
    pub(super) fn passage(self) -> Passage {
        match self {
            Self::Refuse(error) => Passage::Refuse(error.to_error()),
            Self::LoseAnswer(error) => Passage::LoseAnswer(error.to_error()),
            Self::Delay { by } => Passage::Delay(by),
            Self::Twice => Passage::Twice,
            Self::Repeat { after } => Passage::Repeat(after),
            Self::Overtaken { by } => Passage::Overtaken(by, CallError::DeadlineExceeded.to_error()),
        }
    }
}

impl CallError {
    fn to_error(self) -> Error {
        let (code, message) = match self {
            Self::Unavailable => (Code::Unavailable, "a fault of the plan: no connection"),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, "a fault of the plan: no answer in time"),
            Self::ResourceExhausted => (Code::ResourceExhausted, "a fault of the plan: too many calls"),
        };
        Error::new(code, message)
    }
}
