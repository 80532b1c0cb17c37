//! Cases that fail, and why.

use std::{collections::BTreeMap, path::Path};

/// Which cases and areas are known to fail.
#[derive(Debug, Default)]
pub(crate) struct Exceptions(BTreeMap<String, String>);

impl Exceptions {
    /// Reads lines of `area: reason` or `area/name: reason`; `#` begins a comment.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line has no reason.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Reads the text of an exceptions file.
    ///
    /// # Errors
    ///
    /// If a line has no reason, or a name is listed twice.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut exceptions = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, reason) = line
                .split_once(':')
                .map(|(name, reason)| (name.trim(), reason.trim()))
                .filter(|(name, reason)| !name.is_empty() && !reason.is_empty())
                .ok_or_else(|| format!("line {number}: expected `area/name: reason`, found `{line}`"))?;
            if exceptions.insert(name.to_owned(), reason.to_owned()).is_some() {
                return Err(format!("line {number}: `{name}` is listed twice"));
            }
        }
        Ok(Self(exceptions))
    }

    /// Why a case is known to fail; `None` if it has to pass.
    pub(crate) fn reason(&self, case: &str) -> Option<&str> {
        let area = case.split_once('/').map_or(case, |(area, _)| area);
        self.0.get(case).or_else(|| self.0.get(area)).map(String::as_str)
    }

    /// The listed names that belong to no case.
    pub(crate) fn stale<'a>(&self, cases: impl Iterator<Item = &'a str> + Clone) -> Vec<&str> {
        let is_known = |name: &str| {
            cases
                .clone()
                .any(|case| case == name || case.split_once('/').is_some_and(|(area, _)| area == name))
        };
        self.0.keys().map(String::as_str).filter(|name| !is_known(name)).collect()
    }
}
