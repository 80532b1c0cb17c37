//! Histories in several pieces.
//!
//! A server gives a long history away page by page, and whoever saves the pages as they come has a history in
//! several files. [`History::merge`] makes one of them again.

use std::{
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use super::{History, InvalidHistory, LoadError, load};

/// Events of one run that follow on each other: a piece of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    source: Option<PathBuf>,
    events: Vec<HistoryEvent>,
    is_continued: bool,
}

impl Page {
    /// A page with these events.
    pub fn new(events: Vec<HistoryEvent>) -> Self {
        Self { source: None, events, is_continued: false }
    }

    /// A page of which the server said whether there is another one behind it.
    pub(super) fn continued(events: Vec<HistoryEvent>, is_continued: bool) -> Self {
        Self { source: None, events, is_continued }
    }

    /// Reads a page from a file: what [`History::load`] reads, from whatever event on.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or holds no events; the error names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let page = load::file(path, Self::from_bytes)?;
        Ok(Self { source: Some(path.to_owned()), ..page })
    }

    /// Reads a page: what [`History::from_bytes`] reads, from whatever event on.
    ///
    /// # Errors
    ///
    /// If the bytes are no events.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        load::page(bytes)
    }

    /// The events, in their order.
    pub fn events(&self) -> &[HistoryEvent] {
        &self.events
    }

    /// Whether the server said that there is another page behind this one.
    pub fn is_continued(&self) -> bool {
        self.is_continued
    }

    /// Takes the events out.
    pub fn into_events(self) -> Vec<HistoryEvent> {
        self.events
    }

    fn ids(&self) -> Option<RangeInclusive<i64>> {
        Some(self.events.first()?.event_id..=self.events.last()?.event_id)
    }
}

/// Why pages are not the history of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Events are on no page.
    #[error("{} {} missing: no page has {}; export the pages that do", ranges(.events), are(.events), them(.events))]
    Missing {
        /// Their ids.
        events: Vec<RangeInclusive<i64>>,
    },
    /// The last page is not the last.
    #[error(
        "events after event {last_event_id} are missing: {page} says that another page follows it; export that too"
    )]
    Continued {
        /// The last event that there is.
        last_event_id: i64,
        /// The page that has it.
        page: String,
    },
    /// Two pages have the same events. [`History::merge_overlapping`] allows that.
    #[error(
        "{} {} in {first} and in {second}, with the same content; leave one of the pages out, or \
         allow overlapping pages",
        range(.events), is(.events)
    )]
    Overlap {
        /// The ids of the events.
        events: RangeInclusive<i64>,
        /// The page with the lower ids.
        first: String,
        /// The other one.
        second: String,
    },
    /// Two pages have different events of one id.
    #[error(
        "event {event_id} is {first_type} in {first} and another {second_type} in {second}; are the pages \
         of two runs?"
    )]
    Contradiction {
        /// The id.
        event_id: i64,
        /// One page.
        first: String,
        /// The other one.
        second: String,
        /// The type of the event on the one page.
        first_type: &'static str,
        /// The type of the event on the other.
        second_type: &'static str,
    },
    /// The pages fit together, but are no history.
    #[error(transparent)]
    Invalid(#[from] InvalidHistory),
}

impl History {
    /// Makes one history of pages, whatever their order. Pages without events are left out.
    ///
    /// # Errors
    ///
    /// If events are missing, or are on two pages: the error says which.
    pub fn merge(pages: impl IntoIterator<Item = Page>) -> Result<Self, MergeError> {
        merge(pages, false)
    }

    /// As [`History::merge`], but two pages may have the same events if their content is the same, as when an
    /// open run was exported twice.
    ///
    /// # Errors
    ///
    /// If events are missing, or are not the same on two pages: the error says which.
    pub fn merge_overlapping(pages: impl IntoIterator<Item = Page>) -> Result<Self, MergeError> {
        merge(pages, true)
    }
}

fn merge(pages: impl IntoIterator<Item = Page>, overlapping: bool) -> Result<History, MergeError> {
    let mut pages: Vec<(String, Page)> =
        (1..).zip(pages).map(|(number, page)| (name(number, &page), page)).collect();
    pages.retain(|(_, page)| !page.events.is_empty());
    pages.sort_by_key(|(_, page)| page.ids().map(RangeInclusive::into_inner));
    let last_page = pages.iter().max_by_key(|(_, page)| page.ids().map(|ids| *ids.end()));
    let continued = last_page.filter(|(_, page)| page.is_continued).map(|(name, _)| name.clone());

    let mut events: Vec<HistoryEvent> = Vec::new();
    let mut missing: Vec<RangeInclusive<i64>> = Vec::new();
    // Where each event that is there came from, as the index of its page, at the places of `events`.
    let mut origins: Vec<usize> = Vec::new();
    for (index, (name, page)) in pages.iter().enumerate() {
        let mut overlap: Option<(usize, RangeInclusive<i64>)> = None;
        for event in &page.events {
            let next = events.last().map_or(1, |last| last.event_id.saturating_add(1));
            if event.event_id >= next {
                if event.event_id > next {
                    missing.push(next..=event.event_id - 1);
                }
                events.push(event.clone());
                origins.push(index);
                continue;
            }
            let Ok(place) = events.binary_search_by_key(&event.event_id, |event| event.event_id) else {
                continue;
            };
            let (Some(known), Some(origin)) = (events.get(place), origins.get(place)) else { continue };
            let first = pages.get(*origin).map(|(name, _)| name.clone()).unwrap_or_default();
            if known != event {
                return Err(MergeError::Contradiction {
                    event_id: event.event_id,
                    first,
                    second: name.clone(),
                    first_type: known.event_type().as_str_name(),
                    second_type: event.event_type().as_str_name(),
                });
            }
            let start = overlap.map_or(event.event_id, |(_, events)| *events.start());
            overlap = Some((*origin, start..=event.event_id));
        }
        if let Some((origin, events)) = overlap.filter(|_| !overlapping) {
            let first = pages.get(origin).map(|(name, _)| name.clone()).unwrap_or_default();
            return Err(MergeError::Overlap { events, first, second: name.clone() });
        }
    }
    if !missing.is_empty() {
        return Err(MergeError::Missing { events: missing });
    }
    if let (Some(page), Some(last)) = (continued, events.last()) {
        return Err(MergeError::Continued { last_event_id: last.event_id, page });
    }
    Ok(History::new(events)?)
}

fn name(number: usize, page: &Page) -> String {
    page.source.as_ref().map_or_else(|| format!("page {number}"), |path| path.display().to_string())
}

/// `events 3 to 7`, `event 3`
fn range(range: &RangeInclusive<i64>) -> String {
    match (range.start(), range.end()) {
        (start, end) if start == end => format!("event {start}"),
        (start, end) => format!("events {start} to {end}"),
    }
}

fn is(range: &RangeInclusive<i64>) -> &'static str {
    if range.start() == range.end() { "is" } else { "are" }
}

fn ranges(ranges: &[RangeInclusive<i64>]) -> String {
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

fn are(ranges: &[RangeInclusive<i64>]) -> &'static str {
    match ranges {
        [only] => is(only),
        _ => "are",
    }
}

fn them(ranges: &[RangeInclusive<i64>]) -> &'static str {
    if are(ranges) == "is" { "it" } else { "them" }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ids() {
            Some(ids) => f.write_str(&range(&ids)),
            None => f.write_str("no events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    fn history() -> History {
        History::load(concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production/transfer_ok.json")).unwrap()
    }

    fn page(ids: RangeInclusive<usize>) -> Page {
        Page::new(history().into_events()[ids.start() - 1..*ids.end()].to_vec())
    }

    #[test]
    fn pages_in_any_order_are_the_history() {
        let pages = [page(11..=29), page(1..=5), Page::new(Vec::new()), page(6..=10)];
        assert_eq!(History::merge(pages).unwrap(), history());
    }

    #[test]
    fn what_is_missing_is_said() {
        let check = |pages: Vec<Page>| History::merge(pages).unwrap_err().to_string();
        insta::assert_snapshot!(check(vec![]), @r"the history has no events: export it with `temporal workflow show --output json`");
        insta::assert_snapshot!(check(vec![page(2..=29)]), @r"event 1 is missing: no page has it; export the pages that do");
        insta::assert_snapshot!(check(vec![page(1..=4), page(9..=12), page(20..=29)]), @r"events 5 to 8, events 13 to 19 are missing: no page has them; export the pages that do");
    }

    #[test]
    fn what_is_there_twice_is_said() {
        let pages = || [page(1..=10), page(8..=29)];
        insta::assert_snapshot!(History::merge(pages()).unwrap_err(), @r"events 8 to 10 are in page 1 and in page 2, with the same content; leave one of the pages out, or allow overlapping pages");
        assert_eq!(History::merge_overlapping(pages()).unwrap(), history());
        assert_eq!(History::merge_overlapping([page(1..=29), page(3..=5), page(2..=7)]).unwrap(), history());

        let mut other = page(8..=29).into_events();
        other[1].task_id += 1;
        let contradiction = History::merge_overlapping([page(1..=10), Page::new(other)]).unwrap_err();
        insta::assert_snapshot!(contradiction, @r"event 9 is EVENT_TYPE_WORKFLOW_TASK_STARTED in page 1 and another EVENT_TYPE_WORKFLOW_TASK_STARTED in page 2; are the pages of two runs?");
    }

    /// The answer of the server to one call, as JSON.
    fn answer(ids: RangeInclusive<usize>, raw: bool, token: &str) -> Vec<u8> {
        let page = page(ids);
        let events =
            temporalio_common::protos::temporal::api::history::v1::History { events: page.into_events() };
        let mut answer = if raw {
            let blob = BASE64_STANDARD.encode(prost::Message::encode_to_vec(&events));
            json!({"rawHistory": [{"encodingType": "ENCODING_TYPE_PROTO3", "data": blob}]})
        } else {
            json!({"history": crate::proto_json::to_value(&events).unwrap()})
        };
        if !token.is_empty() {
            answer["nextPageToken"] = Value::from(BASE64_STANDARD.encode(token));
        }
        answer.to_string().into_bytes()
    }

    #[test]
    fn the_answers_of_a_server_are_pages() {
        for raw in [false, true] {
            let first = Page::from_bytes(&answer(1..=12, raw, "more")).unwrap();
            let second = Page::from_bytes(&answer(13..=29, raw, "")).unwrap();
            assert!(first.is_continued() && !second.is_continued());
            assert_eq!(
                (first.to_string(), second.to_string()),
                ("events 1 to 12".into(), "events 13 to 29".into())
            );
            assert_eq!(History::merge([first.clone(), second]).unwrap(), history());
            insta::allow_duplicates! {
                insta::assert_snapshot!(History::merge([first]).unwrap_err(), @r"events after event 12 are missing: page 1 says that another page follows it; export that too");
            }
        }
        // One behind the other in one file, as a shell writes them.
        let both = [answer(1..=12, true, "more"), b"\n".to_vec(), answer(13..=29, false, "")].concat();
        assert_eq!(History::from_bytes(&both).unwrap(), history());
    }

    #[test]
    fn events_one_to_a_line_are_a_history() {
        let history = history();
        let lines =
            history.events().iter().map(|event| crate::proto_json::to_value(&**event).unwrap().to_string());
        let lines = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(History::from_json(&lines).unwrap(), history);
    }
}
