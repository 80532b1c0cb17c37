//! Cron schedules of workflow executions: the `cron_schedule` field.
//!
//! An expression is what the cron library of the server takes as a standard one: five fields (minute, hour,
//! day of month, month, day of week) or a descriptor such as `@daily` or `@every 1h30m`, with an optional
//! `CRON_TZ=Zone ` or `TZ=Zone ` before it. Without a zone it is read in UTC. When both days are
//! restricted, a day matches if either does.
//!
//! Schedules, the RPCs, have a notation of their own: see [`super::schedules`].

use std::time::Duration;

use super::{
    duration_text,
    time_zone::{WallClock, Zone},
};
use crate::clock::Time;

#[cfg(test)]
mod tests;

/// A cron expression, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CronSchedule {
    /// `@every`: a fixed interval from the time before, in whole seconds, at least one.
    Every(i64),
    /// The wall clocks that match.
    Matching(Box<Fields>),
}

/// Why an expression is no cron schedule. The messages are the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronError {
    /// The expression cannot be read.
    #[error("invalid CronSchedule.")]
    Invalid,
    /// No time within five years matches it.
    #[error("invalid CronSchedule, no time can be found to satisfy the schedule")]
    NeverMatches,
}

/// What each field of a wall clock may be, in the expression's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
    zone: Zone,
}

/// The values that one field may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    /// Bit n stands for the value n.
    values: u64,
    /// Whether it was written as `*` or `?`, with no step: such a day does not restrict.
    unrestricted: bool,
}

/// Refuses what cannot be a cron schedule at `now`. The empty expression is none, and fine.
///
/// # Errors
///
/// If it cannot be read, or matches no time.
pub(crate) fn validate(expression: &str, now: Time) -> Result<(), CronError> {
    if expression.is_empty() {
        return Ok(());
    }
    let schedule = CronSchedule::parse(expression).ok_or(CronError::Invalid)?;
    schedule.next(now).map(|_| ()).ok_or(CronError::NeverMatches)
}

/// How long after `now` the first workflow task of the next run is due, in whole seconds, rounded up.
/// `scheduled` is when the previous run was due: its start plus its own backoff. Times that have passed
/// since are skipped. `None` if the expression is empty or no cron schedule, or has no more times.
pub(crate) fn backoff(expression: &str, scheduled: Time, now: Time) -> Option<Duration> {
    let schedule = CronSchedule::parse(expression)?;
    let next = if now < scheduled { scheduled } else { schedule.first_from(scheduled, now)? };
    let nanos = (next.as_nanos() - now.as_nanos()).max(0);
    let seconds = u64::try_from(nanos.div_euclid(NANOS) + i128::from(nanos % NANOS != 0)).ok()?;
    Some(Duration::from_secs(seconds))
}

const NANOS: i128 = 1_000_000_000;

/// From the year 1 to well before the end of the year 9999, where the calendar ends.
const CALENDAR: std::ops::Range<i64> = -62_135_596_800..253_000_000_000;

impl CronSchedule {
    /// Reads an expression; `None` if it is none.
    pub(crate) fn parse(expression: &str) -> Option<Self> {
        let (zone, rest) = if expression.starts_with("TZ=") || expression.starts_with("CRON_TZ=") {
            let (zone, rest) = expression.split_once(' ')?;
            let (_, name) = zone.split_once('=')?;
            (Zone::named(name).ok()?, rest.trim())
        } else {
            (Zone::UTC, expression)
        };
        if let Some(interval) = rest.strip_prefix("@every ") {
            let nanos = duration_text::parse(interval).ok()?;
            return Some(Self::Every((nanos / 1_000_000_000).max(1)));
        }
        let rest = match rest {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let mut fields = rest.split_whitespace();
        let schedule = Fields {
            minute: Field::parse(fields.next()?, &MINUTES)?,
            hour: Field::parse(fields.next()?, &HOURS)?,
            day_of_month: Field::parse(fields.next()?, &DAYS_OF_MONTH)?,
            month: Field::parse(fields.next()?, &MONTHS)?,
            day_of_week: Field::parse(fields.next()?, &DAYS_OF_WEEK)?,
            zone,
        };
        fields.next().is_none().then(|| Self::Matching(Box::new(schedule)))
    }

    /// The first time after `after`; `None` if there is none within five years.
    pub(crate) fn next(&self, after: Time) -> Option<Time> {
        let second = after.as_nanos().div_euclid(NANOS);
        let second = i64::try_from(second).ok().filter(|second| CALENDAR.contains(second))?;
        let next = match self {
            Self::Every(interval) => second.checked_add(*interval)?,
            Self::Matching(fields) => fields.next(second)?,
        };
        Some(Time::from_nanos(i128::from(next) * NANOS))
    }

    /// The first time of the sequence that starts after `scheduled` which is not before `now`.
    fn first_from(&self, scheduled: Time, now: Time) -> Option<Time> {
        match self {
            Self::Every(interval) => {
                let first = self.next(scheduled)?;
                let interval = i128::from(*interval) * NANOS;
                let missing = (now.as_nanos() - first.as_nanos()).max(0);
                let skipped = (missing + interval - 1).div_euclid(interval);
                Some(Time::from_nanos(first.as_nanos() + skipped * interval))
            }
            Self::Matching(_) => self.next(scheduled.max(Time::from_nanos(now.as_nanos() - 1))),
        }
    }
}

impl Fields {
    /// The first matching second after `after`.
    ///
    /// Goes from the largest unit to the smallest and starts over whenever a unit runs into the next
    /// larger one, which is how the server's library decides what happens around changes of the clock.
    fn next(&self, after: i64) -> Option<i64> {
        let mut at = after.checked_add(1)?;
        let last_year = self.wall(at).year + 5;
        // Whether a unit has been advanced, so that all smaller ones are at their beginning.
        let mut advanced = false;
        'from_the_year: loop {
            if self.wall(at).year > last_year {
                return None;
            }
            while !self.month.has(self.wall(at).month) {
                let wall = self.wall(at);
                let day = if advanced { wall } else { WallClock::midnight(wall.year, wall.month, 1) };
                advanced = true;
                at = self.zone.instant(WallClock { month: day.month + 1, ..day });
                if self.wall(at).month == 1 {
                    continue 'from_the_year;
                }
            }
            while !self.day_matches(&self.wall(at)) {
                let wall = self.wall(at);
                let day = if advanced { wall } else { WallClock::midnight(wall.year, wall.month, wall.day) };
                advanced = true;
                at = self.zone.instant(WallClock { day: day.day + 1, ..day });
                // Where the clock skips midnight, go to where midnight would have been.
                let hour = i64::from(self.wall(at).hour);
                at += if hour > 12 { 24 - hour } else { -hour } * 3600;
                if self.wall(at).day == 1 {
                    continue 'from_the_year;
                }
            }
            while !self.hour.has(self.wall(at).hour) {
                if !advanced {
                    advanced = true;
                    at = self.zone.instant(WallClock { minute: 0, second: 0, ..self.wall(at) });
                }
                at += 3600;
                if self.wall(at).hour == 0 {
                    continue 'from_the_year;
                }
            }
            while !self.minute.has(self.wall(at).minute) {
                if !advanced {
                    advanced = true;
                    at -= at.rem_euclid(60);
                }
                at += 60;
                if self.wall(at).minute == 0 {
                    continue 'from_the_year;
                }
            }
            if self.wall(at).second != 0 {
                advanced = true;
                at += i64::from(60 - self.wall(at).second);
                continue 'from_the_year;
            }
            return Some(at);
        }
    }

    fn wall(&self, at: i64) -> WallClock {
        self.zone.wall_clock(at)
    }

    fn day_matches(&self, wall: &WallClock) -> bool {
        let day_of_month = self.day_of_month.has(wall.day);
        let day_of_week = self.day_of_week.has(wall.day_of_week());
        if self.day_of_month.unrestricted || self.day_of_week.unrestricted {
            day_of_month && day_of_week
        } else {
            day_of_month || day_of_week
        }
    }
}

/// What may be written in a field.
struct Bounds {
    min: i64,
    max: i64,
    /// The first is the name of `min`.
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Field {
    fn has(self, value: i32) -> bool {
        self.values >> value & 1 == 1
    }

    /// A list of ranges. An empty list is accepted, and matches nothing.
    fn parse(text: &str, bounds: &Bounds) -> Option<Self> {
        text.split(',').filter(|range| !range.is_empty()).try_fold(
            Self { values: 0, unrestricted: false },
            |field, range| {
                let range = Self::parse_range(range, bounds)?;
                Some(Self {
                    values: field.values | range.values,
                    unrestricted: field.unrestricted || range.unrestricted,
                })
            },
        )
    }

    /// `*`, `a`, `a-b`, each with an optional `/step`; `a/step` goes on to the end.
    fn parse_range(text: &str, bounds: &Bounds) -> Option<Self> {
        let mut parts = text.split('/');
        let range = parts.next()?;
        let step = parts.next().map(number);
        if parts.next().is_some() {
            return None;
        }
        let mut ends = range.split('-');
        let low = ends.next()?;
        let high = ends.next();
        let star = matches!(low, "*" | "?");
        let (start, end) = if star {
            (bounds.min, bounds.max)
        } else if ends.next().is_some() {
            return None;
        } else {
            let start = bounds.value(low)?;
            match high {
                Some(high) => (start, bounds.value(high)?),
                None if step.is_some() => (start, bounds.max),
                None => (start, start),
            }
        };
        let step = step.unwrap_or(Some(1))?;
        if start < bounds.min || end > bounds.max || start > end || step == 0 {
            return None;
        }
        let stride = usize::try_from(step).unwrap_or(usize::MAX);
        let values = (start..=end).step_by(stride).fold(0, |values, value| values | 1 << value);
        Some(Self { values, unrestricted: star && step == 1 })
    }
}

impl Bounds {
    fn value(&self, text: &str) -> Option<i64> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.and_then(|at| i64::try_from(at).ok()).map(|at| at + self.min).or_else(|| number(text))
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= 0)
}
