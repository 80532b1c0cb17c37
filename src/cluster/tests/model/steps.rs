//! What can happen to a cluster.

use std::{fmt, ops::RangeInclusive};

use proptest::prelude::*;

use super::{
    super::updates::{Answered, answered},
    commands::{Ending, Made, ending, made},
};

/// The workflow ids that everything happens to: clients start all of them, and so do their parents.
const IDS: [&str; 3] = ["wf", "a", "b"];

/// One thing that a client or a worker does, or some time.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Start {
        id: &'static str,
        how: How,
    },
    Signal {
        id: &'static str,
    },
    SignalWithStart {
        id: &'static str,
    },
    Update {
        id: &'static str,
        update: u8,
    },
    Query {
        id: &'static str,
    },
    Cancel {
        id: &'static str,
    },
    Terminate {
        id: &'static str,
    },
    UpdateWithStart {
        id: &'static str,
        update: u8,
    },
    Delete {
        id: &'static str,
    },
    /// Back to a workflow task, counted from the latest.
    Reset {
        id: &'static str,
        back: u8,
    },
    /// An operator does something to all open runs at once.
    Batch(ToAll),
    /// Somebody reads everything that there is to read.
    Look {
        id: &'static str,
    },
    /// An operator or a client does something to an activity that it names.
    ActivityById {
        id: &'static str,
        activity: u8,
        does: ById,
    },
    Schedule(ToSchedule),
    /// A worker waits for a workflow task.
    Poll,
    /// The worker that has runs in its cache does.
    PollSticky,
    /// A worker waits for an activity task.
    PollActivity,
    /// A worker answers one of the workflow tasks that it has.
    Complete(Answer),
    /// A worker could not complete one of them.
    Fail {
        task: u8,
    },
    /// A worker answers one of the activity tasks that it has.
    Activity {
        task: u8,
        does: Does,
    },
    /// The worker that has runs in its cache goes away.
    ShutdownWorker,
    /// It has lost one of them.
    LoseFromCache {
        id: &'static str,
    },
    /// Seconds.
    Wait(u64),
    /// Time passes until something is due.
    WaitForDeadline,
}

/// How a workflow is started.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Plainly,
    /// Whatever is open under the id makes way.
    Anew,
    /// With a start delay, in seconds.
    Later(u8),
    ByCron,
    WithRetries,
    /// With a run timeout, in seconds.
    ForSeconds(u8),
}

/// What somebody does to an activity by its id.
#[derive(Debug, Clone, Copy)]
pub(super) enum ById {
    Complete,
    Fail,
    Cancel,
    Heartbeat,
    Pause,
    Unpause,
    Reset,
    ChangeOptions,
}

/// What a worker answers to an activity task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    Complete,
    Fail,
    FailForGood,
    Cancel,
    Heartbeat,
}

/// What an operator does to all open runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum ToAll {
    Signal,
    Cancel,
    Terminate,
}

/// What somebody does to the one schedule that there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum ToSchedule {
    Create,
    Trigger,
    Pause,
    Unpause,
    Delete,
}

/// A worker's answer to a workflow task.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Which of its tasks.
    pub(super) task: u8,
    pub(super) commands: Vec<Made>,
    pub(super) ending: Option<Ending>,
    /// Whether the worker keeps the run in its cache.
    pub(super) caches: bool,
    /// Whether it wants the next task with the answer.
    pub(super) inline: bool,
    pub(super) updates: Answered,
}

/// Steps in their order.
#[derive(Clone)]
pub(super) struct Steps(pub(super) Vec<Step>);

/// A step a line, whatever layout is asked for.
impl fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(formatter, "\n    {}", format_args!("{step:?}")))
    }
}

/// So many steps.
pub(super) fn steps(count: RangeInclusive<usize>) -> impl Strategy<Value = Steps> {
    prop::collection::vec(step(), count).prop_map(Steps)
}

pub(super) fn id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(IDS.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (id(), how()).prop_map(|(id, how)| Step::Start { id, how }),
        8 => answer().prop_map(Step::Complete),
        8 => Just(Step::Poll),
        4 => Just(Step::PollSticky),
        4 => Just(Step::PollActivity),
        4 => id().prop_map(|id| Step::Signal { id }),
        1 => id().prop_map(|id| Step::SignalWithStart { id }),
        3 => (id(), 0..6_u8).prop_map(|(id, update)| Step::Update { id, update }),
        1 => (id(), 0..6_u8).prop_map(|(id, update)| Step::UpdateWithStart { id, update }),
        2 => id().prop_map(|id| Step::Query { id }),
        1 => id().prop_map(|id| Step::Cancel { id }),
        1 => id().prop_map(|id| Step::Terminate { id }),
        1 => id().prop_map(|id| Step::Delete { id }),
        1 => (id(), 0..3_u8).prop_map(|(id, back)| Step::Reset { id, back }),
        1 => prop::sample::select(vec![ToAll::Signal, ToAll::Cancel, ToAll::Terminate]).prop_map(Step::Batch),
        1 => id().prop_map(|id| Step::Look { id }),
        3 => (0..4_u8, does()).prop_map(|(task, does)| Step::Activity { task, does }),
        2 => (id(), 0..3_u8, by_id()).prop_map(|(id, activity, does)| Step::ActivityById { id, activity, does }),
        1 => to_schedule().prop_map(Step::Schedule),
        2 => (0..4_u8).prop_map(|task| Step::Fail { task }),
        1 => Just(Step::ShutdownWorker),
        1 => id().prop_map(|id| Step::LoseFromCache { id }),
        2 => (0..30_u64).prop_map(Step::Wait),
        2 => Just(Step::WaitForDeadline),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        4 => Just(How::Plainly),
        1 => Just(How::Anew),
        1 => (1..20_u8).prop_map(How::Later),
        1 => Just(How::ByCron),
        1 => Just(How::WithRetries),
        1 => (1..20_u8).prop_map(How::ForSeconds),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let commands = prop::collection::vec(made(), 0..4);
    let ending = prop::option::weighted(0.2, ending());
    (0..4_u8, commands, ending, any::<bool>(), any::<bool>(), answered()).prop_map(
        |(task, commands, ending, caches, inline, updates)| Answer {
            task,
            commands,
            ending,
            caches,
            inline,
            updates,
        },
    )
}

fn by_id() -> impl Strategy<Value = ById> {
    use ById::{Cancel, ChangeOptions, Complete, Fail, Heartbeat, Pause, Reset, Unpause};
    prop::sample::select(vec![Complete, Fail, Cancel, Heartbeat, Pause, Unpause, Reset, ChangeOptions])
}

fn does() -> impl Strategy<Value = Does> {
    use Does::{Cancel, Complete, Fail, FailForGood, Heartbeat};
    prop::sample::select(vec![Complete, Fail, FailForGood, Cancel, Heartbeat])
}

fn to_schedule() -> impl Strategy<Value = ToSchedule> {
    use ToSchedule::{Create, Delete, Pause, Trigger, Unpause};
    prop::sample::select(vec![Create, Create, Trigger, Pause, Unpause, Delete])
}
