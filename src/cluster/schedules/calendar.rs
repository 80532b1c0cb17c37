//! A structured calendar, ready to be searched for the times that match it.

use temporalio_common::protos::temporal::api::schedule::v1::{Range, StructuredCalendarSpec};

use crate::cluster::time_zone::{WallClock, Zone, days_in_month};

/// The last year in which a calendar matches.
pub(super) const LAST_YEAR: i32 = 2100;

const SECONDS_PER_HOUR: i64 = 3600;

/// A structured calendar in its time zone. A wall clock matches if every field does.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    zone: Zone,
    years: Vec<Range>,
    months: Values,
    days_of_month: Values,
    days_of_week: Values,
    hours: Values,
    minutes: Values,
    seconds: Values,
}

/// The values that a field may have: bit n stands for the value n.
#[derive(Debug, Clone, Copy)]
struct Values(u64);

impl Values {
    fn of(ranges: &[Range]) -> Self {
        let values = ranges.iter().flat_map(|range| {
            let stride = usize::try_from(range.step).ok().filter(|step| *step > 0).unwrap_or(1);
            (range.start..=range.end.max(range.start)).step_by(stride).take_while(|value| *value < 64)
        });
        Self(values.filter(|value| *value >= 0).fold(0, |bits, value| bits | 1 << value))
    }

    fn has(self, value: i32) -> bool {
        u32::try_from(value).is_ok_and(|value| self.0.checked_shr(value).unwrap_or(0) & 1 == 1)
    }

    /// Whether nothing from 0 to `max` is left out.
    fn has_all_up_to(self, max: u32) -> bool {
        self.0.trailing_ones() > max
    }
}

impl Calendar {
    /// A field without ranges matches nothing, but for the year, where it matches all.
    pub(super) fn new(spec: &StructuredCalendarSpec, zone: Zone) -> Self {
        Self {
            zone,
            years: spec.year.clone(),
            months: Values::of(&spec.month),
            days_of_month: Values::of(&spec.day_of_month),
            days_of_week: Values::of(&spec.day_of_week),
            hours: Values::of(&spec.hour),
            minutes: Values::of(&spec.minute),
            seconds: Values::of(&spec.second),
        }
    }

    /// Whether the wall clock at an instant, in seconds since the epoch, matches.
    pub(super) fn matches(&self, instant: i64) -> bool {
        let wall = self.zone.wall_clock(instant);
        self.year_matches(wall.year)
            && self.months.has(wall.month)
            && self.days_of_month.has(wall.day)
            && self.days_of_week.has(wall.day_of_week())
            && self.hours.has(wall.hour)
            && self.minutes.has(wall.minute)
            && self.seconds.has(wall.second)
    }

    /// The first instant after `after` that matches; `None` if there is none up to [`LAST_YEAR`].
    ///
    /// Goes from the year down to the second and starts over whenever a field runs over its end. An hour
    /// that the clock shows twice matches twice, and one that it skips does not match.
    pub(super) fn next(&self, after: i64) -> Option<i64> {
        let WallClock { mut year, mut month, mut day, mut hour, mut minute, mut second } =
            self.zone.wall_clock(after);
        // Whether this is the second time that the clock shows this hour.
        let mut again = self.zone.wall_clock(after - SECONDS_PER_HOUR).hour == hour;
        second += 1;
        'carry: loop {
            if second >= 60 {
                (minute, second) = (minute + 1, 0);
            }
            if minute >= 60 {
                let hour_starts =
                    |hour| self.zone.instant(WallClock { year, month, day, hour, minute: 0, second: 0 });
                if !again && hour_starts(hour + 1) - hour_starts(hour) > SECONDS_PER_HOUR {
                    again = true;
                } else {
                    hour += 1;
                    again = false;
                }
                minute = 0;
            }
            if hour >= 24 {
                (day, hour) = (day + 1, 0);
            }
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
            if year > LAST_YEAR {
                return None;
            }
            if !self.year_matches(year) {
                (year, month, day, hour, minute, second, again) = (year + 1, 1, 1, 0, 0, 0, false);
                continue;
            }
            while !self.months.has(month) {
                (month, day, hour, minute, second, again) = (month + 1, 1, 0, 0, 0, false);
                if month > 12 {
                    continue 'carry;
                }
            }
            while !self.day_matches(WallClock { year, month, day, hour, minute, second }) {
                (day, hour, minute, second, again) = (day + 1, 0, 0, 0, false);
                if day > days_in_month(year, month) {
                    continue 'carry;
                }
            }
            while !self.hours.has(hour) {
                (hour, minute, second, again) = (hour + 1, 0, 0, false);
                if hour >= 24 {
                    continue 'carry;
                }
            }
            while !self.minutes.has(minute) {
                (minute, second) = (minute + 1, 0);
                if minute >= 60 {
                    continue 'carry;
                }
            }
            while !self.seconds.has(second) {
                second += 1;
                if second >= 60 {
                    continue 'carry;
                }
            }
            let found = self.zone.instant(WallClock { year, month, day, hour, minute, second });
            if self.zone.wall_clock(found).hour != hour {
                (hour, minute, second) = (hour + 1, 0, 0);
                continue;
            }
            return Some(if again { found + SECONDS_PER_HOUR } else { found });
        }
    }

    /// An instant after `at`, which matches, such that everything in between matches too. It is the end of
    /// the minute, hour or day if the calendar leaves nothing of that out.
    pub(super) fn skip_matching(&self, at: i64) -> i64 {
        let wall = self.zone.wall_clock(at);
        if !self.seconds.has_all_up_to(59) {
            return at + 1;
        }
        if !self.minutes.has_all_up_to(59) {
            return at + i64::from(60 - wall.second);
        }
        let next_hour = at + SECONDS_PER_HOUR - i64::from(wall.minute * 60 + wall.second);
        if !self.hours.has_all_up_to(23) {
            return next_hour;
        }
        // Where the clock skips midnight the day ends with an hour as well.
        let next_day = self.zone.instant(WallClock::midnight(wall.year, wall.month, wall.day + 1));
        let shown = self.zone.wall_clock(next_day);
        if (shown.hour, shown.minute) == (0, 0) && next_day > at { next_day } else { next_hour }
    }

    fn year_matches(&self, year: i32) -> bool {
        self.years.is_empty()
            || self.years.iter().any(|range| {
                (range.start..=range.end.max(range.start)).contains(&year)
                    && (i64::from(year) - i64::from(range.start)) % i64::from(range.step.max(1)) == 0
            })
    }

    fn day_matches(&self, wall: WallClock) -> bool {
        // Where the clock skips this time, the day may be another one.
        let day_of_week = || self.zone.wall_clock(self.zone.instant(wall)).day_of_week();
        self.days_of_month.has(wall.day)
            && (self.days_of_week.has_all_up_to(6) || self.days_of_week.has(day_of_week()))
    }
}
