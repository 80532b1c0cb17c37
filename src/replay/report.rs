//! The verdicts on many histories.

use std::{fmt, path::Path};

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

    /// The folder that all files are in.
    fn folder(&self) -> Option<&Path> {
        let mut sources = self.verdicts.iter().filter_map(|verdict| verdict.source.as_deref());
        let first = sources.next()?.parent()?;
        let within = |folder: &&Path| {
            self.verdicts
                .iter()
                .all(|verdict| verdict.source.as_ref().is_some_and(|source| source.starts_with(folder)))
        };
        first.ancestors().find(within).filter(|folder| !folder.as_os_str().is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return f.write_str("no histories were found, so nothing was replayed");
        }
        let folder = self.folder();
        if let Some(folder) = folder {
            writeln!(f, "{}", folder.display())?;
        }
        write!(f, "{}", Table::new(self.verdicts.iter().map(|verdict| row(verdict, folder)).collect()))?;
        let failures = self.failures().count();
        writeln!(f, "\n{} histories, {failures} not compatible", self.verdicts.len())?;
        for failure in self.failures() {
            writeln!(f, "\n{failure}")?;
        }
        Ok(())
    }
}

type Row = [String; 5];

/// A worker's opinion and the code's differences side by side.
fn row(verdict: &Verdict, folder: Option<&Path>) -> Row {
    let source = verdict.source.as_deref();
    let short = source.zip(folder).and_then(|(source, folder)| source.strip_prefix(folder).ok());
    let title = match short {
        Some(short) if !short.as_os_str().is_empty() => short.display().to_string(),
        _ => verdict.title(),
    };
    let event = verdict.event_id().map(|id| id.to_string()).unwrap_or_default();
    [title, verdict.workflow_type.clone(), verdict.production.name().to_owned(), verdict.code(), event]
}

/// Columns as wide as their widest cell.
struct Table {
    rows: Vec<Row>,
}

impl Table {
    fn new(rows: Vec<Row>) -> Self {
        let header = ["history", "workflow", "worker", "code", "event"].map(str::to_owned);
        Self { rows: [vec![header], rows].concat() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; 5];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}
