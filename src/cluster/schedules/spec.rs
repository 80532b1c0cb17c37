//! When a schedule acts: the union of its calendars and intervals, without what its exclusions match.

use std::time::Duration;

use temporalio_common::protos::temporal::api::schedule::v1::{
    IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec,
};

use super::{
    calendar::{Calendar, LAST_YEAR},
    notation::{self, CronString, FIRST_YEAR},
};
use crate::{
    clock::{self, Time},
    cluster::time_zone::Zone,
    rng::Seed,
};

#[cfg(test)]
mod tests;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// The last second of [`LAST_YEAR`].
const LAST_SECOND: i64 = 4_133_980_799;
/// The earliest time at which the calendar is searched: the first of January of the year 1.
const FIRST_SECOND: i64 = -62_135_596_800;
const LONGEST_COMMENT: usize = 200;
/// How often the search for a time that is not excluded looks further before it gives up.
const MOST_SKIPS: usize = 100_000;

/// The specification of a schedule, ready to be searched.
#[derive(Debug, Clone)]
pub(super) struct CompiledSpec {
    canonical: ScheduleSpec,
    calendars: Vec<Calendar>,
    exclusions: Vec<Calendar>,
    jitter: Jitter,
}

/// What the jitter of a schedule's times is drawn from.
#[derive(Debug, Clone)]
pub(super) struct Jitter {
    pub(super) seed: Seed,
    /// Tells schedules apart, so that they do not all have the same jitter.
    pub(super) schedule: String,
}

/// A time at which a schedule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ActionTime {
    /// The time that the specification names.
    pub(super) nominal: Time,
    /// The same with jitter.
    pub(super) actual: Time,
}

/// What is wrong with a specification, in the words of the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct SpecError(String);

impl CompiledSpec {
    /// # Errors
    ///
    /// If the specification cannot be read.
    pub(super) fn new(spec: &ScheduleSpec, jitter: Jitter) -> Result<Self, SpecError> {
        let canonical = canonical(spec).map_err(SpecError)?;
        let zone = if canonical.timezone_data.is_empty() {
            Zone::named(&canonical.timezone_name)
        } else {
            Zone::from_data(&canonical.timezone_name, &canonical.timezone_data)
        };
        let zone = zone.map_err(|error| SpecError(error.to_string()))?;
        let compile = |calendars: &[StructuredCalendarSpec]| {
            calendars.iter().map(|calendar| Calendar::new(calendar, zone.clone())).collect()
        };
        Ok(Self {
            calendars: compile(&canonical.structured_calendar),
            exclusions: compile(&canonical.exclude_structured_calendar),
            canonical,
            jitter,
        })
    }

    /// The specification with everything in structured calendars and intervals.
    pub(super) fn canonical(&self) -> &ScheduleSpec {
        &self.canonical
    }

    /// The first time after `after`; `None` if there is none.
    pub(super) fn next(&self, after: Time) -> Option<ActionTime> {
        let start = self.canonical.start_time.as_ref().map_or(Time::default(), Time::from_proto);
        let after = after.max(Time::from_nanos(start.as_nanos() - NANOS_PER_SECOND));
        let end = self.canonical.end_time.as_ref().map(Time::from_proto);
        let mut nominal = self.next_matching(seconds(after).max(FIRST_SECOND))?;
        let mut skips = 0;
        while let Some(exclusion) = self.exclusions.iter().find(|exclusion| exclusion.matches(nominal)) {
            skips += 1;
            if skips > MOST_SKIPS || nominal > LAST_SECOND {
                return None;
            }
            let excluded_until = exclusion.skip_matching(nominal);
            nominal = self.next_matching(excluded_until - 1)?;
        }
        if nominal > LAST_SECOND || end.is_some_and(|end| time(nominal) > end) {
            return None;
        }
        let longest = clock::duration(self.canonical.jitter.as_ref());
        // Never beyond the next time.
        let longest = self.next_matching(nominal).map_or(longest, |following| {
            longest.min(Duration::from_secs(u64::try_from(following - nominal).unwrap_or(0)))
        });
        let nominal = time(nominal);
        Some(ActionTime { nominal, actual: nominal + self.jitter.draw(nominal, longest) })
    }

    /// The first second after `after` that a calendar or an interval names.
    fn next_matching(&self, after: i64) -> Option<i64> {
        let calendars = self.calendars.iter().filter_map(|calendar| calendar.next(after));
        let intervals =
            self.canonical.interval.iter().filter_map(|interval| next_of_interval(interval, after));
        calendars.chain(intervals).min()
    }
}

impl Jitter {
    /// The same for the same time of the same schedule, less than `longest`, in milliseconds.
    fn draw(&self, nominal: Time, longest: Duration) -> Duration {
        let Ok(milliseconds @ 1..) = u64::try_from(longest.as_millis()) else {
            return Duration::ZERO;
        };
        let mut stream = self.seed.stream(&format!("jitter of {} at {}", self.schedule, nominal.as_nanos()));
        Duration::from_millis(stream.below(milliseconds))
    }
}

/// Fills in the ends and steps that were left out, as schedules are shown.
pub(super) fn fill_in_ranges(spec: &mut ScheduleSpec) {
    for calendar in spec.structured_calendar.iter_mut().chain(&mut spec.exclude_structured_calendar) {
        let StructuredCalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, .. } =
            calendar;
        for range in [second, minute, hour, day_of_month, month, year, day_of_week].into_iter().flatten() {
            range.end = range.end.max(range.start);
            range.step = if range.step == 0 { 1 } else { range.step };
        }
    }
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.as_nanos().div_euclid(NANOS_PER_SECOND)).unwrap_or(LAST_SECOND)
}

fn time(seconds: i64) -> Time {
    Time::from_nanos(i128::from(seconds) * NANOS_PER_SECOND)
}

/// Times of an interval are counted from the epoch, plus the phase.
fn next_of_interval(interval: &IntervalSpec, after: i64) -> Option<i64> {
    let length = interval.interval.as_ref().map_or(0, |interval| interval.seconds).max(1);
    let phase = interval.phase.as_ref().map_or(0, |phase| phase.seconds).max(0);
    (after.checked_sub(phase)? / length).checked_add(1)?.checked_mul(length)?.checked_add(phase)
}

fn canonical(spec: &ScheduleSpec) -> Result<ScheduleSpec, String> {
    let mut spec = spec.clone();
    for calendar in std::mem::take(&mut spec.calendar) {
        spec.structured_calendar.push(notation::structured(&calendar)?);
    }
    for calendar in std::mem::take(&mut spec.exclude_calendar) {
        spec.exclude_structured_calendar.push(notation::structured(&calendar)?);
    }
    let mut zone_of_strings: Option<String> = None;
    for text in std::mem::take(&mut spec.cron_string) {
        let zone = match notation::cron_string(&text)? {
            CronString::Calendar(calendar, zone) => {
                spec.structured_calendar.push(calendar);
                zone
            }
            CronString::Interval(interval) => {
                spec.interval.push(interval);
                String::new()
            }
        };
        if zone_of_strings.as_ref().is_some_and(|other| *other != zone) {
            return Err(CONFLICTING_ZONES.to_owned());
        }
        zone_of_strings = Some(zone);
    }
    if let Some(zone) = zone_of_strings.filter(|zone| !zone.is_empty()) {
        let another = !spec.timezone_name.is_empty() && spec.timezone_name != zone;
        if another || !spec.timezone_data.is_empty() {
            return Err(CONFLICTING_ZONES.to_owned());
        }
        spec.timezone_name = zone;
    }
    spec.structured_calendar.iter().try_for_each(check_calendar)?;
    spec.interval.iter().try_for_each(check_interval)?;
    Ok(spec)
}

const CONFLICTING_ZONES: &str = "conflicting timezone names";

fn check_calendar(calendar: &StructuredCalendarSpec) -> Result<(), String> {
    let mut errors = Vec::new();
    let mut check = |name: &str, ranges: &[Range], min: i32, max: i32| {
        for range in ranges {
            if range.start < min || range.start > max {
                errors.push(format!("{name} Start is not in range [{min}-{max}]"));
            }
            if range.end != 0 && (range.end < range.start || range.end > max) {
                errors.push(format!("{name} End is before Start or not in range [{min}-{max}]"));
            }
            if range.step < 0 {
                errors.push(format!("{name} has invalid Step"));
            }
        }
    };
    check("Second", &calendar.second, 0, 59);
    check("Minute", &calendar.minute, 0, 59);
    check("Hour", &calendar.hour, 0, 23);
    check("DayOfMonth", &calendar.day_of_month, 1, 31);
    check("Month", &calendar.month, 1, 12);
    check("Year", &calendar.year, FIRST_YEAR, LAST_YEAR);
    check("DayOfWeek", &calendar.day_of_week, 0, 6);
    if calendar.comment.len() > LONGEST_COMMENT {
        errors.push("comment is too long".to_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(format!("invalid calendar spec: {}", errors.join(", "))) }
}

fn check_interval(interval: &IntervalSpec) -> Result<(), String> {
    let nanos = |duration: Option<&prost_types::Duration>| {
        duration.map_or(0, |it| i128::from(it.seconds) * NANOS_PER_SECOND + i128::from(it.nanos))
    };
    let (length, phase) = (nanos(interval.interval.as_ref()), nanos(interval.phase.as_ref()));
    if length < NANOS_PER_SECOND {
        Err("interval is too small".to_owned())
    } else if phase < 0 {
        Err("phase is negative".to_owned())
    } else if phase >= length {
        Err("phase cannot be greater than Interval".to_owned())
    } else {
        Ok(())
    }
}
