//! The event history of a run.

use std::sync::Arc;

use prost::Message;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

/// The events of a run, numbered from 1, and the batches in which they were written.
///
/// Pages of a history never split a batch.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Shared with whoever reads them.
    events: Vec<Arc<HistoryEvent>>,
    /// The index of the first event of each batch.
    batches: Vec<usize>,
    /// Whether the last batch still grows.
    open: bool,
    size: usize,
}

/// How much of a history there was at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    events: usize,
    batches: usize,
    open: bool,
    size: usize,
}

impl History {
    /// The id of the event that will be written next.
    pub(crate) fn next_event_id(&self) -> i64 {
        self.events.len() as i64 + 1
    }

    /// The size of all events in bytes, as they are encoded.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The first event.
    pub(crate) fn first(&self) -> Option<&HistoryEvent> {
        self.events.first().map(AsRef::as_ref)
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<&HistoryEvent> {
        self.events.last().map(AsRef::as_ref)
    }

    /// The event of an id.
    pub(crate) fn get(&self, event_id: i64) -> Option<&HistoryEvent> {
        self.events.get(usize::try_from(event_id.checked_sub(1)?).ok()?).map(AsRef::as_ref)
    }

    /// Copies of all events.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<HistoryEvent> {
        self.events.iter().map(|event| event.as_ref().clone()).collect()
    }

    /// The events with ids from `first` on.
    pub(crate) fn since(&self, first: i64) -> &[Arc<HistoryEvent>] {
        let index = usize::try_from(first.saturating_sub(1)).unwrap_or(0);
        self.events.get(index..).unwrap_or_default()
    }

    /// The events from `first` to the end of the `count`th batch from there, but none with an id of `end`
    /// or more; and whether `count` was what ended it.
    pub(crate) fn page(&self, first: i64, end: i64, count: usize) -> (&[Arc<HistoryEvent>], bool) {
        let from = usize::try_from(first.saturating_sub(1)).unwrap_or(0).min(self.events.len());
        let limit = usize::try_from(end.saturating_sub(1)).unwrap_or(0).clamp(from, self.events.len());
        let batch = self.batches.partition_point(|&start| start <= from);
        let to = match count {
            0 => from,
            // `batch` is the batch after the one that `from` is in.
            count => self.batches.get(batch + count - 1).copied().unwrap_or(self.events.len()),
        };
        let end_batch = self.batches.partition_point(|&start| start < limit);
        let full = end_batch.saturating_sub(batch) + usize::from(from < limit) >= count;
        (&self.events[from..to.clamp(from, limit)], full)
    }

    /// The events from `last` down to the start of the `count`th batch, newest first; and whether `count`
    /// was what ended it.
    pub(crate) fn page_backwards(
        &self,
        last: i64,
        count: usize,
    ) -> (impl Iterator<Item = &HistoryEvent>, bool) {
        let to = usize::try_from(last).unwrap_or(0).min(self.events.len());
        let batches = self.batches.partition_point(|&start| start < to);
        let from = match batches.checked_sub(count) {
            Some(batch) => self.batches.get(batch).copied().unwrap_or(to).min(to),
            None => 0,
        };
        (self.events[from..to].iter().rev().map(AsRef::as_ref), batches >= count)
    }

    /// The events up to an id, in the batches in which they were written; `None` unless the event is the last of its batch.
    pub(super) fn copy_until(&self, last: i64) -> Option<Self> {
        let end = usize::try_from(last).ok().filter(|&end| 0 < end && end <= self.events.len())?;
        let batches = self.batches.partition_point(|&start| start < end);
        if self.batches.get(batches).copied().unwrap_or(self.events.len()) != end {
            return None;
        }
        let events = self.events[..end].to_vec();
        let size = events.iter().map(|event| event.encoded_len()).sum();
        Some(Self { events, batches: self.batches[..batches].to_vec(), open: false, size })
    }

    /// The events that another cluster wrote. It does not tell in which batches; a workflow task's completion and the events of
    /// its commands are always one.
    pub(super) fn of_recorded(events: &[Arc<HistoryEvent>]) -> Self {
        let mut history = Self::default();
        for event in events {
            if !event.is_command_event() {
                history.close_batch();
            }
            history.append(event.clone());
        }
        history.close_batch();
        history
    }

    /// Writes an event at the end of the open batch, or of a batch of its own. It has its id already.
    pub(super) fn append(&mut self, event: Arc<HistoryEvent>) {
        debug_assert_eq!(event.event_id, self.next_event_id(), "event ids are contiguous");
        if !self.open {
            self.batches.push(self.events.len());
            self.open = true;
        }
        self.size += event.encoded_len();
        self.events.push(event);
    }

    /// Ends the open batch.
    pub(super) fn close_batch(&mut self) {
        self.open = false;
    }

    /// Remembers how much there is.
    pub(super) fn mark(&self) -> Mark {
        Mark { events: self.events.len(), batches: self.batches.len(), open: self.open, size: self.size }
    }

    /// Removes what was written since.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        self.events.truncate(mark.events);
        self.batches.truncate(mark.batches);
        self.open = mark.open;
        self.size = mark.size;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn history(batches: &[usize]) -> History {
        let mut history = History::default();
        for &size in batches {
            for _ in 0..size {
                let event_id = history.next_event_id();
                history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
            }
            history.close_batch();
        }
        history
    }

    proptest! {
        #[test]
        fn pages_make_up_the_whole_and_split_no_batch(
            batches in prop::collection::vec(1..4_usize, 0..12),
            count in 1..5_usize,
        ) {
            let history = history(&batches);
            let end = history.next_event_id();
            let (mut first, mut pages) = (1, 0);
            loop {
                let (page, full) = history.page(first, end, count);
                let expected: usize = batches.iter().skip(pages * count).take(count).sum();
                prop_assert_eq!(page.len(), expected);
                first += page.len() as i64;
                pages += 1;
                if !full {
                    break;
                }
            }
            prop_assert_eq!(first, end);
        }

        #[test]
        fn pages_backwards_make_up_the_whole(
            batches in prop::collection::vec(1..4_usize, 0..12),
            count in 1..5_usize,
        ) {
            let history = history(&batches);
            let mut ids = Vec::new();
            let mut last = history.next_event_id() - 1;
            loop {
                let (page, full) = history.page_backwards(last, count);
                ids.extend(page.map(|event| event.event_id));
                last = history.next_event_id() - 1 - ids.len() as i64;
                if !full {
                    break;
                }
            }
            prop_assert!(ids.into_iter().rev().eq(1..history.next_event_id()));
        }

        #[test]
        fn rolling_back_leaves_what_there_was(before in 0..5_usize, after in 0..5_usize) {
            let mut history = history(&[before]);
            let (mark, size) = (history.mark(), history.size());
            for _ in 0..after {
                let event_id = history.next_event_id();
                history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
            }
            history.roll_back(mark);
            prop_assert_eq!((history.next_event_id(), history.size()), (before as i64 + 1, size));
        }
    }
}
