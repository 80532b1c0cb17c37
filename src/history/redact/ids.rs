//! Ids that hold values which were replaced.

use std::collections::BTreeMap;

/// What was replaced by what.
#[derive(Debug, Default)]
pub(super) struct Replaced(BTreeMap<String, String>);

impl Replaced {
    pub(super) fn remember(&mut self, value: String, replacement: &str) {
        // A single letter or digit is in too many ids by chance.
        if value.chars().count() > 1 && value != replacement {
            self.0.insert(value, replacement.to_owned());
        }
    }

    /// The id with every part replaced that is a value which was replaced. Parts begin and end where letters
    /// and digits do; of two parts that overlap, the longer one is taken.
    pub(super) fn within(&self, id: &str) -> String {
        let mut result = String::new();
        let mut rest = id;
        let mut in_word = false;
        while let Some(first) = rest.chars().next() {
            if !(in_word && first.is_alphanumeric())
                && let Some((length, replacement)) = self.longest_at_start(rest)
            {
                result += replacement;
                in_word = rest.get(..length).is_some_and(|it| it.ends_with(char::is_alphanumeric));
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            result.push(first);
            in_word = first.is_alphanumeric();
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        result
    }

    fn longest_at_start(&self, text: &str) -> Option<(usize, &str)> {
        let mut ends: Vec<usize> = Vec::new();
        let mut before: Option<char> = None;
        for (at, letter) in text.char_indices() {
            if before.is_some_and(|before| !(before.is_alphanumeric() && letter.is_alphanumeric())) {
                ends.push(at);
            }
            before = Some(letter);
        }
        ends.push(text.len());
        let found = |end: &usize| Some((*end, self.0.get(text.get(..*end)?)?.as_str()));
        ends.iter().rev().find_map(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_ids_are_replaced_where_words_begin_and_end() {
        let mut replaced = Replaced::default();
        for (value, replacement) in
            [("ORD-7", "x"), ("7", "never"), ("ORD", "y"), ("Ada", "z"), ("Müller", "m")]
        {
            replaced.remember(value.to_owned(), replacement);
        }
        let check = |id: &str, expected: &str| assert_eq!(replaced.within(id), expected);
        check("ORD-7", "x");
        check("shipment-ORD-7/2", "shipment-x/2");
        check("ORD-75", "y-75");
        check("Adam", "Adam");
        check("Ada_Ada", "z_z");
        check("7", "7");
        check("für-Müller", "für-m");
        check("", "");
    }
}
