//! Workflow programs as data: what a workflow does is its input, so that a changed program is a changed value.

use serde::{Deserialize, Serialize};

/// What a workflow does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// What it does first to last.
    pub(crate) main: Vec<Step>,
    /// What the handler of each signal does.
    pub(crate) on_signal: Vec<Step>,
    /// What the handler of each update does.
    pub(crate) on_update: Vec<Step>,
    /// How it closes.
    pub(crate) ending: Ending,
}

/// How a program closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    #[default]
    Completes,
    Fails,
    Cancels,
    ContinuesAsNew,
}

/// One thing that a program does. It succeeds or fails; what comes after it does not depend on that, but for
/// [`Step::Recover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Waits for a timer.
    Timer {
        seconds: u64,
    },
    /// Starts a timer and goes on.
    TimerNotAwaited {
        seconds: u64,
    },
    Activity {
        desk: Desk,
        task: Task,
        cancellation: Cancellation,
    },
    LocalActivity {
        desk: Desk,
        task: Task,
    },
    /// A child workflow, which may be told to hurry while it runs.
    Child {
        number: u8,
        task: Task,
        hurried: bool,
    },
    /// Waits until this many signals have come since the start.
    AwaitSignals {
        count: u32,
    },
    /// Signals another workflow; there is only one, with the number 0.
    Signal {
        other: u8,
    },
    /// Cancels another workflow.
    Cancel {
        other: u8,
    },
    /// Signals itself.
    SignalItself,
    Patch {
        id: u8,
        then: Vec<Self>,
        otherwise: Vec<Self>,
    },
    DeprecatePatch {
        id: u8,
    },
    /// Takes one of two ways, by a random number.
    Toss {
        heads: Vec<Self>,
        tails: Vec<Self>,
    },
    Memo {
        value: u8,
    },
    SearchAttribute {
        value: u8,
    },
    /// All at the same time.
    Together {
        steps: Vec<Self>,
    },
    /// Both at the same time, until one of them is done.
    Race {
        left: Vec<Self>,
        right: Vec<Self>,
    },
    /// Does one thing until the other is done, and cancels it then.
    Until {
        work: Vec<Self>,
        end: Vec<Self>,
    },
    /// Steps that a cancellation of the workflow does not reach.
    Detached {
        steps: Vec<Self>,
    },
    /// If one of the steps fails, does the others too.
    Recover {
        attempt: Vec<Self>,
        by: Vec<Self>,
    },
    /// Panics.
    Panic,
    /// Fails the workflow task.
    FailTask,
}

/// Which activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Desk {
    File,
    Stamp,
    Post,
}

/// What an activity or a child is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) number: u8,
    /// How long it takes.
    pub(crate) seconds: u64,
    /// How it ends then.
    pub(crate) fails: bool,
}

/// What the workflow does when an activity is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cancellation {
    TryCancel,
    Wait,
    Abandon,
}

impl Step {
    /// The lists of steps inside this one.
    fn lists(&mut self) -> Vec<&mut Vec<Self>> {
        match self {
            Self::Patch { then: one, otherwise: other, .. }
            | Self::Toss { heads: one, tails: other }
            | Self::Race { left: one, right: other }
            | Self::Until { work: one, end: other }
            | Self::Recover { attempt: one, by: other } => vec![one, other],
            Self::Together { steps } | Self::Detached { steps } => vec![steps],
            _ => Vec::new(),
        }
    }
}

impl Program {
    /// Shows every list of steps, outer ones before those inside them.
    pub(crate) fn for_each_list(&mut self, mut visit: impl FnMut(&mut Vec<Step>)) {
        fn descend(list: &mut Vec<Step>, visit: &mut impl FnMut(&mut Vec<Step>)) {
            visit(list);
            for inner in list.iter_mut().flat_map(Step::lists) {
                descend(inner, visit);
            }
        }
        for list in [&mut self.main, &mut self.on_signal, &mut self.on_update] {
            descend(list, &mut visit);
        }
    }
}
