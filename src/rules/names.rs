//! Ids, types and the names of task queues.

use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;

/// The longest id, type or task queue name, in bytes, unless somebody has chosen another length.
pub(crate) const ID_LENGTH: usize = 1000;

/// Task queues whose names begin so belong to the server.
const RESERVED_TASK_QUEUE_PREFIX: &str = "/_sys/";

/// The task queue that a request or a command names.
///
/// # Errors
///
/// What the server says if it is absent, has no name, or a name that is too long or reserved.
pub(crate) fn check_task_queue(
    task_queue: Option<&TaskQueue>,
    id_length: usize,
) -> Result<&TaskQueue, &'static str> {
    let queue = task_queue.ok_or("taskQueue is not set")?;
    if queue.name.is_empty() {
        return Err("missing task queue name");
    }
    if queue.name.len() > id_length {
        return Err("taskQueue length exceeds limit");
    }
    if queue.name.starts_with(RESERVED_TASK_QUEUE_PREFIX) {
        return Err("task queue name cannot start with reserved prefix /_sys/");
    }
    Ok(queue)
}
