//! The verdicts on many histories.

use std::fmt;

use serde::Serialize;

use super::Verdict;

/// The verdicts on many histories, in the order of their files. Its `Display` is a table, followed by the whole
/// verdict on each history that is not compatible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// One verdict for each file.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    pub(super) fn new(verdicts: Vec<Verdict>) -> Self {
        Self { verdicts }
    }

    /// The verdicts on histories that are not compatible.
    pub fn failures(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| !verdict.is_compatible())
    }

    /// Whether there are histories, and all of them are compatible.
    pub fn is_compatible(&self) -> bool {
        !self.verdicts.is_empty() && self.failures().next().is_none()
    }

    /// Asserts that there are histories, and that all of them are compatible.
    ///
    /// # Panics
    /// With this report, if they are not.
    #[track_caller]
    pub fn assert_compatible(&self) {
        assert!(self.is_compatible(), "{self}");
    }

    /// The report as JSON, for other tools to read.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("verdicts hold strings, numbers and lists of them")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return f.write_str("no histories were found, so nothing was replayed");
        }
        let rows: Vec<[String; 4]> = self.verdicts.iter().map(row).collect();
        let header = ["history", "workflow", "verdict", "event"].map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([&header]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths = [0, 1, 2, 3].map(width);
        for row in [&header].into_iter().chain(&rows) {
            let cells: Vec<_> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        let failures = self.failures().count();
        writeln!(f, "\n{} histories, {failures} not compatible", self.verdicts.len())?;
        for failure in self.failures() {
            writeln!(f, "\n{failure}")?;
        }
        Ok(())
    }
}

fn row(verdict: &Verdict) -> [String; 4] {
    let event = verdict.event_id().map(|id| id.to_string()).unwrap_or_default();
    [verdict.title(), verdict.workflow_type.clone(), verdict.name(), event]
}
