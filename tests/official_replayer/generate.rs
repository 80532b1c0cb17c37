//! Random programs, and random changes of programs.

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::program::{Cancellation, Desk, Ending, Program, Step, Task};

/// How deep steps lie within steps.
const DEPTH: u32 = 2;

/// A program of a few steps that does not fail a workflow task.
pub(crate) fn program(random: &mut ChaCha8Rng) -> Program {
    let length = random.random_range(1..=5);
    Program {
        main: (0..length).map(|_| step(random, DEPTH)).collect(),
        on_signal: steps(random, 0, 1),
        on_update: steps(random, 0, 1),
        ending: ending(random),
    }
}

fn steps(random: &mut ChaCha8Rng, depth: u32, most: usize) -> Vec<Step> {
    let length = random.random_range(0..=most);
    (0..length).map(|_| step(random, depth)).collect()
}

fn step(random: &mut ChaCha8Rng, depth: u32) -> Step {
    let inner = |random: &mut ChaCha8Rng| steps(random, depth.saturating_sub(1), 2);
    // What holds other steps comes last.
    let kinds = if depth == 0 { 15 } else { 24 };
    match random.random_range(0..kinds) {
        0 | 1 => Step::Timer { seconds: random.random_range(1..=8) },
        2 => Step::TimerNotAwaited { seconds: random.random_range(1..=8) },
        3..=5 => {
            Step::Activity { desk: desk(random), task: task(random), cancellation: cancellation(random) }
        }
        6 | 7 => Step::LocalActivity { desk: desk(random), task: task(random) },
        8 => Step::Child { number: random.random_range(0..3), task: task(random), hurried: random.random() },
        9 => Step::AwaitSignals { count: random.random_range(1..=3) },
        10 => Step::Signal { other: random.random_range(0..2) },
        11 => match random.random_range(0..3) {
            0 => Step::SignalItself,
            other => Step::Cancel { other: other - 1 },
        },
        12 => Step::DeprecatePatch { id: random.random_range(0..3) },
        13 => Step::Memo { value: random.random_range(0..4) },
        14 => Step::SearchAttribute { value: random.random_range(0..4) },
        15 | 16 => {
            Step::Patch { id: random.random_range(0..3), then: inner(random), otherwise: inner(random) }
        }
        17 => Step::Toss { heads: inner(random), tails: inner(random) },
        18 | 19 => Step::Together {
            steps: (0..random.random_range(2..=3)).map(|_| step(random, depth - 1)).collect(),
        },
        20 => Step::Race { left: inner(random), right: inner(random) },
        21 => Step::Until { work: inner(random), end: inner(random) },
        22 => Step::Detached { steps: inner(random) },
        _ => Step::Recover { attempt: inner(random), by: inner(random) },
    }
}

fn desk(random: &mut ChaCha8Rng) -> Desk {
    *[Desk::File, Desk::Stamp, Desk::Post].choose(random).expect("three desks")
}

fn task(random: &mut ChaCha8Rng) -> Task {
    Task {
        number: random.random_range(0..4),
        seconds: random.random_range(0..5),
        fails: random.random_range(0..4) == 0,
    }
}

fn cancellation(random: &mut ChaCha8Rng) -> Cancellation {
    let kinds = [Cancellation::TryCancel, Cancellation::Wait, Cancellation::Abandon];
    *kinds.choose(random).expect("three kinds")
}

fn ending(random: &mut ChaCha8Rng) -> Ending {
    match random.random_range(0..6) {
        0 => Ending::Fails,
        1 => Ending::Cancels,
        2 => Ending::ContinuesAsNew,
        _ => Ending::Completes,
    }
}

/// How a program is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// One more step.
    Insert,
    /// One step less.
    Drop,
    /// Two steps that follow one another change places.
    Swap,
    /// Another step in the place of one.
    Replace,
    /// A step twice.
    Duplicate,
    /// What was done in sequence is done at the same time.
    Parallelise,
    /// A step loses what was around it: a patch its question, a race its rival.
    Unwrap,
    /// A step is put behind a patch, as it should be: runs from before go the old way.
    Patch,
    /// The same, the wrong way round.
    PatchInverted,
    /// Another input, another duration.
    Adjust,
    /// The workflow closes in another way.
    End,
    /// A panic, or a failed workflow task.
    Break,
}

impl Change {
    pub(crate) const ALL: [Self; 12] = [
        Self::Insert,
        Self::Drop,
        Self::Swap,
        Self::Replace,
        Self::Duplicate,
        Self::Parallelise,
        Self::Unwrap,
        Self::Patch,
        Self::PatchInverted,
        Self::Adjust,
        Self::End,
        Self::Break,
    ];
}

/// The program with one change somewhere; `None` if there is no place for it.
pub(crate) fn changed(program: &Program, change: Change, random: &mut ChaCha8Rng) -> Option<Program> {
    let mut changed = program.clone();
    if change == Change::End {
        changed.ending = ending(random);
    } else {
        let least = match change {
            Change::Insert | Change::Break => 0,
            Change::Swap | Change::Parallelise => 2,
            _ => 1,
        };
        let mut lists = 0;
        changed.for_each_list(|list| lists += usize::from(list.len() >= least));
        let mut chosen = random.random_range(0..lists.max(1));
        changed.for_each_list(|list| {
            if list.len() < least {
                return;
            }
            if chosen == 0 {
                change_list(list, change, random);
            }
            // What has been changed may hold lists of its own; none of them is the chosen one any more.
            chosen = chosen.wrapping_sub(1);
        });
    }
    (changed != *program).then_some(changed)
}

fn change_list(list: &mut Vec<Step>, change: Change, random: &mut ChaCha8Rng) {
    let place = random.random_range(0..list.len().max(1));
    match change {
        Change::Insert => {
            let place = random.random_range(0..=list.len());
            list.insert(place, step(random, 1));
        }
        Change::Break => {
            let place = random.random_range(0..=list.len());
            list.insert(place, if random.random() { Step::Panic } else { Step::FailTask });
        }
        Change::Drop => drop(list.remove(place)),
        Change::Swap => {
            let place = random.random_range(1..list.len());
            list.swap(place - 1, place);
        }
        Change::Replace => list[place] = step(random, 1),
        Change::Duplicate => list.insert(place, list[place].clone()),
        Change::Parallelise => {
            let place = random.random_range(1..list.len());
            let steps = list.drain(place - 1..=place).collect();
            list.insert(place - 1, Step::Together { steps });
        }
        Change::Unwrap => {
            let inner = match list[place].clone() {
                Step::Patch { then: steps, .. }
                | Step::Toss { heads: steps, .. }
                | Step::Together { steps }
                | Step::Race { left: steps, .. }
                | Step::Until { work: steps, .. }
                | Step::Detached { steps }
                | Step::Recover { attempt: steps, .. } => steps,
                other => vec![other],
            };
            list.splice(place..=place, inner);
        }
        Change::Patch | Change::PatchInverted => {
            let (old, new) = (vec![list[place].clone()], vec![step(random, 0)]);
            let id = 9;
            list[place] = if change == Change::Patch {
                Step::Patch { id, then: new, otherwise: old }
            } else {
                Step::Patch { id, then: old, otherwise: new }
            };
        }
        Change::Adjust => adjust(&mut list[place], random),
        Change::End => {}
    }
}

fn adjust(step: &mut Step, random: &mut ChaCha8Rng) {
    match step {
        Step::Timer { seconds } | Step::TimerNotAwaited { seconds } => *seconds = random.random_range(9..20),
        Step::Activity { desk: which, task: what, cancellation: how } => match random.random_range(0..3) {
            0 => *which = desk(random),
            1 => *how = cancellation(random),
            _ => *what = task(random),
        },
        Step::LocalActivity { desk: which, task: what } => {
            if random.random() {
                *which = desk(random);
            } else {
                *what = task(random);
            }
        }
        Step::Child { number, task: what, hurried } => match random.random_range(0..3) {
            0 => *number = number.wrapping_add(1),
            1 => *hurried = !*hurried,
            _ => *what = task(random),
        },
        Step::AwaitSignals { count } => *count += 1,
        Step::Signal { other } | Step::Cancel { other } => *other = 1 - *other,
        Step::Patch { id, .. } | Step::DeprecatePatch { id } => *id += 1,
        Step::Memo { value } | Step::SearchAttribute { value } => *value += 1,
        Step::Together { steps } => steps.reverse(),
        Step::Race { left: one, right: other }
        | Step::Toss { heads: one, tails: other }
        | Step::Until { work: one, end: other }
        | Step::Recover { attempt: one, by: other } => std::mem::swap(one, other),
        Step::SignalItself | Step::Detached { .. } | Step::Panic | Step::FailTask => {}
    }
}
