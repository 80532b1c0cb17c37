//! The durations of `ExecutionDuration`.

/// A duration in nanoseconds: a whole number of them, or with units as in `1h30m` or `-1.5d`, or as `hh:mm:ss`.
pub(super) fn parse(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| with_units(text)).or_else(|| hours_minutes_seconds(text))
}

const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("d", 24 * 3600 * 1_000_000_000),
];

fn with_units(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(length);
        let length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (name, after) = after.split_at(length);
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
        total = total.checked_add(amount(number, *unit)?)?;
        rest = after;
    }
    i64::try_from(total * sign).ok()
}

/// A decimal number of units, in nanoseconds.
fn amount(number: &str, unit: i64) -> Option<i128> {
    /// More digits than this make no difference of a nanosecond, even in days.
    const DIGITS: usize = 15;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    let fraction = fraction.get(..DIGITS).unwrap_or(fraction);
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? };
    let parts_in_unit = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let unit = i128::from(unit);
    Some(i128::from(whole) * unit + i128::from(parts) * unit / parts_in_unit)
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
