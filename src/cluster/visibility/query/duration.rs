//! The durations of `ExecutionDuration`.

use crate::cluster::duration_text;

/// A duration in nanoseconds: a whole number of them, or with units as in `1h30m` or `-1.5d`, or as
/// `hh:mm:ss`.
pub(super) fn parse(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| with_units(text)).or_else(|| hours_minutes_seconds(text))
}

fn with_units(text: &str) -> Option<i64> {
    duration_text::parse(&days_as_hours(text)).ok()
}

/// Writes every number of days as a number of hours.
fn days_as_hours(text: &str) -> String {
    let mut hours = String::new();
    for part in text.split_inclusive('d') {
        let head = part.strip_suffix('d').unwrap_or_default();
        let number = head.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
        match number.parse::<f64>() {
            Ok(days) => {
                hours.push_str(head.strip_suffix(number).unwrap_or_default());
                hours.push_str(&format!("{:.6}h", days * 24.0));
            }
            Err(_) => hours.push_str(part),
        }
    }
    hours
}

fn hours_minutes_seconds(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours: i64 = parts.next()?.trim_start().parse().ok()?;
    let minutes: i64 = parts.next()?.trim_start().parse().ok()?;
    let seconds = parts.next()?.trim_start();
    // What follows the number is not looked at.
    let digits = seconds.bytes().take_while(u8::is_ascii_digit).count();
    let seconds: i64 = seconds.get(..digits)?.parse().ok()?;
    if hours < 0 || !(0..60).contains(&minutes) || !(0..60).contains(&seconds) {
        return None;
    }
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_nanoseconds() {
        const SECOND: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("5", 5),
            ("-5", -5),
            ("300ms", 300_000_000),
            ("1h30m", 5400 * SECOND),
            ("-1.5h", -5400 * SECOND),
            (".5s", SECOND / 2),
            ("1.s", SECOND),
            ("1.5d", 36 * 3600 * SECOND),
            ("1d1us", 24 * 3600 * SECOND + 1000),
            ("10:20:30", 37_230 * SECOND),
            ("1:02:03 and more", 3723 * SECOND),
        ] {
            assert_eq!(parse(text), Some(nanos), "{text}");
        }
        for text in ["", "x", "5 s", "1.2.3s", "s", "-", "1:60:00", "-1:00:00", "1:00", "10000000h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
