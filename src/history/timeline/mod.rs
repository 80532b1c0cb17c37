//! A history for people, and for `insta` snapshots.
//!
//! One line for each event: its id, the time since the first event, its type, and what matters about it.
//! Nothing that differs between two runs with the same outcome is shown: times are relative, ids that look
//! random are numbered by their first appearance.

mod activity;
mod describe;
mod execution;
mod failure;
mod ids;
mod other;
mod payload;
mod retried;
mod text;
mod tone;

use std::fmt;

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

pub(super) use self::ids::RandomIds;
use self::{describe::describe, tone::Tone};
use super::{History, RetriedAttempt, duration};
use crate::clock::Time;

/// How many characters of a payload are shown unless [`Timeline::payload_limit`] says otherwise.
const PAYLOAD_LIMIT: usize = 80;

/// A history, one line for each event. Its `Display` is plain text; [`Self::colored`] is for a terminal.
///
/// The compact form leaves out what goes without saying: workflow tasks that went well, and the start of an
/// activity's first attempt. [`Self::full`] shows all events, and timeouts and retry policies. Between the events stand
/// the [attempts that were retried](History::retried_attempts), at the time at which they ended.
///
/// ```
/// # use temporal_sim::history::History;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let history = History::load("histories/production/approval_open.json")?;
/// assert_eq!(
///     history.timeline().payload_limit(30).to_string(),
///     r#" 1  +00:00:00.000  WorkflowExecutionStarted  ExpenseApproval({"id":"EXP-approval_open","em…)
///  5  +00:00:00.073  ActivityTaskScheduled     #1 send_email(["manager","please-approve"])
///  7  +00:00:00.078  ActivityTaskCompleted     #1 send_email -> ()
/// 11  +00:00:00.086  TimerStarted              #1 for 3d
/// "#
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    history: &'a History,
    options: Options,
    colored: bool,
}

#[derive(Debug, Clone, Copy)]
struct Options {
    full: bool,
    dates: bool,
    payload_limit: usize,
}

/// What stands in a line.
struct Row {
    id: String,
    time: String,
    event: String,
    tone: Tone,
    text: String,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let options = Options { full: false, dates: false, payload_limit: PAYLOAD_LIMIT };
        Self { history, options, colored: false }
    }

    /// Shows every event, and the timeouts and retry policies that were asked for.
    #[must_use]
    pub fn full(mut self) -> Self {
        self.options.full = true;
        self
    }

    /// Shows dates, in UTC, and not the time since the first event.
    #[must_use]
    pub fn dates(mut self) -> Self {
        self.options.dates = true;
        self
    }

    /// Shows at most so many characters of each payload and failure message; `usize::MAX` for all.
    #[must_use]
    pub fn payload_limit(mut self, characters: usize) -> Self {
        self.options.payload_limit = characters;
        self
    }

    /// Adds ANSI colours to the `Display`, for a terminal.
    #[must_use]
    pub fn colored(mut self) -> Self {
        self.colored = true;
        self
    }

    /// Prints to standard output, coloured if that is a terminal that shows colours.
    pub fn print(&self) {
        anstream::print!("{}", self.clone().colored());
    }

    fn rows(&self) -> Vec<Row> {
        let start = self.history.events.first().and_then(|event| time(event));
        let mut ids = RandomIds::default();
        let mut retried = self.history.retried_attempts();
        let mut rows = Vec::new();
        for event in &self.history.events {
            rows.extend(self.retried(start, retried::take_before(event, &mut retried)));
            if self.options.full || !is_routine(event) {
                rows.push(Row {
                    id: event.event_id.to_string(),
                    time: self.time(start, time(event)),
                    event: text::event_type(event),
                    tone: tone::of(event),
                    text: ids.number(&describe(self.history, event, self.options)),
                });
            }
        }
        rows.extend(self.retried(start, retried));
        rows
    }

    fn retried(&self, start: Option<Time>, attempts: &[RetriedAttempt]) -> impl Iterator<Item = Row> {
        retried::lines(attempts, self.history, self.options).map(move |line| Row {
            id: String::new(),
            time: self.time(start, Some(Time::from_system_time(line.time))),
            event: line.title,
            tone: Tone::Warning,
            text: line.text,
        })
    }

    fn time(&self, start: Option<Time>, time: Option<Time>) -> String {
        match (start, time) {
            (_, Some(time)) if self.options.dates => date(time),
            (Some(start), Some(time)) => duration::offset(start, time),
            _ => "?".to_owned(),
        }
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width =
            |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).len()).max().unwrap_or_default();
        let (ids, times, events) = (width(|row| &row.id), width(|row| &row.time), width(|row| &row.event));
        for Row { id, time, event, tone, text } in &rows {
            let events = if text.is_empty() { 0 } else { events };
            let gap = if text.is_empty() { "" } else { "  " };
            if self.colored {
                let (dim, tone) = (tone::DIM, tone.style());
                writeln!(
                    f,
                    "{dim}{id:>ids$}  {time:>times$}{dim:#}  {tone}{event:<events$}{tone:#}{gap}{text}"
                )?;
            } else {
                writeln!(f, "{id:>ids$}  {time:>times$}  {event:<events$}{gap}{text}")?;
            }
        }
        Ok(())
    }
}

impl History {
    /// An event of this history, or one that might have been, in one line: its type and what matters about it.
    pub(crate) fn describe(&self, event: &HistoryEvent) -> String {
        let (event_type, text) = self.in_words(event, None);
        format!("{event_type} {text}").trim_end().to_owned()
    }

    /// The type of an event, and what matters about it, with so many characters of each payload.
    pub(crate) fn in_words(&self, event: &HistoryEvent, payload_limit: Option<usize>) -> (String, String) {
        let payload_limit = payload_limit.unwrap_or(PAYLOAD_LIMIT);
        let options = Options { full: false, payload_limit, dates: false };
        (text::event_type(event), describe(self, event, options))
    }
}

fn time(event: &HistoryEvent) -> Option<Time> {
    event.event_time.as_ref().map(Time::from_proto)
}

/// An instant to the millisecond.
fn date(time: Time) -> String {
    jiff::Timestamp::from_nanosecond(time.as_nanos())
        .map_or_else(|_| "?".to_owned(), |time| time.strftime("%F %T%.3f").to_string())
}

/// Whether an event says nothing that its neighbours do not say: a workflow task that went well, or that an
/// activity was started, which the server only writes down when it has ended.
pub(crate) fn is_routine(event: &HistoryEvent) -> bool {
    match &event.attributes {
        Some(
            Attributes::WorkflowTaskScheduledEventAttributes(_)
            | Attributes::WorkflowTaskStartedEventAttributes(_)
            | Attributes::WorkflowTaskCompletedEventAttributes(_),
        ) => true,
        Some(Attributes::ActivityTaskStartedEventAttributes(started)) => started.attempt <= 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
