//! The event history of a run.

use std::{cell::OnceCell, sync::Arc};

use prost::Message;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

/// The events of a run, numbered from 1, and the batches in which they were written.
///
/// Pages of a history never split a batch.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Shared with whoever reads them. Not set while nobody has read a history that is packed.
    events: OnceCell<Vec<Arc<HistoryEvent>>>,
    /// How many events there are.
    count: usize,
    packed: Option<Packed>,
    /// The index of the first event of each batch.
    batches: Vec<usize>,
    /// Whether the last batch still grows.
    open: bool,
    size: usize,
}

/// The events of a run that has closed, each with its length before it, as they are encoded.
///
/// An event takes two kilobytes, whatever it says, and a hundred bytes like this. A simulation keeps every run, and most of
/// them nobody ever looks at again.
#[derive(Debug)]
struct Packed(Box<[u8]>);

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
        self.count as i64 + 1
    }

    /// The size of all events in bytes, as they are encoded.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// All events.
    fn events(&self) -> &[Arc<HistoryEvent>] {
        self.events.get_or_init(|| self.packed.as_ref().map(Packed::unpack).unwrap_or_default())
    }

    /// Nothing will be written any more, and hardly anything read: makes it small. The next reader makes it large again.
    pub(in crate::cluster) fn pack(&mut self) {
        if self.packed.is_none() {
            self.packed = Some(Packed::of(self.events()));
            self.events = OnceCell::new();
        }
    }

    /// The first event.
    pub(crate) fn first(&self) -> Option<&HistoryEvent> {
        self.events().first().map(AsRef::as_ref)
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<&HistoryEvent> {
        self.events().last().map(AsRef::as_ref)
    }

    /// The event of an id.
    pub(crate) fn get(&self, event_id: i64) -> Option<&HistoryEvent> {
        self.events().get(usize::try_from(event_id.checked_sub(1)?).ok()?).map(AsRef::as_ref)
    }

    /// Copies of all events.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<HistoryEvent> {
        self.events().iter().map(|event| event.as_ref().clone()).collect()
    }

    /// The events with ids from `first` on.
    pub(crate) fn since(&self, first: i64) -> &[Arc<HistoryEvent>] {
        let index = usize::try_from(first.saturating_sub(1)).unwrap_or(0);
        self.events().get(index..).unwrap_or_default()
    }

    /// The events from `first` to the end of the `count`th batch from there, but none with an id of `end`
    /// or more; and whether `count` was what ended it.
    pub(crate) fn page(&self, first: i64, end: i64, count: usize) -> (&[Arc<HistoryEvent>], bool) {
        let from = usize::try_from(first.saturating_sub(1)).unwrap_or(0).min(self.count);
        let limit = usize::try_from(end.saturating_sub(1)).unwrap_or(0).clamp(from, self.count);
        let batch = self.batches.partition_point(|&start| start <= from);
        let to = match count {
            0 => from,
            // `batch` is the batch after the one that `from` is in.
            count => self.batches.get(batch + count - 1).copied().unwrap_or(self.count),
        };
        let end_batch = self.batches.partition_point(|&start| start < limit);
        let full = end_batch.saturating_sub(batch) + usize::from(from < limit) >= count;
        (&self.events()[from..to.clamp(from, limit)], full)
    }

    /// The events from `last` down to the start of the `count`th batch, newest first; and whether `count`
    /// was what ended it.
    pub(crate) fn page_backwards(
        &self,
        last: i64,
        count: usize,
    ) -> (impl Iterator<Item = &HistoryEvent>, bool) {
        let to = usize::try_from(last).unwrap_or(0).min(self.count);
        let batches = self.batches.partition_point(|&start| start < to);
        let from = match batches.checked_sub(count) {
            Some(batch) => self.batches.get(batch).copied().unwrap_or(to).min(to),
            None => 0,
        };
        (self.events()[from..to].iter().rev().map(AsRef::as_ref), batches >= count)
    }

    /// The events up to an id, in the batches in which they were written; `None` unless the event is the last of its batch.
    pub(super) fn copy_until(&self, last: i64) -> Option<Self> {
        let end = usize::try_from(last).ok().filter(|&end| 0 < end && end <= self.count)?;
        let batches = self.batches.partition_point(|&start| start < end);
        if self.batches.get(batches).copied().unwrap_or(self.count) != end {
            return None;
        }
        let events = self.events()[..end].to_vec();
        let size = events.iter().map(|event| event.encoded_len()).sum();
        let batches = self.batches[..batches].to_vec();
        Some(Self { count: events.len(), events: events.into(), packed: None, batches, open: false, size })
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
            self.batches.push(self.count);
            self.open = true;
        }
        self.size += event.encoded_len();
        self.count += 1;
        self.change(|events| events.push(event));
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Arc<HistoryEvent>>)) {
        let mut events = self.events.take().unwrap_or_else(|| match self.packed.take() {
            Some(packed) => packed.unpack(),
            None => Vec::new(),
        });
        change(&mut events);
        self.events = events.into();
        // What was packed is out of date.
        self.packed = None;
    }

    /// Ends the open batch.
    pub(super) fn close_batch(&mut self) {
        self.open = false;
    }

    /// Remembers how much there is.
    pub(super) fn mark(&self) -> Mark {
        Mark { events: self.count, batches: self.batches.len(), open: self.open, size: self.size }
    }

    /// Removes what was written since.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        self.change(|events| events.truncate(mark.events));
        self.count = mark.events;
        self.batches.truncate(mark.batches);
        self.open = mark.open;
        self.size = mark.size;
    }
}

impl Packed {
    fn of(events: &[Arc<HistoryEvent>]) -> Self {
        let mut bytes = Vec::new();
        for event in events {
            event.encode_length_delimited(&mut bytes).expect("a vector grows as far as it has to");
        }
        Self(bytes.into())
    }

    fn unpack(&self) -> Vec<Arc<HistoryEvent>> {
        let (mut bytes, mut events) = (&*self.0, Vec::new());
        while !bytes.is_empty() {
            let event = HistoryEvent::decode_length_delimited(&mut bytes).expect("it was encoded by `of`");
            events.push(Arc::new(event));
        }
        events
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
        fn packing_changes_nothing(batches in prop::collection::vec(1..4_usize, 0..12), more in 0..3_usize) {
            let (mut packed, mut other) = (history(&batches), history(&batches));
            packed.pack();
            prop_assert_eq!((packed.next_event_id(), packed.size()), (other.next_event_id(), other.size()));
            prop_assert_eq!(packed.since(1), other.since(1));
            packed.pack();
            for history in [&mut packed, &mut other] {
                for _ in 0..more {
                    let event_id = history.next_event_id();
                    history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
                }
            }
            prop_assert_eq!(packed.since(1), other.since(1));
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
