//! What stands in for a value.

use std::net::IpAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// What tells this use of a key from every other.
const CONTEXT: &str = "temporal-sim 2026 redaction of event histories";

/// How many hexadecimal digits of a token stand for the value, and how many prove that it is a token.
const TOKEN_DIGITS: usize = 16;
const PROOF_DIGITS: usize = 4;

const TOKEN: &str = "redacted-";

/// A secret from which replacements are drawn.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

/// An endless row of bytes that looks random, and is the same for the same value.
struct Stream(blake3::OutputReader);

impl Key {
    pub(super) fn new(material: &[u8]) -> Self {
        Self(blake3::derive_key(CONTEXT, material))
    }

    /// Tells whether something was redacted with this key, without giving it away.
    pub(super) fn fingerprint(&self) -> String {
        self.stream("fingerprint", b"").hex(8)
    }

    /// A replacement without any likeness: `redacted-` and digits. The empty text, and what is a replacement
    /// already, stay as they are.
    pub(super) fn token(&self, text: &str) -> String {
        if text.is_empty() || self.is_token(text) {
            return text.to_owned();
        }
        let value = self.stream("token", text.as_bytes()).hex(TOKEN_DIGITS);
        let proof = self.proof(&value);
        format!("{TOKEN}{value}{proof}")
    }

    /// A replacement in the format of the text, if that is one which code reads: a date, a UUID, a number.
    pub(super) fn text(&self, text: &str) -> String {
        self.in_its_format(text).unwrap_or_else(|| self.token(text))
    }

    /// The digits of a number, the first one 1 or 0 so that the number fits wherever the text's does. A single
    /// digit stays.
    pub(super) fn number(&self, text: &str) -> String {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        self.digits(mantissa) + exponent
    }

    /// As many other bytes.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.stream("bytes", bytes);
        bytes.iter().map(|_| stream.byte()).collect()
    }

    /// Whether a text is a token of this key.
    fn is_token(&self, text: &str) -> bool {
        token_digits(text).is_some_and(|(value, proof)| proof == self.proof(value))
    }

    fn proof(&self, value: &str) -> String {
        self.stream("proof", value.as_bytes()).hex(PROOF_DIGITS)
    }

    fn in_its_format(&self, text: &str) -> Option<String> {
        if text.is_empty() || text.len() > 256 || !text.is_ascii() {
            return None;
        }
        if is_like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
            return Some(self.uuid(text));
        }
        if is_decimal(text) {
            return Some(self.number(text));
        }
        if is_date(text) {
            return Some(self.date(text));
        }
        if is_like(text, "0000-00") && is_date(&format!("{text}-01")) {
            return Some(self.date(text).split_at(text.len()).0.to_owned());
        }
        if is_duration(text) {
            return Some(self.digits(text));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(self.address(address));
        }
        if let Some((scheme, rest)) = text.split_once("://")
            && is_word(scheme)
            && !rest.contains(char::is_whitespace)
        {
            return Some(format!("{scheme}://example.com/{}", self.token(text)));
        }
        if let Some((name, domain)) = text.split_once('@')
            && !name.is_empty()
            && domain.contains('.')
            && !text.contains(char::is_whitespace)
        {
            return Some(format!("{}@example.com", self.token(text)));
        }
        if text.len() >= 16 && text.len() % 2 == 0 && is_hexadecimal(text) {
            let digits = self.stream("hexadecimal", text.as_bytes()).hex(text.len());
            return Some(if text == text.to_ascii_lowercase() {
                digits
            } else {
                digits.to_ascii_uppercase()
            });
        }
        if text.ends_with('=')
            && let Ok(bytes) = BASE64_STANDARD.decode(text)
        {
            return Some(BASE64_STANDARD.encode(self.bytes(&bytes)));
        }
        None
    }

    /// Keeps what says which version of UUID it is.
    fn uuid(&self, text: &str) -> String {
        let mut stream = self.stream("uuid", text.to_ascii_lowercase().as_bytes());
        let replaced = text.char_indices().map(|(at, letter)| match (at, letter) {
            (14 | 19, letter) | (_, letter @ '-') => letter,
            _ => char::from_digit(u32::from(stream.byte() % 16), 16).unwrap_or('0'),
        });
        replaced.collect()
    }

    /// Another date in this century, and another time of the day; the zone is kept.
    fn date(&self, text: &str) -> String {
        let mut stream = self.stream("date", text.as_bytes());
        let mut up_to = |most: u8, least: u8| format!("{:02}", least + stream.byte() % (most - least + 1));
        let date = format!("20{}-{}-{}", up_to(99, 0), up_to(12, 1), up_to(28, 1));
        let Some(separator) = text.chars().nth(10) else { return date };
        let time = format!("{}:{}:{}", up_to(23, 0), up_to(59, 0), up_to(59, 0));
        let rest = text.get(19..).unwrap_or_default();
        let fraction_length =
            rest.strip_prefix('.').map_or(0, |it| it.bytes().take_while(u8::is_ascii_digit).count());
        let zone = rest.get(if fraction_length == 0 { 0 } else { fraction_length + 1 }..).unwrap_or_default();
        let fraction: String = (0..fraction_length).map(|_| char::from(b'0' + stream.byte() % 10)).collect();
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{date}{separator}{time}{point}{fraction}{zone}")
    }

    /// An address that belongs to nobody: of a private network.
    fn address(&self, address: IpAddr) -> String {
        let mut stream = self.stream("address", address.to_string().as_bytes());
        match address {
            IpAddr::V4(_) => format!("10.{}.{}.{}", stream.byte(), stream.byte(), stream.byte()),
            IpAddr::V6(_) => format!("fd00::{}:{}:{}", stream.hex(4), stream.hex(4), stream.hex(4)),
        }
    }

    /// The text with other digits in each run of at least two.
    fn digits(&self, text: &str) -> String {
        // Short numbers have so few replacements that one of them may be the number itself.
        (0..=u8::MAX)
            .map(|attempt| self.digits_once(text, attempt))
            .find(|replaced| replaced != text)
            .unwrap_or_else(|| text.to_owned())
    }

    fn digits_once(&self, text: &str, attempt: u8) -> String {
        let mut stream = self.stream("digits", &[&[attempt], text.as_bytes()].concat());
        let mut replaced = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (run, after) = rest.split_at(if length == 0 { first.len_utf8() } else { length });
            let is_fraction = replaced.ends_with('.');
            match length {
                0 => replaced += run,
                1 if !is_fraction => replaced += run,
                _ => replaced.extend(run.char_indices().map(|(at, digit)| {
                    let random = stream.byte();
                    let digit = match (at, digit) {
                        _ if is_fraction => b'0' + random % 10,
                        (0, '0') => b'0',
                        (0, _) => b'1',
                        // 127 is the largest number of one byte, 18446744073709551615 that of eight.
                        (1, _) if length == 3 => b'0' + random % 2,
                        (1, _) if length == 20 => b'0' + random % 8,
                        _ => b'0' + random % 10,
                    };
                    char::from(digit)
                })),
            }
            rest = after;
        }
        replaced
    }

    fn stream(&self, purpose: &str, value: &[u8]) -> Stream {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes()).update(&[0]).update(value);
        Stream(hasher.finalize_xof())
    }
}

impl Stream {
    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.fill(&mut byte);
        byte[0]
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(u32::from(self.byte() % 16), 16).unwrap_or('0')).collect()
    }
}

/// Whether a text is a token of some key, or looks like one.
pub(in crate::history) fn is_token(text: &str) -> bool {
    token_digits(text).is_some()
}

/// What stands for the value in a token, and what proves that it is one.
fn token_digits(text: &str) -> Option<(&str, &str)> {
    let digits = text.strip_prefix(TOKEN)?;
    let is_whole =
        digits.len() == TOKEN_DIGITS + PROOF_DIGITS && digits.bytes().all(|it| it.is_ascii_hexdigit());
    if is_whole { digits.split_at_checked(TOKEN_DIGITS) } else { None }
}

/// Whether a text is in a pattern: `x` for a hexadecimal digit, `0` for a decimal one, all else for itself.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, pattern)| match pattern {
            b'x' => byte.is_ascii_hexdigit(),
            b'0' => byte.is_ascii_digit(),
            _ => byte == pattern,
        })
}

/// `-12.50`, `+49151234567`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A date, or a date and a time in RFC 3339 or without a zone.
fn is_date(text: &str) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else { return false };
    if !is_like(date, "0000-00-00") || date.parse::<jiff::civil::Date>().is_err() {
        return false;
    }
    let is_time =
        time.starts_with(['T', 't', ' ']) && time.get(1..9).is_some_and(|it| is_like(it, "00:00:00"));
    time.is_empty() || is_time
}

/// `30s`, `1h 30m`, `1.5ms`, `PT1H30M`
fn is_duration(text: &str) -> bool {
    let is_unit = |unit: &str| matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h" | "d" | "w");
    let (iso, parts) = match text.strip_prefix('P') {
        Some(parts) => (true, parts.replacen('T', "", 1).to_ascii_lowercase()),
        None => (false, text.to_owned()),
    };
    let mut rest = parts.as_str();
    let mut found = false;
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, after) = rest.split_at(number);
        let unit = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(unit);
        if !is_decimal(number) || !(is_unit(unit) || iso && unit == "y") {
            return false;
        }
        found = true;
        rest = after.trim_start();
    }
    found
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (text == text.to_ascii_lowercase() || text == text.to_ascii_uppercase())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_kept() {
        let key = Key::new(b"key");
        let check = |text: &str, is_same_format: &dyn Fn(&str) -> bool| {
            let replaced = key.text(text);
            assert_ne!(replaced, text);
            assert!(is_same_format(&replaced), "{text:?} became {replaced:?}");
            assert_eq!(replaced, key.text(text), "the same value, the same replacement");
            assert_ne!(replaced, Key::new(b"another key").text(text));
        };
        check("c8aa5b61-c91e-4427-a4a6-df62beedfe81", &|it| {
            uuid::Uuid::parse_str(it).is_ok_and(|it| it.get_version_num() == 4)
        });
        check("2026-11-21T11:36:51.719Z", &|it| it.parse::<jiff::Timestamp>().is_ok() && it.len() == 24);
        check("2026-11-21T11:36:51+01:00", &|it| it.parse::<jiff::Timestamp>().is_ok());
        check("2026-11", &|it| format!("{it}-01").parse::<jiff::civil::Date>().is_ok());
        check("2026-11-21", &|it| it.parse::<jiff::civil::Date>().is_ok());
        check("12.50", &|it| it.parse::<f64>().is_ok() && it.len() == 5);
        check("+4915123456789", &|it| it.starts_with('+') && it.len() == 14);
        check("18446744073709551615", &|it| it.parse::<u64>().is_ok());
        check("30s", &|it| it.ends_with('s') && it.len() == 3);
        check("1h 30m", &|it| it.starts_with("1h 1"));
        check("PT1H30M", &|it| it.starts_with("PT1H1"));
        check("192.168.0.17", &|it| it.parse::<std::net::Ipv4Addr>().is_ok());
        check("2001:db8::1", &|it| it.parse::<std::net::Ipv6Addr>().is_ok());
        check("ada@lovelace.example.org", &|it| it.starts_with(TOKEN) && it.ends_with("@example.com"));
        check("https://bank.example/accounts/17", &|it| it.starts_with("https://example.com/redacted-"));
        check("00ffee1234567890", &|it| is_hexadecimal(it) && it.len() == 16);
        check("c2VjcmV0cw==", &|it| BASE64_STANDARD.decode(it).is_ok_and(|bytes| bytes.len() == 7));
        for text in ["Ada Lovelace", "ACC-1", "30 pieces", "P", "1h later", "2026-13-45", "Müller", "a@b"] {
            check(text, &|it| key.is_token(it));
        }
    }

    #[test]
    fn numbers_fit_where_they_fitted() {
        let key = Key::new(b"key");
        for number in
            ["10", "19", "99", "100", "127", "255", "12345", "65535", "4294967295", "9223372036854775807"]
        {
            let replaced = key.number(number);
            assert_ne!(replaced, number);
            assert_eq!(replaced.len(), number.len());
            let value: u64 = replaced.parse().unwrap();
            let fits = |most: u64| number.parse::<u64>().unwrap() > most || value <= most;
            assert!(
                fits(i8::MAX as u64) && fits(u8::MAX.into()) && fits(i16::MAX as u64),
                "{number}: {value}"
            );
            assert!(
                fits(i32::MAX as u64) && fits(u32::MAX.into()) && fits(i64::MAX as u64),
                "{number}: {value}"
            );
        }
        assert_eq!(key.number("7"), "7");
        assert!(key.number("0.25").starts_with("0."));
        assert!(key.number("1.25e300").ends_with("e300"));
    }

    #[test]
    fn a_token_is_known_again_and_a_likeness_is_not() {
        let key = Key::new(b"key");
        let token = key.token("Ada");
        assert_eq!(key.token(&token), token);
        let likeness = "redacted-0123456789abcdef0123";
        assert_ne!(key.token(likeness), likeness);
        assert_ne!(Key::new(b"another").token(&token), token, "that of another key is replaced once more");
    }
}
