//! Replaying recorded histories against the workflow code of today.
//!
//! Export histories from a cluster (`temporal workflow show --output json`), put them in a folder, and let every
//! build say whether the code still does what they recorded:
//!
//! ```no_run
//! use temporal_sim::replay::Replayer;
//! # use temporalio_macros::{workflow, workflow_methods};
//! # use temporalio_sdk::{WorkflowContext, WorkflowResult};
//! # #[workflow] #[derive(Default)] struct MoneyTransfer;
//! # #[workflow_methods] impl MoneyTransfer {
//! #     #[run] async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> { Ok(()) }
//! # }
//! # #[workflow] #[derive(Default)] struct OrderFulfilment;
//! # #[workflow_methods] impl OrderFulfilment {
//! #     #[run] async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> { Ok(()) }
//! # }
//!
//! let replayer = Replayer::new().workflow::<MoneyTransfer>().workflow::<OrderFulfilment>();
//! replayer.replay_folder("histories").assert_compatible();
//! ```
//!
//! # Two questions
//!
//! A [`Verdict`] answers two questions about a history:
//!
//! * **Would a worker go on with this run?** [`Verdict::production`]. The state machines are those of the worker, with
//!   the rules of the official one.
//! * **Does the code do what history recorded?** [`Verdict::differences`]. Each command of the code is compared with
//!   its event, field by field: inputs, timeouts, retry policies, results. A worker does not look at these, nor
//!   does it notice a command that comes too early. Where the server fills in what a command leaves out, so does
//!   the comparison. [`Replayer::allow`] says which differences are meant.
//!
//! And it is asked twice, in two replays ([`Replayer::replays`]): code that reads the machine's clock or goes through a `HashMap` does not do
//! the same thing both times ([`Verdict::instability`]).
//!
//! Whatever is in a file, and whatever the code does with it, each history gets one verdict: files that are no
//! histories, unknown workflow types, code that panics, blocks its thread or never yields.
//!
//! # Reports
//!
//! The verdicts on many histories are a [`Report`]: a table for a terminal, JSON, JUnit XML for CI, and one page of HTML
//! with what was recorded beside what the code did ([`Verdict::side_by_side`]).

mod advice;
mod batch;
mod difference;
mod divergence;
mod drive;
mod fields;
mod files;
mod findings;
mod lane;
mod live;
mod observer;
mod prediction;
mod progress;
mod replays;
mod report;
mod same;
mod side_by_side;
mod stability;
mod verdict;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use temporalio_common::{WorkflowDefinition, data_converters::DataConverter};
use temporalio_workflow::{
    workflow_interceptors::WorkflowInterceptorConstructor, workflows::WorkflowImplementation,
};

pub use difference::Difference;
pub use divergence::{Divergence, FieldDifference};
pub use observer::BatchProgress;
pub use report::{Report, ReportError, ReportTable};
pub use side_by_side::{SideBySide, Step, StepComparison};
pub use stability::Instability;
pub use verdict::{Production, Verdict};

use self::{
    batch::Share,
    drive::Setup,
    fields::Reading,
    lane::Lanes,
    observer::{Batch, Observer},
    replays::{Outcome, Replays, Task},
};
use crate::{
    history::{History, LoadError},
    sdk::WorkflowSettings,
    worker::{Worker, WorkflowParts, Workflows, codec::Codec},
};

/// How long the code may hold the thread unless [`Replayer::blocked_after`] says otherwise.
const BLOCKED_AFTER: Duration = Duration::from_secs(5);

/// What is replayed together: some short histories or one that is not short.
const TOGETHER: Share = Share { items: 8, weight: 200 };

/// How many agreed commands a verdict repeats before the first difference.
const LAST_AGREED: usize = 3;

/// What replays histories: the workflows that may be in them, and what to make of differences.
#[derive(Clone)]
pub struct Replayer {
    workflows: Workflows,
    namespace: Option<String>,
    data_converter: Option<DataConverter>,
    interceptors: Vec<WorkflowInterceptorConstructor>,
    allowed: BTreeSet<Difference>,
    replays: usize,
    blocked_after: Duration,
    lanes: Lanes,
    observers: Vec<Observer>,
    shows_progress: bool,
}

impl Default for Replayer {
    fn default() -> Self {
        Self::new()
    }
}

impl Replayer {
    /// A replayer without any workflow yet.
    pub fn new() -> Self {
        Self {
            workflows: Workflows::default(),
            namespace: None,
            data_converter: None,
            interceptors: Vec::new(),
            allowed: BTreeSet::new(),
            replays: 2,
            blocked_after: BLOCKED_AFTER,
            lanes: Lanes::default(),
            observers: Vec::new(),
            shows_progress: false,
        }
    }

    /// A replayer that runs workflows as this worker does: with what is registered on it, its data converter and
    /// its interceptors.
    pub fn of_worker(worker: &Worker) -> Self {
        let WorkflowParts { workflows, data_converter, interceptors } = worker.workflow_parts();
        Self {
            workflows: workflows.clone(),
            data_converter: data_converter.cloned(),
            interceptors: interceptors.to_vec(),
            ..Self::new()
        }
    }

    /// Registers a workflow.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already.
    #[track_caller]
    #[must_use]
    pub fn workflow<W>(mut self) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.workflows.register::<W>(&"the replayer");
        self
    }

    /// Registers a workflow whose instances `make` supplies, for workflows that carry something which cannot
    /// be serialised. What it carries must not make the workflow behave differently when it is replayed.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already, or if the workflow has an `#[init]` method.
    #[track_caller]
    #[must_use]
    pub fn workflow_with_factory<W, F>(mut self, make: F) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        F: Fn() -> W + Send + Sync + 'static,
    {
        self.workflows.register_with_factory(make, &"the replayer");
        self
    }

    /// Converts values, errors and, with its codec, payloads: the one that the histories were recorded with.
    /// Default: the SDK's.
    #[must_use]
    pub fn data_converter(mut self, data_converter: DataConverter) -> Self {
        self.data_converter = Some(data_converter);
        self
    }

    /// Adds an interceptor to every workflow execution; the first one added is the outermost.
    #[must_use]
    pub fn workflow_interceptor(mut self, constructor: WorkflowInterceptorConstructor) -> Self {
        self.interceptors.push(constructor);
        self
    }

    /// The namespace that the histories come from, which they do not say themselves. Default: the workflows are
    /// told `default`, and the namespaces of children and of other workflows are not compared.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Says that differences of this kind are meant. They do not make a verdict incompatible, and are listed in
    /// [`Verdict::allowed`].
    #[must_use]
    pub fn allow(mut self, difference: Difference) -> Self {
        self.allowed.insert(difference);
        self
    }

    /// How often each history is replayed, to see whether the code always does the same. More replays find more:
    /// two entries of a `HashMap` come in the same order every other time. Default 2; at least 1.
    #[must_use]
    pub fn replays(mut self, replays: usize) -> Self {
        self.replays = replays.max(1);
        self
    }

    /// How long, in real time, workflow code may hold its thread before it counts as blocked. Default 5 s. Its
    /// thread runs on until the process ends, because nothing can stop it.
    #[must_use]
    pub fn blocked_after(mut self, limit: Duration) -> Self {
        self.blocked_after = limit;
        self
    }

    /// Calls `observer` after each history of a batch, with its verdict and how many are done. The calls may come
    /// from several threads.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(BatchProgress<'_>) + Send + Sync + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Shows on standard error how far a batch has come, and which histories are not compatible, if a terminal is
    /// attached. `cargo test` takes the terminal away unless it is run with `--nocapture`.
    #[must_use]
    pub fn show_progress(mut self) -> Self {
        self.shows_progress = true;
        self
    }

    /// Replays one history.
    pub fn replay(&self, history: &History) -> Verdict {
        self.judge_one(Loaded::from(history.clone()))
    }

    /// Replays histories, on all cores, such as those of a simulation
    /// ([`Simulation::histories`](crate::Simulation::histories)). The report has them in their order. They are taken from
    /// the iterator when a core is free for them, so that there may be any number.
    pub fn replay_histories<I>(&self, histories: I) -> Report
    where
        I: IntoIterator<Item = History>,
        I::IntoIter: Send,
    {
        let histories = histories.into_iter();
        let batch = self.batch(histories.size_hint().1);
        Report::new(self.judge_all(&batch, histories, Loaded::from))
    }

    /// Replays the history in a file: JSON or protobuf, either also with gzip.
    pub fn replay_file(&self, path: impl AsRef<Path>) -> Verdict {
        self.judge_one(Loaded::from_file(path.as_ref()))
    }

    /// Replays the histories in these files, on all cores; no more of them are in memory at a time than a few short
    /// ones, or a long one, for each core.
    pub fn replay_files<I, P>(&self, paths: I) -> Report
    where
        I: IntoIterator<Item = P>,
        I::IntoIter: Send,
        P: AsRef<Path>,
    {
        let paths = paths.into_iter();
        let batch = self.batch(paths.size_hint().1);
        Report::new(self.judge_all(&batch, paths, |path| Loaded::from_file(path.as_ref())))
    }

    /// Replays all histories in a folder and the folders below it: the files whose names end in `.json`, `.pb`,
    /// `.bin`, `.binpb` or `.proto`, also with `.gz` behind it. A folder that cannot be read is a verdict too.
    pub fn replay_folder(&self, folder: impl AsRef<Path>) -> Report {
        match files::histories_below(folder.as_ref()) {
            Ok(paths) => self.replay_files(paths),
            Err((folder, error)) => {
                let reason = format!("cannot read {}: {error}", folder.display());
                Report::new(vec![Verdict::unreadable(folder, reason)])
            }
        }
    }

    /// A batch of so many histories, if that is known.
    fn batch(&self, histories: Option<usize>) -> Batch<'_> {
        Batch::new(histories, &self.observers, self.shows_progress)
    }

    fn judge_all<T>(
        &self,
        batch: &Batch<'_>,
        items: impl Iterator<Item = T> + Send,
        load: impl Fn(T) -> Loaded + Sync,
    ) -> Vec<Verdict> {
        let prepare = |item| {
            let loaded = load(item);
            let events = loaded.history.as_ref().map_or(0, |history| history.events().len());
            (loaded, events)
        };
        batch::on_all_cores(items, TOGETHER, prepare, |loaded| {
            let verdicts = self.judge(loaded);
            verdicts.iter().for_each(|verdict| batch.tell(verdict));
            verdicts
        })
    }

    fn judge_one(&self, loaded: Loaded) -> Verdict {
        self.judge(vec![loaded]).pop().expect("there is a verdict on each history")
    }

    /// One verdict for each, in their order.
    fn judge(&self, loaded: Vec<Loaded>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(loaded.len());
        let mut tasks = Vec::with_capacity(loaded.len());
        let mut places = Vec::with_capacity(loaded.len());
        for (place, Loaded { source, history }) in loaded.into_iter().enumerate() {
            match history.and_then(|history| self.task(history)) {
                Ok(task) => {
                    tasks.push(task);
                    places.push((place, source));
                }
                Err(verdict) => verdicts.push((place, Verdict { source, ..*verdict })),
            }
        }
        let replays = Replays {
            lanes: self.lanes.clone(),
            reading: Reading { namespace: self.namespace.clone(), codec: self.data_converter.clone() },
            count: self.replays,
            limit: self.blocked_after,
        };
        let tasks = Arc::new(tasks);
        let outcomes = replays.of(&tasks);
        for ((task, (place, source)), outcome) in tasks.iter().zip(places).zip(outcomes) {
            verdicts.push((place, Verdict { source, ..self.verdict(&task.history, outcome) }));
        }
        verdicts.sort_by_key(|(place, _)| *place);
        verdicts.into_iter().map(|(_, verdict)| verdict).collect()
    }

    /// What to replay, or the verdict that there is no code for it.
    fn task(&self, history: History) -> Result<Task, Box<Verdict>> {
        let Ok(factory) = self.workflows.get(history.workflow_type(), history.task_queue()) else {
            let registered = self.workflows.types().map(str::to_owned).collect();
            let production = Production::UnregisteredWorkflow { registered };
            let advice = advice::of(&history, &production, &[], None);
            return Err(Box::new(Verdict { production, advice, ..Verdict::compatible(&history) }));
        };
        let setup = Setup {
            factory: factory.clone(),
            settings: self.settings(&history),
            codec: Codec::new(self.data_converter.clone().unwrap_or_default(), self.data_converter.is_some()),
        };
        Ok(Task { history: Arc::new(history), setup })
    }

    fn verdict(&self, history: &History, outcome: Outcome) -> Verdict {
        let Outcome { first, production, found, instability } = outcome;
        let (allowed, differences): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| self.allowed.contains(&it.difference));
        let advice = advice::of(history, &production, &differences, instability.as_ref());
        let verdict = Verdict::compatible(history);
        let mut verdict = Verdict { production, differences, allowed, instability, advice, ..verdict };
        verdict.last_agreed = last_agreed(history, &verdict);
        if !verdict.is_compatible() {
            verdict.side_by_side = SideBySide::new(history, &first, &verdict);
        }
        verdict
    }

    fn settings(&self, history: &History) -> WorkflowSettings {
        WorkflowSettings {
            namespace: self.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            task_queue: history.task_queue().to_owned(),
            data_converter: self.data_converter.clone().unwrap_or_default(),
            interceptors: self.interceptors.clone(),
            detect_nondeterministic_futures: true,
            patch_activation: None,
            foreign_wakes: None,
        }
    }
}

impl std::fmt::Debug for Replayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Replayer")
            .field("workflows", &self.workflows.types().collect::<Vec<_>>())
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

/// What there is to judge: a history, or the verdict that there is none.
struct Loaded {
    source: Option<PathBuf>,
    history: Result<History, Box<Verdict>>,
}

impl Loaded {
    fn from_file(path: &Path) -> Self {
        let unreadable = |error: String| Box::new(Verdict::unreadable(path.to_owned(), error));
        let history = History::load(path).map_err(|error| match error {
            // The verdict names the file itself.
            LoadError::File { source, .. } => unreadable(source.to_string()),
            error => unreadable(error.to_string()),
        });
        Self { source: Some(path.to_owned()), history }
    }
}

impl From<History> for Loaded {
    fn from(history: History) -> Self {
        Self { source: None, history: Ok(history) }
    }
}

/// The last commands that were the same before things went wrong.
fn last_agreed(history: &History, verdict: &Verdict) -> Vec<String> {
    let Some(event_id) = verdict.event_id() else { return Vec::new() };
    let before = history.events().iter().rev().filter(|it| it.event_id < event_id && it.is_command_event());
    let mut lines: Vec<_> =
        before.take(LAST_AGREED).map(|it| format!("{} {}", it.event_id, history.describe(it))).collect();
    lines.reverse();
    lines
}
