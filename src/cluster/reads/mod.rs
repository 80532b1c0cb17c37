//! Reading executions: descriptions, pages of histories, and waiting for more of them.

mod describe;
mod history;

pub(crate) use describe::NO_TIME;
pub(crate) use history::HistoryWait;
