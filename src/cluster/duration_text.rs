//! Durations as people write them: `1h30m`, `90s`, `1.5h`.
//!
//! This is Go's notation, which is what the server reads in `@every` intervals.

/// Why a text is no duration. The message is the server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// Not a number with a unit, or more than 292 years.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A number with a unit that there is not.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
}

/// Reads a sequence of numbers with units, from `h` to `ns`, with an optional sign, in nanoseconds.
///
/// # Errors
///
/// If it is something else, or does not fit 64 bits of nanoseconds.
pub(crate) fn parse(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let nanos: i128 = match unit {
            "" => return Err(DurationError::MissingUnit(text.to_owned())),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() }),
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        // Digits beyond these are less than a nanosecond of an hour.
        let digits = &fraction[..fraction.len().min(15)];
        let fraction: i128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| invalid())? };
        total = whole
            .checked_mul(nanos)
            .map(|whole| whole + fraction * nanos / 10_i128.pow(digits.len() as u32))
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= i128::from(i64::MAX))
            .ok_or_else(invalid)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// Like [`parse`], with `d` for days of 24 hours.
///
/// # Errors
///
/// Those of [`parse`].
pub(crate) fn parse_with_days(text: &str) -> Result<i64, DurationError> {
    let mut hours = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '.') {
        let (before, after) = rest.split_at(start);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        hours.push_str(before);
        match (after.strip_prefix('d'), number.parse::<f64>()) {
            (Some(after), Ok(days)) => {
                hours.push_str(&format!("{:.6}h", days * 24.0));
                rest = after;
            }
            _ => {
                hours.push_str(number);
                rest = after;
            }
        }
    }
    hours.push_str(rest);
    parse(&hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse_with_days(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_numbers_with_units() {
        assert_eq!(parse("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(parse("-1.5s"), Ok(-1_500_000_000));
        assert_eq!(parse("+.5ms"), Ok(500_000));
        assert_eq!(parse("3µs4ns"), Ok(3_004));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse_with_days("1d12h"), Ok(129_600_000_000_000));
        assert_eq!(parse_with_days("0.5d"), Ok(43_200_000_000_000));
    }

    #[test]
    fn refuses_in_the_words_of_the_server() {
        assert_eq!(message(""), r#"time: invalid duration """#);
        assert_eq!(message("5"), r#"time: missing unit in duration "5""#);
        assert_eq!(message("5y"), r#"time: unknown unit "y" in duration "5y""#);
        assert_eq!(message("."), r#"time: invalid duration ".""#);
        assert_eq!(message("1.2.3s"), r#"time: invalid duration "1.2.3s""#);
        assert_eq!(message("9999999h"), r#"time: invalid duration "9999999h""#);
        assert_eq!(parse("1d").unwrap_err().to_string(), r#"time: unknown unit "d" in duration "1d""#);
    }
}
