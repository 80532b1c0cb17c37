//! JSON values without what is confidential in them.

use serde_json::{Map, Number, Value};

use super::{Redaction, ids::Replaced};

impl Redaction {
    /// Replaces what is in a value, and remembers what was replaced.
    pub(super) fn replace_json(&self, value: Value, replaced: &mut Replaced) -> Value {
        self.replace_at(value, &mut Vec::new(), replaced)
    }

    fn replace_at(&self, value: Value, path: &mut Vec<String>, replaced: &mut Replaced) -> Value {
        if self.kept_fields.iter().any(|kept| ends_with(path, kept)) {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.replace_text(text, replaced)),
            Value::Number(number) if self.numbers => Value::Number(self.replace_number(number, replaced)),
            Value::Array(items) => {
                items.into_iter().map(|item| self.replace_at(item, path, replaced)).collect()
            }
            Value::Object(fields) => Value::Object(self.replace_fields(fields, path, replaced)),
            other => other,
        }
    }

    fn replace_fields(
        &self,
        fields: Map<String, Value>,
        path: &mut Vec<String>,
        replaced: &mut Replaced,
    ) -> Map<String, Value> {
        let all_keys = self.keys_of.iter().any(|field| ends_with(path, field));
        let mut result = Map::new();
        for (name, value) in fields {
            path.push(name.clone());
            let value = self.replace_at(value, path, replaced);
            path.pop();
            let mut key =
                if all_keys || !is_field_name(&name) { self.replace_text(name, replaced) } else { name };
            // Short keys have few replacements, and two may be the same.
            while result.contains_key(&key) {
                key = self.key.token(&format!("{key}, once more"));
            }
            result.insert(key, value);
        }
        result
    }

    fn replace_text(&self, text: String, replaced: &mut Replaced) -> String {
        if self.kept_values.contains(&text) {
            return text;
        }
        let replacement = self.key.text(&text);
        replaced.remember(text, &replacement);
        replacement
    }

    fn replace_number(&self, number: Number, replaced: &mut Replaced) -> Number {
        let text = number.to_string();
        let replacement = self.key.number(&text);
        match serde_json::from_str(&replacement) {
            Ok(number) => {
                replaced.remember(text, &replacement);
                number
            }
            Err(_) => number,
        }
    }
}

/// Whether a key is what a field of a struct may be called.
fn is_field_name(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte))
}

fn ends_with(path: &[String], end: &[String]) -> bool {
    path.ends_with(end)
}
