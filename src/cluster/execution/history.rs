//! The event history of a run.

use std::{
    cell::{Cell, OnceCell},
    iter::Rev,
    ops::Range,
    sync::Arc,
};

use prost::Message;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

/// The events of a run, numbered from 1, and the batches in which they were written.
///
/// Pages of a history never split a batch.
///
/// An event takes two kilobytes, whatever it says, and a hundred bytes when it is encoded. Most runs wait for something most
/// of the time, or have closed, and nobody looks at their events then: these are kept only as they are encoded.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Shared with whoever reads them. An event that is not there is among those that are packed.
    events: Vec<OnceCell<Arc<HistoryEvent>>>,
    /// The oldest events as they are encoded. Never out of date: an event that is written does not change any more.
    packed: Packed,
    /// No event between the first one and this index is there but packed.
    large_from: Cell<usize>,
    /// The index of the first event of each batch.
    batches: Vec<usize>,
    /// Whether the last batch still grows.
    open: bool,
    size: usize,
}

/// Encoded events, one behind the other.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

/// How much of a history there was at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    events: usize,
    batches: usize,
    open: bool,
    size: usize,
}

impl Mark {
    /// The size of the events until then, in bytes.
    pub(super) fn size(self) -> usize {
        self.size
    }
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

    /// How many events are there as they are read, or have been since they were packed.
    pub(in crate::cluster) fn large(&self) -> usize {
        self.events.len() - self.large_from.get()
    }

    /// Nobody is likely to read this for a while: makes it small. Whoever reads an event makes that one large again.
    pub(in crate::cluster) fn pack(&mut self) {
        self.pack_all_but_first();
        self.events.iter_mut().take(1).for_each(|event| drop(event.take()));
        self.packed.bytes.shrink_to_fit();
        self.packed.ends.shrink_to_fit();
    }

    /// The same for a run that is going to go on: what it was started with will be looked up then.
    pub(in crate::cluster) fn pack_all_but_first(&mut self) {
        let packed = self.packed.ends.len();
        self.packed.bytes.reserve(self.size.saturating_sub(self.packed.bytes.len()));
        self.packed.ends.reserve(self.events.len().saturating_sub(packed));
        for event in self.events.iter().skip(packed).filter_map(OnceCell::get) {
            self.packed.push(event);
        }
        let large_from = self.large_from.replace(self.events.len()).max(1);
        self.events.iter_mut().skip(large_from).for_each(|event| drop(event.take()));
    }

    /// The first event.
    pub(crate) fn first(&self) -> Option<&HistoryEvent> {
        self.at(0).map(AsRef::as_ref)
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<&HistoryEvent> {
        self.at(self.events.len().checked_sub(1)?).map(AsRef::as_ref)
    }

    /// The event of an id.
    pub(crate) fn get(&self, event_id: i64) -> Option<&HistoryEvent> {
        self.at(usize::try_from(event_id.checked_sub(1)?).ok()?).map(AsRef::as_ref)
    }

    fn at(&self, index: usize) -> Option<&Arc<HistoryEvent>> {
        let event = self.events.get(index)?;
        Some(event.get_or_init(|| {
            self.large_from.update(|large_from| large_from.min(index));
            let decoded = self.packed.get(index).and_then(|bytes| HistoryEvent::decode(bytes).ok());
            Arc::new(decoded.expect("an event that is not there as it is read was packed"))
        }))
    }

    fn events(&self, indexes: Range<usize>) -> Events<'_> {
        Events { history: self, indexes }
    }

    /// Copies of all events.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<HistoryEvent> {
        self.since(1).map(|event| event.as_ref().clone()).collect()
    }

    /// The events with ids from `first` on.
    pub(crate) fn since(&self, first: i64) -> Events<'_> {
        let index = usize::try_from(first.saturating_sub(1)).unwrap_or(0);
        self.events(index.min(self.events.len())..self.events.len())
    }

    /// The events from `first` to the end of the `count`th batch from there, but none with an id of `end`
    /// or more; and whether `count` was what ended it.
    pub(crate) fn page(&self, first: i64, end: i64, count: usize) -> (Events<'_>, bool) {
        let all = self.events.len();
        let from = usize::try_from(first.saturating_sub(1)).unwrap_or(0).min(all);
        let limit = usize::try_from(end.saturating_sub(1)).unwrap_or(0).clamp(from, all);
        let batch = self.batches.partition_point(|&start| start <= from);
        let to = match count {
            0 => from,
            // `batch` is the batch after the one that `from` is in.
            count => self.batches.get(batch + count - 1).copied().unwrap_or(all),
        };
        let end_batch = self.batches.partition_point(|&start| start < limit);
        let full = end_batch.saturating_sub(batch) + usize::from(from < limit) >= count;
        (self.events(from..to.clamp(from, limit)), full)
    }

    /// The events from `last` down to the start of the `count`th batch, newest first; and whether `count`
    /// was what ended it.
    pub(crate) fn page_backwards(&self, last: i64, count: usize) -> (Rev<Events<'_>>, bool) {
        let to = usize::try_from(last).unwrap_or(0).min(self.events.len());
        let batches = self.batches.partition_point(|&start| start < to);
        let from = match batches.checked_sub(count) {
            Some(batch) => self.batches.get(batch).copied().unwrap_or(to).min(to),
            None => 0,
        };
        (self.events(from..to).rev(), batches >= count)
    }

    /// The events up to an id, in the batches in which they were written; `None` unless the event is the last of its batch.
    pub(super) fn copy_until(&self, last: i64) -> Option<Self> {
        let end = usize::try_from(last).ok().filter(|&end| 0 < end && end <= self.events.len())?;
        let batches = self.batches.partition_point(|&start| start < end);
        if self.batches.get(batches).copied().unwrap_or(self.events.len()) != end {
            return None;
        }
        let events: Vec<_> = self.events(0..end).map(|event| event.clone().into()).collect();
        let size = self.events(0..end).map(|event| event.encoded_len()).sum();
        let batches = self.batches[..batches].to_vec();
        Some(Self { events, batches, size, ..Self::default() })
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
        self.events.push(event.into());
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
        self.packed.truncate(mark.events);
        self.large_from.update(|large_from| large_from.min(mark.events));
        self.batches.truncate(mark.batches);
        self.open = mark.open;
        self.size = mark.size;
    }
}

impl Packed {
    fn push(&mut self, event: &HistoryEvent) {
        event.encode(&mut self.bytes).expect("a vector has room for any message");
        self.ends.push(self.bytes.len());
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..*self.ends.get(index)?)
    }

    fn truncate(&mut self, events: usize) {
        self.ends.truncate(events);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Events of a history, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Events<'a> {
    history: &'a History,
    indexes: Range<usize>,
}

impl<'a> Iterator for Events<'a> {
    type Item = &'a Arc<HistoryEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.history.at(self.indexes.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indexes.size_hint()
    }
}

impl DoubleEndedIterator for Events<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.history.at(self.indexes.next_back()?)
    }
}

impl ExactSizeIterator for Events<'_> {}

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
        fn packing_changes_nothing(batches in prop::collection::vec(1..4_usize, 0..12), more in 0..3_usize) {
            let (mut packed, mut other) = (history(&batches), history(&batches));
            packed.pack();
            prop_assert_eq!((packed.next_event_id(), packed.size()), (other.next_event_id(), other.size()));
            prop_assert_eq!(packed.to_vec(), other.to_vec());
            packed.pack_all_but_first();
            for history in [&mut packed, &mut other] {
                for _ in 0..more {
                    let event_id = history.next_event_id();
                    history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
                }
            }
            prop_assert_eq!(packed.to_vec(), other.to_vec());
        }

        #[test]
        fn what_is_packed_is_small_whatever_was_read(
            batches in prop::collection::vec(1..4_usize, 0..12),
            reads in prop::collection::vec(1..40_i64, 0..8),
            more in 0..3_usize,
        ) {
            let mut history = history(&batches);
            history.pack_all_but_first();
            for event_id in reads {
                let _ = history.get(event_id);
            }
            for _ in 0..more {
                let event_id = history.next_event_id();
                history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
            }
            history.pack_all_but_first();
            prop_assert!(history.events.iter().skip(1).all(|stored| stored.event.get().is_none()));
            history.pack();
            prop_assert!(history.events.iter().all(|stored| stored.event.get().is_none()));
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
