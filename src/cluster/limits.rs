//! The limits of a Temporal server, with its default values.

use std::time::Duration;

pub(crate) use crate::rules::names::ID_LENGTH;

/// Largest payload field of a request or command, in bytes.
pub(crate) const BLOB_SIZE: usize = 2 * 1024 * 1024;
/// Largest memo, in bytes.
pub(crate) const MEMO_SIZE: usize = 2 * 1024 * 1024;
/// Largest body of a RespondWorkflowTaskCompleted that a client is told to send, in bytes.
pub(crate) const WORKFLOW_TASK_COMPLETION_SIZE: usize = 40 * 1024 * 1024;

/// Most search attributes of one request or command.
pub(crate) const SEARCH_ATTRIBUTES: usize = 100;
/// Largest value of one search attribute, in bytes.
pub(crate) const SEARCH_ATTRIBUTE_SIZE: usize = 2 * 1024;
/// Largest set of search attributes, in bytes.
pub(crate) const SEARCH_ATTRIBUTES_SIZE: usize = 40 * 1024;

/// Most executions of one page of a list, and the default.
pub(crate) const VISIBILITY_PAGE: usize = 1000;

/// Most links of one request.
pub(crate) const LINKS: usize = 10;

/// A history of more events is terminated.
pub(crate) const HISTORY_COUNT: i64 = 51_200;
/// A larger history is terminated, in bytes.
pub(crate) const HISTORY_SIZE: usize = 50 * 1024 * 1024;
/// From this many events on workers are told to continue as new.
pub(crate) const HISTORY_COUNT_SUGGEST_CONTINUE_AS_NEW: i64 = 4096;
/// From this size on workers are told to continue as new, in bytes.
pub(crate) const HISTORY_SIZE_SUGGEST_CONTINUE_AS_NEW: usize = 4 * 1024 * 1024;
/// Most events of one page of a history, and the default.
pub(crate) const HISTORY_PAGE: usize = 256;

/// Most signals that one run takes.
pub(crate) const SIGNALS: usize = 10_000;
/// Most events that are held back while a workflow task is started.
pub(crate) const BUFFERED_EVENTS: usize = 100;
/// Largest total of the events that are held back, in bytes.
pub(crate) const BUFFERED_EVENTS_SIZE: usize = 2 * 1024 * 1024;

/// Most updates of one run that have not ended.
pub(crate) const UPDATES_IN_FLIGHT: usize = 10;
/// Largest total of the requests of these updates, in bytes.
pub(crate) const UPDATES_IN_FLIGHT_SIZE: usize = 20 * 1024 * 1024;
/// Most updates that one run takes and does not reject.
pub(crate) const UPDATES: usize = 2000;
/// From this many updates on workers are told to continue as new.
pub(crate) const UPDATES_SUGGEST_CONTINUE_AS_NEW: usize = UPDATES / 10 * 9;
/// Most events behind the last completed workflow task with which a speculative one can still vanish.
pub(crate) const DISCARDED_EVENTS: i64 = 10;

/// Most activities, children, signals to others or cancel requests to others that a run has pending.
pub(crate) const PENDING: usize = 2000;

/// From this many pending children on, a workflow of the server's own ends them when their parent closes.
pub(crate) const CHILDREN_CLOSED_AT_ONCE: usize = 10;

/// How long one workflow task can be kept alive by heartbeats.
pub(crate) const WORKFLOW_TASK_HEARTBEATS: Duration = Duration::from_secs(30 * 60);
/// A workflow task that fails more often than this gets more time for each further attempt.
pub(crate) const WORKFLOW_TASK_ATTEMPTS_WITHOUT_BACKOFF: i32 = 3;

/// A sticky queue that nobody polled for this long is passed over.
pub(crate) const STICKY_POLLER_ALIVE: Duration = Duration::from_secs(10);
/// How long a poll for tasks waits on a server whose long polls expire.
pub(crate) const TASK_LONG_POLL: Duration = Duration::from_secs(60);
/// How long a read of a history waits on a server whose long polls expire.
pub(crate) const HISTORY_LONG_POLL: Duration = Duration::from_secs(20);
/// How long a call waits for an update on a server whose long polls expire.
pub(crate) const UPDATE_LONG_POLL: Duration = Duration::from_secs(20);
/// A long poll ends this long before its caller's deadline.
pub(crate) const LONG_POLL_TAIL: Duration = Duration::from_secs(1);
/// A long poll with less time than this before its caller's deadline is refused.
pub(crate) const LONG_POLL_MINIMUM: Duration = Duration::from_secs(2);

/// A run that follows another one of its chain starts work no sooner than this after it.
pub(crate) const CHAIN_INTERVAL: Duration = Duration::from_secs(1);
/// How long closed runs of the default namespace are kept, as it is told.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 3600);

/// Longest notes of a schedule that is paused or unpaused, in bytes.
pub(crate) const SCHEDULE_NOTES: usize = 1000;
