//! Durations as a person writes them: `1m 30s`, `2d 12h`, `1.5s`, `200ms`.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The duration, exactly.
pub(crate) fn text(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    if rest < NANOS_PER_SECOND {
        let (unit, size) =
            UNITS.into_iter().find(|(_, size)| rest.is_multiple_of(*size)).unwrap_or(("ns", 1));
        return format!("{}{unit}", rest / size);
    }
    let mut parts = Vec::new();
    for (unit, size) in &UNITS[..3] {
        if rest >= *size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if rest > 0 {
        let fraction = format!("{:09}", rest % NANOS_PER_SECOND);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        parts.push(format!("{}{point}{fraction}s", rest / NANOS_PER_SECOND));
    }
    parts.join(" ")
}

/// Reads what [`text`] writes, and every other sum of numbers with units.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let invalid = || {
        format!(
            "{text:?} is no duration: write numbers with the units d, h, m, s, ms, us or ns, like \"1m 30s\""
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, after) = rest.split_at(number);
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (_, size) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        nanos = nanos.saturating_add(scaled(number, size).ok_or_else(invalid)?);
        rest = after.trim_start();
    }
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    Ok(Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32))
}

/// A decimal number of units, in nanoseconds, rounded down; `None` if it is no number.
fn scaled(number: &str, size: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u128 = whole.parse().ok()?;
    let mut nanos = whole.saturating_mul(size);
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut place = size;
    for digit in fraction.bytes() {
        nanos = nanos.saturating_add(place.saturating_mul(u128::from(digit - b'0')) / 10);
        place /= 10;
    }
    Some(nanos)
}

/// Durations in serialized options, scripts and plans.
pub(crate) mod serde_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// The same of durations that may be absent.
    pub(crate) mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

        pub(crate) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| super::super::parse(&text).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_as_people_do() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1500ns"),
            (2_000, "2us"),
            (200_000_000, "200ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m 30s"),
            (90_000_000_001, "1m 30.000000001s"),
            (129_600_000_000_000, "1d 12h"),
        ] {
            assert_eq!(text(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for wrong in ["", " ", "5", "-5s", "5x", "s", "1.s", "1.2.3s", "5 s"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse("999999999999999999999999d").map(|long| long.as_secs()), Ok(u64::MAX));
        assert_eq!(parse("2m30s"), Ok(Duration::from_secs(150)));
        assert_eq!(parse("1.5h"), Ok(Duration::from_secs(5400)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds: u64, nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&text(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9. smhdnu]{0,12}|.{0,12}") {
            let _ = parse(&text);
        }
    }
}
