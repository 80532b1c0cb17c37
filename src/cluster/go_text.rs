//! How the server writes values: its error messages and some of its payloads are made by Go's formatting.

use std::fmt::{self, Display, Formatter};

use jiff::civil::DateTime;
use serde_json::Value as Json;
use temporalio_common::protos::temporal::api::common::v1::Payload;

use crate::clock::Time;

/// An instant with the time zone in which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Timestamp {
    /// The clock on the wall there.
    local: DateTime,
    /// How far the clock there is ahead.
    offset_minutes: i64,
}

impl Timestamp {
    /// Parses RFC 3339 as Go's JSON decoder does: two digits for everything, and a point before the
    /// fraction.
    pub(crate) fn parse_strict(text: &str) -> Option<Self> {
        let hour_has_two_digits = text.as_bytes().get(13) == Some(&b':');
        if hour_has_two_digits && !text.contains(',') { Self::parse(text) } else { None }
    }

    /// Parses RFC 3339 as Go's `time.Parse` does, which also takes a single digit for the hour and a comma
    /// before the fraction.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, clock) = text.split_once('T')?;
        let [year, month, day] = numbers(date, '-', &[4, 2, 2])?;
        let zone = clock.find(['Z', '+', '-'])?;
        let (clock, zone) = (clock.get(..zone)?, clock.get(zone..)?);
        let (clock, fraction) = match clock.find(['.', ',']) {
            Some(at) => (clock.get(..at)?, clock.get(at + 1..)?),
            None => (clock, "0"),
        };
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let [hour, minute, second] =
            numbers(clock, ':', &[if clock.find(':') == Some(1) { 1 } else { 2 }, 2, 2])?;
        let offset_minutes = match zone.strip_prefix(['+', '-']) {
            Some(offset) => {
                let [hours, minutes] = numbers(offset, ':', &[2, 2])?;
                if hours > 24 || minutes > 60 {
                    return None;
                }
                (hours * 60 + minutes) * if zone.starts_with('-') { -1 } else { 1 }
            }
            None if zone == "Z" => 0,
            None => return None,
        };
        let local = DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(minute).ok()?,
            i8::try_from(second).ok()?,
            digits.parse().ok()?,
        )
        .ok()?;
        Some(Self { local, offset_minutes })
    }

    /// An instant as it is written in UTC.
    pub(crate) fn utc(time: Time) -> Self {
        let timestamp = jiff::Timestamp::from_nanosecond(time.as_nanos())
            .unwrap_or(if time < Time::default() { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX });
        Self { local: jiff::tz::TimeZone::UTC.to_datetime(timestamp), offset_minutes: 0 }
    }

    /// Date and time to the second, with `between` between them, and the nine digits of the fraction.
    pub(crate) fn parts(self, between: char) -> (String, String) {
        let local = self.local;
        let (year, month, day) = (local.year(), local.month(), local.day());
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        (
            format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}"),
            format!("{:09}", local.subsec_nanosecond()),
        )
    }

    /// The instant itself.
    pub(crate) fn time(self) -> Time {
        let since_epoch = self.local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        let offset = i128::from(self.offset_minutes) * 60 * 1_000_000_000;
        Time::from_nanos(since_epoch.as_nanos().saturating_sub(offset))
    }
}

/// Numbers of so many digits each, with a separator between them.
fn numbers<const N: usize>(text: &str, separator: char, digits: &[usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != *digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

impl Display for Timestamp {
    /// RFC 3339 with as many digits of the fraction as it takes.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (seconds, fraction) = self.parts('T');
        f.write_str(&seconds)?;
        match fraction.trim_end_matches('0') {
            "" => {}
            fraction => write!(f, ".{fraction}")?,
        }
        match self.offset_minutes {
            0 => f.write_str("Z"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}

/// An enum value as it is written: its protobuf name without the prefix, in camel case.
pub(crate) fn enum_name(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}

/// A number as `%v` and `%g` write it: with an exponent when that is below -4 or above 5.
pub(crate) fn number(value: f64) -> String {
    with_exponent_outside(value, -4, 6)
}

/// A number as `encoding/json` writes it: with an exponent when that is below -6 or above 20.
pub(crate) fn json_number(value: f64) -> String {
    let text = with_exponent_outside(value, -6, 21);
    // The exponent of a small number loses its leading zero.
    text.replace("e-0", "e-")
}

fn with_exponent_outside(value: f64, lowest: i32, too_high: i32) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent < lowest || exponent >= too_high => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

/// A string as `%q` and `%#v` write it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\x7f' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A string as `encoding/json` writes it, which escapes what HTML would misunderstand.
pub(crate) fn json_string(text: &str) -> String {
    let mut json = Json::from(text).to_string();
    for (c, escaped) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        if json.contains(c) {
            json = json.replace(c, escaped);
        }
    }
    json
}

/// JSON as `%v` writes what it was decoded to.
pub(crate) fn json_value(json: &Json) -> String {
    match json {
        Json::Null => "<nil>".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.as_f64().map_or_else(|| value.to_string(), number),
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(json_value).collect();
            format!("[{}]", items.join(" "))
        }
        Json::Object(fields) => {
            let fields: std::collections::BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{key}:{}", json_value(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// A payload as protobuf text.
pub(crate) fn payload(payload: &Payload) -> String {
    let metadata: std::collections::BTreeMap<_, _> = payload.metadata.iter().collect();
    let mut parts: Vec<_> = metadata
        .iter()
        .map(|(key, value)| format!("metadata:{{key:{} value:{}}}", bytes(key.as_bytes()), bytes(value)))
        .collect();
    if !payload.data.is_empty() {
        parts.push(format!("data:{}", bytes(&payload.data)));
    }
    parts.join(" ")
}

/// A string or bytes in protobuf text.
fn bytes(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                c if u32::from(c) < 0x20 || c == '\x7f' => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, expected) in [
            (2.0, "2"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1_234_567.5, "1.2345675e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1e30, "-1e+30"),
        ] {
            assert_eq!(number(value), expected);
        }
        for (value, expected) in
            [(1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-7, "1e-7"), (-0.5, "-0.5")]
        {
            assert_eq!(json_number(value), expected);
        }
    }

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(quote("a\tbé\u{1}x\"\\"), "\"a\\tbé\\x01x\\\"\\\\\"");
    }

    #[test]
    fn timestamps_keep_their_zone() {
        for text in
            ["2024-05-06T07:08:09Z", "2024-05-06T07:08:09.123456789+02:30", "0001-01-01T00:00:00-01:00"]
        {
            assert_eq!(Timestamp::parse_strict(text).unwrap().to_string(), text);
        }
        let instant = |text| Timestamp::parse(text).unwrap().time();
        assert_eq!(instant("2024-05-06T07:08:09.5+02:00"), instant("2024-05-06T5:08:09,50Z"));
        assert_eq!(instant("1970-01-01T00:00:01Z"), Time::from_nanos(1_000_000_000));
        for text in
            ["2024-05-06", "2024-05-06T07:08Z", "2024-02-30T00:00:00Z", "2024-05-06 07:08:09Z", "yesterday"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert_eq!(Timestamp::parse_strict("2024-05-06T7:08:09Z"), None);
    }

    #[test]
    fn payloads_are_written_as_protobuf_text() {
        let metadata = [("encoding".to_owned(), b"x\xff".to_vec())].into();
        let written = payload(&Payload { metadata, data: b"\"1\"\n".to_vec(), ..Default::default() });
        assert_eq!(written, r#"metadata:{key:"encoding" value:"x\xff"} data:"\"1\"\n""#);
    }
}
