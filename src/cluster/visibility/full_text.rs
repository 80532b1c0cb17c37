//! Full text: how the visibility store splits Text and KeywordList into tokens, and finds phrases in them.

use icu_normalizer::{DecomposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed};

/// What is split into tokens, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokenizer {
    /// Words: runs of letters and digits, in lower case and without accents.
    Words,
    /// The elements of a KeywordList as they are, but in lower case.
    Elements,
}

/// Keeps the elements of a KeywordList apart where the visibility store keeps them in one text.
pub(crate) const ELEMENT_SEPARATOR: char = '♡';

/// A text as a sequence of tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    tokens: Vec<String>,
}

impl Tokenizer {
    /// Splits a text.
    pub(crate) fn tokens(self, text: &str) -> Tokens {
        let tokens = match self {
            Self::Words => without_accents(text)
                .to_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
            Self::Elements => text
                .split(ELEMENT_SEPARATOR)
                .filter(|element| !element.is_empty())
                .map(str::to_lowercase)
                .collect(),
        };
        Tokens { tokenizer: self, tokens }
    }
}

fn without_accents(text: &str) -> String {
    let combining_class = CanonicalCombiningClassMapBorrowed::new();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    decomposed.chars().filter(|c| combining_class.get_u8(*c) == 0).collect()
}

/// Whether the tokens of `phrase` stand in `tokens`, one after the other. A phrase without tokens stands
/// nowhere.
pub(crate) fn contains(tokens: &Tokens, phrase: &str) -> bool {
    let phrase = tokens.tokenizer.tokens(phrase).tokens;
    !phrase.is_empty() && tokens.tokens.windows(phrase.len()).any(|window| window == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_without_accents() {
        let tokens = Tokenizer::Words.tokens("Some-words here, Café in the sun2");
        for phrase in ["words", "SOME-words", "words here", "cafe", "CAFÉ", "sun2"] {
            assert!(contains(&tokens, phrase), "{phrase}");
        }
        for phrase in ["word", "words some", "---", "", "sun"] {
            assert!(!contains(&tokens, phrase), "{phrase}");
        }
    }

    #[test]
    fn elements_are_found_whole() {
        let tokens = Tokenizer::Elements.tokens("One♡two three");
        for element in ["one", "ONE", "Two three"] {
            assert!(contains(&tokens, element), "{element}");
        }
        for element in ["two", "three", "on", ""] {
            assert!(!contains(&tokens, element), "{element}");
        }
    }
}
