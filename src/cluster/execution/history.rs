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
    /// Shared with whoever reads them. One that is not there is decoded when somebody wants to read it.
    events: Vec<OnceCell<Arc<HistoryEvent>>>,
    /// The events as they are encoded, one behind the other: an event that is written does not change any more.
    encoded: Vec<u8>,
    /// Where the encoded form of each ends.
    ends: Vec<usize>,
    /// No event before this index is there as it is read, unless it has to be.
    large_from: Cell<usize>,
    /// The index of the first event of each batch.
    batches: Vec<usize>,
    /// Whether the last batch still grows.
    open: bool,
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
        self.encoded.len()
    }

    /// How many events may be there as they are read.
    pub(in crate::cluster) fn large(&self) -> usize {
        self.events.len() - self.large_from.get()
    }

    /// Nobody is likely to read this for a while: makes it small. Whoever reads an event makes that one large again.
    pub(in crate::cluster) fn pack(&mut self) {
        for index in self.large_from.replace(self.events.len())..self.events.len() {
            if self.events[index].get().is_some() && can_be_decoded(self.encoded(index)) {
                self.events[index].take();
            }
        }
    }

    /// Nothing more will be written.
    pub(in crate::cluster) fn shrink_to_fit(&mut self) {
        self.encoded.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.events.shrink_to_fit();
        self.batches.shrink_to_fit();
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
            let decoded = HistoryEvent::decode(self.encoded(index));
            Arc::new(decoded.expect("what cannot be decoded is kept as it is read"))
        }))
    }

    /// An event as it is encoded.
    fn encoded(&self, index: usize) -> &[u8] {
        self.encoded.get(self.end(index)..self.end(index + 1)).unwrap_or_default()
    }

    /// Where the encoded form of so many events ends.
    fn end(&self, events: usize) -> usize {
        events.checked_sub(1).and_then(|last| self.ends.get(last).copied()).unwrap_or(0)
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
        Some(Self {
            events: self.events.get(..end)?.to_vec(),
            encoded: self.encoded.get(..self.end(end))?.to_vec(),
            ends: self.ends.get(..end)?.to_vec(),
            large_from: Cell::new(self.large_from.get().min(end)),
            batches: self.batches.get(..batches)?.to_vec(),
            open: false,
        })
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
        event.encode(&mut self.encoded).expect("a vector has room for any message");
        self.ends.push(self.encoded.len());
        self.events.push(event.into());
    }

    /// Ends the open batch.
    pub(super) fn close_batch(&mut self) {
        self.open = false;
    }

    /// Remembers how much there is.
    pub(super) fn mark(&self) -> Mark {
        Mark { events: self.events.len(), batches: self.batches.len(), open: self.open, size: self.size() }
    }

    /// Removes what was written since.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        self.events.truncate(mark.events);
        self.ends.truncate(mark.events);
        self.encoded.truncate(mark.size);
        self.large_from.update(|large_from| large_from.min(mark.events));
        self.batches.truncate(mark.batches);
        self.open = mark.open;
    }
}

/// Whether an event that was encoded like this can be decoded again.
///
/// Messages are decoded only so deep, but a failure can have as many causes as it likes. Nothing else in an event is nested
/// in itself.
fn can_be_decoded(encoded: &[u8]) -> bool {
    let causes = encoded.iter().filter(|&&byte| byte == CAUSE).count();
    causes < DEEP || HistoryEvent::decode(encoded).is_ok()
}

/// The byte with which the cause of a failure begins, besides other things.
const CAUSE: u8 = 0x22;

/// So many levels are always decoded: the limit is 100.
const DEEP: usize = 80;

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
    use prost_reflect::{Kind, MessageDescriptor};
    use temporalio_common::protos::temporal::api::{
        failure::v1::Failure,
        history::v1::{WorkflowExecutionFailedEventAttributes, history_event::Attributes},
    };

    use super::*;
    use crate::proto_json;

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

    /// Protobuf messages are decoded only so deep, but a workflow can fail with a chain of causes as long as it likes.
    #[test]
    fn an_event_that_cannot_be_decoded_stays_as_it_is() {
        let mut failure = Failure::default();
        for _ in 0..200 {
            failure = Failure { cause: Some(Box::new(failure)), ..Default::default() };
        }
        let mut history = history(&[1]);
        history.append(Arc::new(HistoryEvent {
            event_id: 2,
            attributes: Some(Attributes::WorkflowExecutionFailedEventAttributes(
                WorkflowExecutionFailedEventAttributes { failure: Some(failure), ..Default::default() },
            )),
            ..Default::default()
        }));
        let before = history.to_vec();
        history.pack();
        assert_eq!(history.to_vec(), before);
    }

    #[test]
    fn nothing_but_the_cause_of_a_failure_is_nested_in_itself() {
        fn check(message: &MessageDescriptor, above: &mut Vec<String>) {
            assert!(
                !above.iter().any(|name| name == message.full_name()),
                "{above:?} > {}",
                message.full_name()
            );
            above.push(message.full_name().to_owned());
            for field in message.fields() {
                let is_cause = field.full_name() == "temporal.api.failure.v1.Failure.cause"
                    && (field.number() << 3) | 2 == u32::from(CAUSE);
                if let Kind::Message(inner) = field.kind()
                    && !is_cause
                {
                    check(&inner, above);
                }
            }
            above.pop();
        }
        let event = proto_json::message_type("temporal.api.history.v1.HistoryEvent")
            .expect("it is among the descriptors");
        check(&event, &mut Vec::new());
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
            packed.pack();
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
            history.pack();
            for event_id in reads {
                let _ = history.get(event_id);
            }
            for _ in 0..more {
                let event_id = history.next_event_id();
                history.append(Arc::new(HistoryEvent { event_id, ..Default::default() }));
            }
            history.pack();
            prop_assert!(history.events.iter().all(|event| event.get().is_none()));
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
