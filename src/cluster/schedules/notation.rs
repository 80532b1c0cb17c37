//! The notations of schedules for people: calendars whose fields are texts such as `9-17/4`, and cron
//! strings. Both are turned into structured calendars, or an interval.

use std::ops::RangeInclusive;

use temporalio_common::protos::temporal::api::schedule::v1::{
    CalendarSpec, IntervalSpec, Range, StructuredCalendarSpec,
};

use super::calendar::LAST_YEAR;
use crate::cluster::duration_text;

/// The first year that a calendar can name.
pub(super) const FIRST_YEAR: i32 = 2000;

/// What a cron string stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CronString {
    /// Five to seven fields, or a name for them such as `@daily`, with the time zone before them, which may
    /// be empty.
    Calendar(StructuredCalendarSpec, String),
    /// `@every interval/phase`.
    Interval(IntervalSpec),
}

/// What may be written in a field.
struct Field {
    name: &'static str,
    /// What an empty field stands for.
    default: &'static str,
    bounds: RangeInclusive<i32>,
    /// Names of values; the first one is that of the value `first_name`.
    names: &'static [&'static str],
    first_name: i32,
    /// The beginning of a name is enough if it is this long.
    shortest_name: usize,
}

const SECOND: Field = Field::numbers("Second", "0", 0..=59);
const MINUTE: Field = Field::numbers("Minute", "0", 0..=59);
const HOUR: Field = Field::numbers("Hour", "0", 0..=23);
const DAY_OF_MONTH: Field = Field::numbers("DayOfMonth", "*", 1..=31);
const MONTH: Field = Field {
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    first_name: 1,
    shortest_name: 3,
    ..Field::numbers("Month", "*", 1..=12)
};
const YEAR: Field = Field::numbers("Year", "*", FIRST_YEAR..=LAST_YEAR);
const DAY_OF_WEEK: Field = Field {
    names: &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
    shortest_name: 2,
    ..Field::numbers("DayOfWeek", "*", 0..=7)
};

/// The structured form of a calendar.
///
/// # Errors
///
/// What is wrong with its fields, in the words of the server.
pub(super) fn structured(calendar: &CalendarSpec) -> Result<StructuredCalendarSpec, String> {
    let mut errors = Vec::new();
    let mut read = |field: &Field, text: &str| {
        field.parse(text).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        })
    };
    let second = read(&SECOND, &calendar.second);
    let minute = read(&MINUTE, &calendar.minute);
    let hour = read(&HOUR, &calendar.hour);
    let day_of_week = read(&DAY_OF_WEEK, &calendar.day_of_week);
    let day_of_month = read(&DAY_OF_MONTH, &calendar.day_of_month);
    let month = read(&MONTH, &calendar.month);
    let year = read(&YEAR, &calendar.year);
    if !errors.is_empty() {
        return Err(errors.join(", "));
    }
    let comment = calendar.comment.clone();
    Ok(StructuredCalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment })
}

/// Reads a cron string: `[CRON_TZ=Zone] [second] minute hour day-of-month month day-of-week [year]`, a name
/// such as `@daily`, or `@every interval[/phase]`. What is behind a `#` is a comment.
///
/// # Errors
///
/// What is wrong with it, in the words of the server.
pub(super) fn cron_string(text: &str) -> Result<CronString, String> {
    let mut rest = text.trim();
    let mut zone = "";
    if rest.starts_with("TZ=") || rest.starts_with("CRON_TZ=") {
        let (assignment, fields) =
            rest.split_once(' ').ok_or("CronString has time zone but missing fields")?;
        (_, zone) = assignment.split_once('=').unwrap_or_default();
        rest = fields;
    }
    let (fields, comment) = rest.split_once('#').unwrap_or((rest, ""));
    let (fields, comment) = (fields.trim(), comment.trim());
    if fields.starts_with("@every") {
        return every(fields).map(CronString::Interval);
    }
    let fields = match fields {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let fields: Vec<&str> = fields.split_whitespace().take(8).collect();
    let (second, fields, year) = match fields.as_slice() {
        [second, fields @ .., year] if fields.len() == 5 => (*second, fields, *year),
        [fields @ .., year] if fields.len() == 5 => ("", fields, *year),
        fields => ("", fields, ""),
    };
    let [minute, hour, day_of_month, month, day_of_week] = fields else {
        return Err("CronString does not have 5-7 fields".to_owned());
    };
    let calendar = CalendarSpec {
        second: second.to_owned(),
        minute: (*minute).to_owned(),
        hour: (*hour).to_owned(),
        day_of_month: (*day_of_month).to_owned(),
        month: (*month).to_owned(),
        year: year.to_owned(),
        day_of_week: (*day_of_week).to_owned(),
        comment: comment.to_owned(),
    };
    Ok(CronString::Calendar(structured(&calendar)?, zone.to_owned()))
}

fn every(text: &str) -> Result<IntervalSpec, String> {
    let (_, interval) = text.split_once(' ').ok_or("CronString does not have interval after @every")?;
    let (interval, phase) = interval.split_once('/').unwrap_or((interval, ""));
    let read = |text: &str| {
        let nanos = duration_text::parse_with_days(text).map_err(|error| error.to_string())?;
        let (seconds, nanos) = (nanos / 1_000_000_000, (nanos % 1_000_000_000) as i32);
        Ok::<_, String>(prost_types::Duration { seconds, nanos })
    };
    Ok(IntervalSpec {
        interval: Some(read(interval)?),
        phase: if phase.is_empty() { None } else { Some(read(phase)?) },
    })
}

impl Field {
    const fn numbers(name: &'static str, default: &'static str, bounds: RangeInclusive<i32>) -> Self {
        Self { name, default, bounds, names: &[], first_name: 0, shortest_name: usize::MAX }
    }

    /// A list of `*`, `a` or `a-b`, each with an optional `/step`; `a/step` goes on to the end.
    fn parse(&self, text: &str) -> Result<Vec<Range>, String> {
        let text = match text.trim() {
            "" => self.default,
            text => text,
        };
        // All years are no ranges at all.
        if text == "*" && self.name == YEAR.name {
            return Ok(Vec::new());
        }
        let mut ranges = Vec::new();
        for part in text.split(',') {
            self.parse_range(part, &mut ranges)?;
        }
        Ok(ranges)
    }

    fn parse_range(&self, text: &str, ranges: &mut Vec<Range>) -> Result<(), String> {
        let name = self.name;
        let (min, max) = (*self.bounds.start(), *self.bounds.end());
        let mut parts = text.split('/');
        let (range, step) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(format!("{name} has too many slashes"));
        }
        let step = match step {
            None => None,
            Some("") => return Err(format!("{name} missing step value")),
            Some(text) => match integer(text)? {
                ..1 => return Err(format!("{name} has invalid Step")),
                step => Some(step),
            },
        };
        let (start, end) = if range == "*" {
            (min, max)
        } else if let Some((start, end)) = range.split_once('-') {
            if end.contains('-') {
                return Err(format!("{name} has too many dashes"));
            }
            let start = self
                .value(start, min)
                .ok_or_else(|| format!("{name} Start is not in range [{min}-{max}]"))?;
            let end = self
                .value(end, start)
                .ok_or_else(|| format!("{name} End is before Start or not in range [{min}-{max}]"))?;
            (start, end)
        } else {
            let start =
                self.value(range, min).ok_or_else(|| format!("{name} is not in range [{min}-{max}]"))?;
            (start, if step.is_some() { max } else { start })
        };
        let step = step.unwrap_or(1);
        let mut end = end;
        if name == DAY_OF_WEEK.name && end == 7 {
            // Sunday may be written as 7, and is 0. It needs a range of its own, unless what remains of
            // this one has it already.
            if i64::from(7 - start) % step == 0 && (step > 1 || start > 1) {
                ranges.push(Range { start: 0, end: 0, step: 0 });
                if start == 7 {
                    return Ok(());
                }
            }
            end = 6;
        }
        // Whatever is the default is left out. Of a step the message has room for 32 bits, and the server
        // drops the others.
        ranges.push(Range {
            start,
            end: if start == end { 0 } else { end },
            step: if step == 1 { 0 } else { step as i32 },
        });
        Ok(())
    }

    /// A number or a name, if it is between `min` and the end of the field's bounds.
    fn value(&self, text: &str, min: i32) -> Option<i32> {
        let lower = text.to_lowercase();
        let named = (text.len() >= self.shortest_name)
            .then(|| self.names.iter().position(|name| name.starts_with(&lower)))
            .flatten()
            .and_then(|at| i64::try_from(at).ok())
            .map(|at| at + i64::from(self.first_name));
        let value = named.or_else(|| text.parse().ok())?;
        i32::try_from(value).ok().filter(|value| (min..=*self.bounds.end()).contains(value))
    }
}

/// # Errors
///
/// Those of the function that Go reads integers with.
fn integer(text: &str) -> Result<i64, String> {
    text.parse::<i64>().map_err(|error| {
        let reason = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {text:?}: {reason}")
    })
}
