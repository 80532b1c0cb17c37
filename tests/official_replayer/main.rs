//! The production verdict is what the official replayer says, on a generated corpus: random workflow programs, what
//! they record, and random changes of them.
//!
//! A program is the input of one workflow that does what it is told. So the code of a run is changed by changing
//! the input in its history, and both replayers need to know one workflow only.

mod generate;
mod interpreter;
mod official;
mod program;
mod recording;

use std::{collections::BTreeMap, env, thread};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use temporal_sim::{
    history::History,
    replay::{Production, Replayer},
};
use temporalio_common::protos::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus};

use self::{
    generate::Change,
    official::Official,
    program::{Program, Step},
};

/// How many programs are recorded; each is replayed as it is, and once with each kind of change that fits.
const PROGRAMS: u64 = 190;

/// Replaces [`PROGRAMS`].
const PROGRAMS_VARIABLE: &str = "TEMPORAL_SIM_PROGRAMS";

/// A history, and a version of the program that recorded it.
struct Pair {
    name: String,
    change: Option<Change>,
    version: Program,
    history: History,
}

fn corpus(programs: u64) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for seed in 0..programs {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let program = generate::program(&mut random);
        let stimuli = recording::stimuli(&mut random);
        let Some(recorded) = recording::record(seed, program.clone(), stimuli) else { continue };
        let changes = Change::ALL.into_iter().map(Some);
        for change in [None].into_iter().chain(changes) {
            let version = match change {
                None => Some(program.clone()),
                Some(change) => generate::changed(&program, change, &mut random),
            };
            let Some(version) = version else { continue };
            let history = match random.random_range(0..3) {
                0 => recording::beginning(&recorded, &mut random),
                _ => recorded.clone(),
            };
            let history = recording::with_program(&history, &version);
            pairs.push(Pair { name: format!("program {seed}, {change:?}"), change, version, history });
        }
    }
    // The official worker is not asked about the same run twice in a row.
    pairs.sort_by_key(|pair| pair.change);
    pairs
}

/// Whether the two say the same: accepted, or not and for the same kind of reason.
fn agree(ours: &Production, official: &Official) -> bool {
    match official {
        Official::Accepts => ours.is_accepted(),
        Official::Nondeterminism(_) => matches!(ours, Production::Nondeterminism { .. }),
        Official::TaskFailure(_) => matches!(ours, Production::TaskFailure { .. }),
        Official::Internal(_) | Official::Hangs | Official::Panics => false,
    }
}

/// Why the two may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exception {
    /// The official replayer is done with a history before it hears what the code makes of the workflow task that
    /// history did not complete. If the code panics there or fails the task, it says that all is well; a worker
    /// fails the task.
    FailsAfterTheEnd,
    /// In that same task, code that wants a local activity trips an assertion of debug builds, because commands are
    /// left over when the run is evicted. Release builds accept the history.
    LocalActivityAfterTheEnd,
}

fn exception(pair: &Pair, ours: &Production, official: &Official) -> Option<Exception> {
    let is_open = pair.history.status() == WorkflowExecutionStatus::Running;
    let completed =
        pair.history.events().iter().rfind(|it| it.event_type() == EventType::WorkflowTaskCompleted);
    let completed = completed.map_or(0, |event| event.event_id);
    match (official, ours) {
        (Official::Accepts, Production::TaskFailure { event_id: Some(event_id), .. })
            if is_open && *event_id > completed =>
        {
            Some(Exception::FailsAfterTheEnd)
        }
        (Official::Panics, Production::Compatible) if is_open && has_local_activity(&pair.version) => {
            Some(Exception::LocalActivityAfterTheEnd)
        }
        _ => None,
    }
}

fn has_local_activity(program: &Program) -> bool {
    let mut found = false;
    let is_local = |step: &Step| matches!(step, Step::LocalActivity { .. });
    program.clone().for_each_list(|list| found |= list.iter().any(is_local));
    found
}

#[test]
fn the_official_replayer_agrees() {
    let programs = env::var(PROGRAMS_VARIABLE).map_or(PROGRAMS, |it| it.parse().expect("a number"));
    let pairs = corpus(programs);
    let histories: Vec<_> = pairs.iter().map(|pair| pair.history.clone()).collect();
    let replayer = Replayer::new().workflow::<interpreter::Interpreter>().replays(1);
    // At the same time, because the official one waits most of the time.
    let (ours, official) = thread::scope(|scope| {
        let official = scope.spawn(|| official::judge(&histories));
        let ours: Vec<_> = histories.iter().map(|history| replayer.replay(history)).collect();
        (ours, official.join().expect("the official replayer panics on threads of its own"))
    });

    let mut wrong = Vec::new();
    let mut agreed = BTreeMap::<_, usize>::new();
    let mut exceptions = BTreeMap::<_, usize>::new();
    for ((pair, verdict), mut official) in pairs.iter().zip(&ours).zip(official) {
        let ours = &verdict.production;
        if !agree(ours, &official) {
            // What came before it in its batch is no excuse.
            official = official::judge_alone(&pair.history);
        }
        if agree(ours, &official) {
            *agreed.entry((ours.is_accepted(), pair.change)).or_default() += 1;
        } else if let Some(exception) = exception(pair, ours, &official) {
            *exceptions.entry(exception).or_default() += 1;
        } else {
            let Pair { name, version, history, .. } = pair;
            wrong.push(format!("{name}\n{version:?}\nofficial: {official:?}\nours: {verdict}\n{history}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), pairs.len(), wrong.join("\n\n"));

    let total: usize = agreed.values().sum();
    let rejected: usize = agreed.iter().filter(|((accepted, _), _)| !accepted).map(|(_, count)| count).sum();
    let excepted: usize = exceptions.values().sum();
    assert!(programs < PROGRAMS || total >= 2_000, "only {total} pairs");
    assert!(
        rejected * 5 > total,
        "a corpus of changes that do no harm proves nothing: {rejected} of {total}"
    );
    assert!(excepted * 20 < total, "exceptions are rare: {exceptions:?}");
}
