//! Time zones: from instants to what a clock on the wall shows, and back.
//!
//! The database of zones is compiled in, so that a schedule means the same on every machine. Where a wall
//! clock shows a time twice, or never, the choice is the one that the server makes, which is Go's: read the
//! wall clock as if it were UTC, take the zone's offset at that instant, and correct it once.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone, TimeZoneDatabase},
};

const SECONDS_PER_DAY: i64 = 86_400;

/// A time zone of the IANA database, or one that a request brought along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone(TimeZone);

/// There is no such time zone, or its data cannot be read. The message is the server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownTimeZone {
    /// The name is not in the database.
    #[error("unknown time zone {0}")]
    Unknown(String),
    /// The name could lead out of a folder of time zones.
    #[error("time: invalid location name")]
    BadName,
    /// The data is no time zone file.
    #[error("malformed time zone information")]
    Malformed,
}

/// What a calendar and a clock on the wall show, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WallClock {
    pub(crate) year: i32,
    /// January is 1.
    pub(crate) month: i32,
    pub(crate) day: i32,
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: i32,
}

impl WallClock {
    /// Midnight at the beginning of a day.
    pub(crate) fn midnight(year: i32, month: i32, day: i32) -> Self {
        Self { year, month, day, hour: 0, minute: 0, second: 0 }
    }

    /// Sunday is 0.
    pub(crate) fn day_of_week(&self) -> i32 {
        // The epoch was a Thursday.
        (self.as_utc().div_euclid(SECONDS_PER_DAY) + 4).rem_euclid(7) as i32
    }

    /// Seconds since the epoch if this were UTC. Fields may be out of their ranges: a 32nd of January is
    /// the first of February.
    fn as_utc(&self) -> i64 {
        let months = i64::from(self.year) * 12 + i64::from(self.month) - 1;
        let year = i16::try_from(months.div_euclid(12)).unwrap_or(i16::MAX);
        let first_of_month = Date::new(year, months.rem_euclid(12) as i8 + 1, 1).unwrap_or(Date::MAX);
        let midnight = Offset::UTC.to_timestamp(first_of_month.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX);
        midnight.as_second()
            + (i64::from(self.day) - 1) * SECONDS_PER_DAY
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }
}

impl Zone {
    pub(crate) const UTC: Self = Self(TimeZone::UTC);

    /// The zone of an IANA name. The empty name is UTC, and so is `Local`: the cluster lives in UTC.
    ///
    /// # Errors
    ///
    /// If the database has no zone of exactly this name, in this case.
    pub(crate) fn named(name: &str) -> Result<Self, UnknownTimeZone> {
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::UTC);
        }
        if name.split(['/', '\\']).any(|part| part == "..") || name.starts_with(['/', '\\']) {
            return Err(UnknownTimeZone::BadName);
        }
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Ok(Self(zone)),
            _ => Err(UnknownTimeZone::Unknown(name.to_owned())),
        }
    }

    /// A zone from the contents of a time zone file (RFC 9636).
    ///
    /// # Errors
    ///
    /// If the contents are something else.
    pub(crate) fn from_data(name: &str, data: &[u8]) -> Result<Self, UnknownTimeZone> {
        TimeZone::tzif(name, data).map(Self).map_err(|_| UnknownTimeZone::Malformed)
    }

    /// What the wall clock shows at an instant, given in seconds since the epoch.
    pub(crate) fn wall_clock(&self, instant: i64) -> WallClock {
        let shown = self.offset(instant).to_datetime(timestamp(instant));
        WallClock {
            year: shown.year().into(),
            month: shown.month().into(),
            day: shown.day().into(),
            hour: shown.hour().into(),
            minute: shown.minute().into(),
            second: shown.second().into(),
        }
    }

    /// When the wall clock shows this, in seconds since the epoch.
    pub(crate) fn instant(&self, wall: WallClock) -> i64 {
        let local = wall.as_utc();
        let offset_at = |instant| i64::from(self.offset(instant).seconds());
        match offset_at(local) {
            0 => local,
            guess => local - offset_at(local - guess),
        }
    }

    fn offset(&self, instant: i64) -> Offset {
        self.0.to_offset(timestamp(instant))
    }
}

/// The nearest instant that the calendar reaches: it ends with the years -9999 and 9999.
fn timestamp(seconds: i64) -> Timestamp {
    let bounded = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(bounded).unwrap_or(Timestamp::MAX)
}

/// The number of days of a month.
pub(crate) fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn wall(year: i32, month: i32, day: i32, hour: i32, minute: i32) -> WallClock {
        WallClock { year, month, day, hour, minute, second: 0 }
    }

    #[test]
    fn names_are_exact() {
        assert!(Zone::named("America/New_York").is_ok());
        assert_eq!(Zone::named(""), Ok(Zone::UTC));
        assert_eq!(
            Zone::named("america/new_york").unwrap_err().to_string(),
            "unknown time zone america/new_york"
        );
        assert_eq!(Zone::named("../zone").unwrap_err().to_string(), "time: invalid location name");
        assert_eq!(Zone::from_data("x", b"no").unwrap_err().to_string(), "malformed time zone information");
    }

    #[test]
    fn a_wall_clock_that_summer_time_skips_or_repeats_is_read_as_go_does() {
        let new_york = Zone::named("America/New_York").unwrap();
        assert_eq!(new_york.instant(wall(2024, 3, 10, 2, 30)), at("2024-03-10T06:30:00Z"));
        assert_eq!(new_york.instant(wall(2024, 11, 3, 1, 30)), at("2024-11-03T05:30:00Z"));
        let sydney = Zone::named("Australia/Sydney").unwrap();
        assert_eq!(sydney.instant(wall(2024, 10, 6, 2, 30)), at("2024-10-05T16:30:00Z"));
        assert_eq!(sydney.instant(wall(2024, 4, 7, 2, 30)), at("2024-04-06T16:30:00Z"));
    }

    #[test]
    fn fields_out_of_range_carry_over() {
        assert_eq!(Zone::UTC.instant(wall(2023, 13, 32, 24, 60)), at("2024-02-02T01:00:00Z"));
    }

    proptest! {
        #[test]
        fn the_wall_clock_of_an_instant_leads_back_to_it_or_to_its_twin(
            instant in -2_000_000_000_i64..5_000_000_000,
            name in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo"]),
        ) {
            let zone = Zone::named(name).unwrap();
            let shown = zone.wall_clock(instant);
            let back = zone.instant(shown);
            prop_assert!((back - instant).abs() <= 3600 && zone.wall_clock(back) == shown);
        }
    }
}
