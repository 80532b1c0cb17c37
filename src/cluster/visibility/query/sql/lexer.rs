//! Splits the text of a statement into tokens.

use super::keywords::{self, Class};

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where the lexer stands when it has read the token: the number of bytes read, with the byte after the
    /// token, which it had to look at. Error messages call this the position.
    pub(super) position: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// The end of the statement.
    End,
    /// A name, as written, or what stands between two backticks.
    Name(String),
    /// A special word, in lower case.
    Word(&'static str, Class),
    /// A quoted string, without its quotes and escapes.
    String(String),
    Integer(String),
    Float(String),
    /// `0x1f`
    HexNumber(String),
    /// `x'1f'`, without the frame.
    Hex(String),
    /// `b'01'`, without the frame.
    Bits(String),
    /// A placeholder for a value: `:name`, or `?`, which is the same as `:v1`, `:v2`, …
    Argument(String),
    /// A placeholder for a list: `::name`
    ListArgument(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// What the lexer could make nothing of, as far as it came.
    Invalid(String),
}

impl Kind {
    /// What an error message repeats of the token; nothing for an operator.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::End | Self::Symbol(_) => "",
            Self::Word(word, _) => word,
            Self::Name(text)
            | Self::String(text)
            | Self::Integer(text)
            | Self::Float(text)
            | Self::HexNumber(text)
            | Self::Hex(text)
            | Self::Bits(text)
            | Self::Argument(text)
            | Self::ListArgument(text)
            | Self::Invalid(text) => text,
        }
    }
}

/// The tokens of `text`. The last one is [`Kind::End`], or [`Kind::Invalid`] where the lexer gave up.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text: text.as_bytes(), at: 0, arguments: 0 };
    let mut tokens = Vec::new();
    loop {
        let Some(kind) = lexer.next() else { continue };
        let last = matches!(kind, Kind::End | Kind::Invalid(_));
        tokens.push(Token { kind, position: lexer.at.saturating_add(1) });
        if last {
            return tokens;
        }
    }
}

/// Operators and brackets; a longer one stands before those it begins with.
const SYMBOLS: &[&str] = &[
    "<=>", "->>", "&&", "||", "->", "<>", "<<", "<=", ">=", ">>", "!=", "=", ",", ";", "(", ")", "+", "*",
    "%", "^", "~", "&", "|", ".", "/", "-", "<", ">", "!",
];

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// How many `?` were seen.
    arguments: usize,
}

impl Lexer<'_> {
    /// The next token; `None` for a comment.
    fn next(&mut self) -> Option<Kind> {
        self.take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let rest = self.rest();
        Some(match *rest {
            [] => Kind::End,
            [b'x' | b'X', b'\'', ..] => self.framed(Kind::Hex, |byte| byte.is_ascii_hexdigit(), 2),
            [b'b' | b'B', b'\'', ..] => self.framed(Kind::Bits, |byte| matches!(byte, b'0' | b'1'), 1),
            [first, second, ..] if is_letter(first) => {
                let is_system_variable = first == b'@' && second == b'@';
                self.word(is_system_variable)
            }
            [first] if is_letter(first) => self.word(false),
            [first, ..] if first.is_ascii_digit() => self.number(),
            [b'.', second, ..] if second.is_ascii_digit() => self.number(),
            [b'-', b'-', ..] | [b'/', b'/', ..] | [b'#', ..] => {
                self.take_while(|byte| byte != b'\n');
                return None;
            }
            [b'/', b'*', ..] => return self.block_comment(),
            [b':', ..] => self.argument(),
            [b'?', ..] => {
                self.at += 1;
                self.arguments += 1;
                Kind::Argument(format!(":v{}", self.arguments))
            }
            [quote @ (b'\'' | b'"'), ..] => self.string(quote),
            [b'`', ..] => self.quoted_name(),
            [first, ..] => match SYMBOLS.iter().find(|symbol| rest.starts_with(symbol.as_bytes())) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Kind::Symbol(match *symbol {
                        "<>" => "!=",
                        symbol => symbol,
                    })
                }
                None => {
                    self.at += 1;
                    Kind::Invalid(String::from_utf8_lossy(&[first]).into_owned())
                }
            },
        })
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> String {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        let taken = String::from_utf8_lossy(rest.get(..length).unwrap_or_default()).into_owned();
        self.at += length;
        taken
    }

    fn word(&mut self, is_system_variable: bool) -> Kind {
        let word = self.take_while(|byte| {
            is_letter(byte)
                || byte.is_ascii_digit()
                || is_system_variable && matches!(byte, b'.' | b'\'' | b'"' | b'`')
        });
        match keywords::find(&word) {
            Some((word, class)) => Kind::Word(word, class),
            None => Kind::Name(word),
        }
    }

    /// `x'…'` or `b'…'`, with a multiple of `unit` digits.
    fn framed(&mut self, kind: fn(String) -> Kind, is_digit: fn(u8) -> bool, unit: usize) -> Kind {
        self.at += 2;
        let digits = self.take_while(is_digit);
        if self.peek() != Some(b'\'') {
            return Kind::Invalid(digits);
        }
        self.at += 1;
        if digits.len().is_multiple_of(unit) { kind(digits) } else { Kind::Invalid(digits) }
    }

    fn number(&mut self) -> Kind {
        let digits = |lexer: &mut Self| lexer.take_while(|byte| byte.is_ascii_digit());
        let mut kind: fn(String) -> Kind = Kind::Integer;
        let mut number;
        if let [b'0', b'x' | b'X', ..] = self.rest() {
            number = String::from_utf8_lossy(self.rest().get(..2).unwrap_or_default()).into_owned();
            self.at += 2;
            number.push_str(&self.take_while(|byte| byte.is_ascii_hexdigit()));
            kind = Kind::HexNumber;
        } else {
            number = digits(self);
            if self.peek() == Some(b'.') {
                self.at += 1;
                number.push('.');
                number.push_str(&digits(self));
                kind = Kind::Float;
            }
            if let Some(exponent @ (b'e' | b'E')) = self.peek() {
                self.at += 1;
                number.push(char::from(exponent));
                if let Some(sign @ (b'+' | b'-')) = self.peek() {
                    self.at += 1;
                    number.push(char::from(sign));
                }
                number.push_str(&digits(self));
                kind = Kind::Float;
            }
        }
        if self.peek().is_some_and(is_letter) { Kind::Invalid(number) } else { kind(number) }
    }

    fn argument(&mut self) -> Kind {
        self.at += 1;
        let (mut name, kind): (_, fn(String) -> Kind) = if self.peek() == Some(b':') {
            self.at += 1;
            ("::".to_owned(), Kind::ListArgument)
        } else {
            (":".to_owned(), Kind::Argument)
        };
        if !self.peek().is_some_and(is_letter) {
            return Kind::Invalid(name);
        }
        name.push_str(&self.take_while(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'.'));
        kind(name)
    }

    /// A string ends at a quote like the one it begins with; two of them, or one after a backslash, are a
    /// part of it.
    fn string(&mut self, quote: u8) -> Kind {
        self.at += 1;
        let mut content = Vec::new();
        let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
        loop {
            let Some(byte) = self.peek() else { return Kind::Invalid(text(&content)) };
            self.at += 1;
            if byte == b'\\' {
                let Some(escaped) = self.peek() else { return Kind::Invalid(text(&content)) };
                self.at += 1;
                content.push(unescape(escaped));
            } else if byte == quote {
                if self.peek() != Some(quote) {
                    return Kind::String(text(&content));
                }
                self.at += 1;
                content.push(quote);
            } else {
                content.push(byte);
            }
        }
    }

    /// What stands between two backticks; two backticks in it are one.
    fn quoted_name(&mut self) -> Kind {
        self.at += 1;
        let mut name = String::new();
        loop {
            name.push_str(&self.take_while(|byte| byte != b'`'));
            match *self.rest() {
                [b'`', b'`', ..] => {
                    name.push('`');
                    self.at += 2;
                }
                [_, ..] => {
                    self.at += 1;
                    return if name.is_empty() { Kind::Invalid(name) } else { Kind::Name(name) };
                }
                [] => return Kind::Invalid(name),
            }
        }
    }

    fn block_comment(&mut self) -> Option<Kind> {
        let rest = self.rest();
        let body = rest.get(2..).unwrap_or_default();
        match body.windows(2).position(|pair| pair == b"*/") {
            Some(length) => {
                self.at += length + 4;
                None
            }
            None => {
                let comment = String::from_utf8_lossy(rest).into_owned();
                self.at = self.text.len();
                Some(Kind::Invalid(comment))
            }
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'@'
}

/// What a byte means after a backslash.
fn unescape(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 8,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 26,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn words_names_numbers_and_strings() {
        insta::assert_debug_snapshot!(kinds("Type >= -1.5e3 AND `my name` in ('it''s', \"a\\\"b\", 0x1F) -- end"), @r#"
        [
            Name(
                "Type",
            ),
            Symbol(
                ">=",
            ),
            Symbol(
                "-",
            ),
            Float(
                "1.5e3",
            ),
            Word(
                "and",
                Reserved,
            ),
            Name(
                "my name",
            ),
            Word(
                "in",
                Reserved,
            ),
            Symbol(
                "(",
            ),
            String(
                "it's",
            ),
            Symbol(
                ",",
            ),
            String(
                "a\"b",
            ),
            Symbol(
                ",",
            ),
            HexNumber(
                "0x1F",
            ),
            Symbol(
                ")",
            ),
            End,
        ]
        "#);
    }

    #[test]
    fn a_position_counts_the_byte_after_the_token() {
        let positions: Vec<_> = tokens("a = 'x'").into_iter().map(|token| token.position).collect();
        assert_eq!(positions, [2, 4, 8, 8]);
    }

    #[test]
    fn the_lexer_gives_up_at_what_it_does_not_know() {
        for (text, left) in
            [("'open", "open"), ("`open", "open"), ("``", ""), ("12a", "12"), ("x'1'", "1"), ("$", "$")]
        {
            assert_eq!(kinds(text).last(), Some(&Kind::Invalid(left.to_owned())), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_an_end(text in ".{0,40}") {
            let tokens = tokens(&text);
            let positions: Vec<_> = tokens.iter().map(|token| token.position).collect();
            proptest::prop_assert!(positions.is_sorted());
            proptest::prop_assert!(positions.last() <= Some(&(text.len() + 1)));
        }
    }
}
