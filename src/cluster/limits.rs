//! The limits of a Temporal server: those that can be chosen, with its default values, and those that cannot.

use std::time::Duration;

use crate::rules::names::ID_LENGTH;

/// What a server takes, and how much of it. The defaults are those of a Temporal server; in brackets is the setting by which
/// an operator of a real one changes the same.
///
/// A test that wants to see what happens at a limit lowers it:
///
/// ```
/// use temporal_sim::Simulation;
///
/// let simulation = Simulation::builder().limits(|limits| {
///     limits.history_count = 100;
///     limits.history_count_suggest_continue_as_new = 50;
/// });
/// # drop(simulation);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest id, name, type or identity, in bytes: 1000 (`limit.maxIDLength`).
    pub id_length: usize,
    /// Largest payload field of a request or a command, in bytes: 2 MiB (`limit.blobSize.error`). A request with a larger one is
    /// refused; a command with one terminates its workflow.
    pub blob_size: usize,
    /// Largest memo, in bytes: 2 MiB (`limit.memoSize.error`).
    pub memo_size: usize,
    /// Most search attributes of one request or command: 100 (`frontend.searchAttributesNumberOfKeysLimit`).
    pub search_attributes: usize,
    /// Largest value of one search attribute, in bytes: 2 KiB (`frontend.searchAttributesSizeOfValueLimit`).
    pub search_attribute_size: usize,
    /// Largest set of search attributes, in bytes: 40 KiB (`frontend.searchAttributesTotalSizeLimit`).
    pub search_attributes_size: usize,
    /// Most links of one request: 10 (`frontend.maxLinksPerRequest`).
    pub links: usize,
    /// A run whose history has more events than this is terminated: 51,200 (`limit.historyCount.error`).
    pub history_count: i64,
    /// A run whose history is larger than this is terminated, in bytes: 50 MiB (`limit.historySize.error`).
    pub history_size: usize,
    /// From this many events on workflows are told to continue as new: 4096
    /// (`limit.historyCount.suggestContinueAsNew`).
    pub history_count_suggest_continue_as_new: i64,
    /// From this size on workflows are told to continue as new, in bytes: 4 MiB
    /// (`limit.historySize.suggestContinueAsNew`).
    pub history_size_suggest_continue_as_new: usize,
    /// A run whose mutable state is larger than this is terminated, in bytes: 8 MiB
    /// (`limit.mutableStateSize.error`). What counts is what the run has pending, with heartbeat details and failures, what is
    /// held back while a worker has the workflow task, the memo and the search attributes.
    pub mutable_state_size: usize,
    /// A run to which so much is written at once is terminated, in bytes: 4 MiB (`system.transactionSizeLimit`).
    pub transaction_size: usize,
    /// Most activities that a run has pending: 2000 (`limit.numPendingActivities.error`).
    pub pending_activities: usize,
    /// Most children that a run has pending: 2000 (`limit.numPendingChildExecutions.error`).
    pub pending_children: usize,
    /// Most signals to other workflows that a run has pending: 2000 (`limit.numPendingSignals.error`).
    pub pending_signals: usize,
    /// Most requests to cancel other workflows that a run has pending: 2000 (`limit.numPendingCancelRequests.error`).
    pub pending_cancel_requests: usize,
    /// Most signals that one run takes: 10,000 (`history.maximumSignalsPerExecution`).
    pub signals: usize,
    /// Most events that are held back while a worker has the workflow task; one more takes the task away: 100
    /// (`history.maximumBufferedEventsBatch`).
    pub buffered_events: usize,
    /// Largest total of the events that are held back, in bytes: 2 MiB (`history.maximumBufferedEventsSizeInBytes`).
    pub buffered_events_size: usize,
    /// Most updates of one run that have not ended: 10 (`history.maxInFlightUpdates`).
    pub updates_in_flight: usize,
    /// Largest total of the requests of these updates, in bytes: 20 MiB (`history.maxInFlightUpdatePayloads`).
    pub updates_in_flight_size: usize,
    /// Most updates that one run takes and does not reject: 2000 (`history.maxTotalUpdates`). From nine tenths of that on
    /// workflows are told to continue as new.
    pub updates: usize,
    /// How long one workflow task can be kept alive by heartbeats, as local activities do: 30 minutes
    /// (`history.workflowTaskHeartbeatTimeout`).
    pub workflow_task_heartbeats: Duration,
    /// A run that continues another one starts work no sooner than this after it: 1 s
    /// (`history.workflowIdReuseMinimalInterval`).
    pub chain_interval: Duration,
    /// Whether clients can pause runs: no (`frontend.WorkflowPauseEnabled`).
    pub workflow_pause: bool,
    /// Whether ShutdownWorker ends the polls that the worker has out: no (`frontend.enableCancelWorkerPollsOnShutdown`).
    pub cancel_polls_on_shutdown: bool,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        const PENDING: usize = 2000;
        Self {
            id_length: ID_LENGTH,
            blob_size: 2 * MIB,
            memo_size: 2 * MIB,
            search_attributes: 100,
            search_attribute_size: 2 * KIB,
            search_attributes_size: 40 * KIB,
            links: 10,
            history_count: 51_200,
            history_size: 50 * MIB,
            history_count_suggest_continue_as_new: 4096,
            history_size_suggest_continue_as_new: 4 * MIB,
            mutable_state_size: 8 * MIB,
            transaction_size: 4 * MIB,
            pending_activities: PENDING,
            pending_children: PENDING,
            pending_signals: PENDING,
            pending_cancel_requests: PENDING,
            signals: 10_000,
            buffered_events: 100,
            buffered_events_size: 2 * MIB,
            updates_in_flight: 10,
            updates_in_flight_size: 20 * MIB,
            updates: PENDING,
            workflow_task_heartbeats: Duration::from_secs(30 * 60),
            chain_interval: Duration::from_secs(1),
            workflow_pause: false,
            cancel_polls_on_shutdown: false,
        }
    }
}

impl Limits {
    /// From this many updates on workflows are told to continue as new.
    pub(crate) fn updates_suggest_continue_as_new(&self) -> usize {
        self.updates / 10 * 9
    }
}

/// Largest body of a RespondWorkflowTaskCompleted that a client is told to send, in bytes.
pub(crate) const WORKFLOW_TASK_COMPLETION_SIZE: usize = 40 * 1024 * 1024;
/// Most executions of one page of a list, and the default.
pub(crate) const VISIBILITY_PAGE: usize = 1000;
/// Most events of one page of a history, and the default.
pub(crate) const HISTORY_PAGE: usize = 256;
/// Most events behind the last completed workflow task with which a speculative one can still vanish.
pub(crate) const DISCARDED_EVENTS: i64 = 10;
/// From this many pending children on, a workflow of the server's own ends them when their parent closes.
pub(crate) const CHILDREN_CLOSED_AT_ONCE: usize = 10;
/// A workflow task that fails more often than this gets more time for each further attempt.
pub(crate) const WORKFLOW_TASK_ATTEMPTS_WITHOUT_BACKOFF: i32 = 3;
/// A sticky queue that nobody polled for this long is passed over.
pub(crate) const STICKY_POLLER_ALIVE: Duration = Duration::from_secs(10);
/// A worker that has not polled a task queue for this long is none of its pollers.
pub(crate) const POLLER_HISTORY: Duration = Duration::from_secs(5 * 60);
/// A task queue that nobody polled for this long, and that has no tasks, is forgotten.
pub(crate) const IDLE_TASK_QUEUE: Duration = Duration::from_secs(5 * 60);
/// How long a poll for tasks waits on a server whose long polls expire.
pub(crate) const TASK_LONG_POLL: Duration = Duration::from_secs(60);
/// For how long the polls of a worker that has shut down find nothing.
pub(crate) const SHUT_DOWN_WORKER: Duration = Duration::from_secs(30);
/// How long a read of a history waits on a server whose long polls expire.
pub(crate) const HISTORY_LONG_POLL: Duration = Duration::from_secs(20);
/// How long a call waits for an update on a server whose long polls expire.
pub(crate) const UPDATE_LONG_POLL: Duration = Duration::from_secs(20);
/// A long poll ends this long before its caller's deadline.
pub(crate) const LONG_POLL_TAIL: Duration = Duration::from_secs(1);
/// A long poll with less time than this before its caller's deadline is refused.
pub(crate) const LONG_POLL_MINIMUM: Duration = Duration::from_secs(2);
/// How long closed runs of the default namespace are kept, as it is told.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 3600);
/// Longest notes of a schedule that is paused or unpaused, in bytes.
pub(crate) const SCHEDULE_NOTES: usize = 1000;
