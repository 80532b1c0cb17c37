//! How points in time and durations are written.

use crate::clock::Time;

const MILLI: u128 = 1_000_000;
const SECOND: u128 = 1_000 * MILLI;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;
const DAY: u128 = 24 * HOUR;

/// The time since the start: `+00:00:00.500`, `+1d 02:00:00.500`.
pub(super) fn offset(start: Time, time: Time) -> String {
    let nanos = time.as_nanos().saturating_sub(start.as_nanos());
    let (sign, nanos) = (if nanos < 0 { '-' } else { '+' }, nanos.unsigned_abs());
    let days = if nanos >= DAY { format!("{}d ", nanos / DAY) } else { String::new() };
    let (hours, minutes) = (nanos % DAY / HOUR, nanos % HOUR / MINUTE);
    let (seconds, millis) = (nanos % MINUTE / SECOND, nanos % SECOND / MILLI);
    format!("{sign}{days}{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// A duration in the units that people use: `3d 12h`, `1m 30s`, `1.5s`, `200ms`. What is longer than a
/// millisecond is shown in whole ones.
pub(super) fn human(duration: &prost_types::Duration) -> String {
    let nanos = i128::from(duration.seconds) * SECOND as i128 + i128::from(duration.nanos);
    let (sign, mut rest) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    match rest {
        0 => return "0s".to_owned(),
        1..MILLI => return format!("{sign}{rest}ns"),
        MILLI..SECOND => return format!("{sign}{}ms", rest / MILLI),
        _ => {}
    }
    let mut parts = Vec::new();
    for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")] {
        if rest >= unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if rest >= MILLI {
        let fraction = format!("{:03}", rest % SECOND / MILLI);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        parts.push(format!("{}{point}{fraction}s", rest / SECOND));
    }
    format!("{sign}{}", parts.join(" "))
}
