//! A report as a table for a terminal.

use std::fmt;

use comfy_table::{Attribute, Cell, Color, Table, presets};

use super::{Report, Titles};
use crate::replay::{Production, Verdict};

/// What is said about no histories.
pub(super) const NOTHING: &str = "no histories were found, so nothing was replayed";

/// How many rows a table has unless [`ReportTable::all`] says otherwise.
const ROWS: usize = 40;

/// A report as a table: a row for each history, and a line that counts them. Of many histories, only those that
/// are not compatible are shown, and not all of those if they are many too.
#[derive(Debug, Clone)]
pub struct ReportTable<'a> {
    report: &'a Report,
    all: bool,
    colored: bool,
}

impl Report {
    /// The report as a table for a terminal, kept short.
    pub fn table(&self) -> ReportTable<'_> {
        ReportTable { report: self, all: false, colored: false }
    }
}

impl ReportTable<'_> {
    /// Shows all histories, however many they are.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.all = true;
        self
    }

    /// Adds ANSI colours to the `Display`, for a terminal.
    #[must_use]
    pub fn colored(mut self) -> Self {
        self.colored = true;
        self
    }

    /// Prints to standard output, coloured if that is a terminal that shows colours.
    pub fn print(&self) {
        anstream::print!("{}", self.clone().colored());
    }

    /// The verdicts to show, and how many are not.
    fn shown(&self) -> (Vec<&Verdict>, usize) {
        let all: Vec<_> = self.report.verdicts.iter().collect();
        if self.all || all.len() <= ROWS {
            return (all, 0);
        }
        let mut failures: Vec<_> = self.report.failures().collect();
        let left_out = failures.len().saturating_sub(ROWS);
        failures.truncate(ROWS);
        (failures, left_out)
    }

    fn row(titles: Titles<'_>, verdict: &Verdict) -> Vec<Cell> {
        let event = verdict.event_id().map(|id| id.to_string()).unwrap_or_default();
        let worker = match verdict.production {
            Production::Compatible => Color::Green,
            Production::UnregisteredWorkflow { .. } | Production::Unreadable { .. } => Color::Yellow,
            _ => Color::Red,
        };
        let code = match verdict.code() {
            code if code.is_empty() => Cell::new(code),
            code if verdict.is_compatible() => Cell::new(code).fg(Color::Green),
            code => Cell::new(code).fg(Color::Yellow),
        };
        vec![
            Cell::new(titles.of(verdict)),
            Cell::new(&verdict.workflow_type),
            Cell::new(verdict.production.name()).fg(worker),
            code,
            Cell::new(event),
        ]
    }
}

impl fmt::Display for ReportTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        if report.verdicts.is_empty() {
            return writeln!(f, "{NOTHING}");
        }
        let titles = report.titles();
        if let Some(folder) = titles.folder {
            writeln!(f, "{}", folder.display())?;
        }
        let (shown, left_out) = self.shown();
        if !shown.is_empty() {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            let header = ["history", "workflow", "worker", "code", "event"];
            table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
            table.add_rows(shown.iter().map(|verdict| Self::row(titles, verdict)));
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            table.style_text_only();
            if self.colored {
                table.enforce_styling();
            } else {
                table.force_no_tty();
            }
            for line in table.lines() {
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        if left_out > 0 {
            writeln!(f, "… and {left_out} more that are not compatible")?;
        }
        let failures = report.failures().count();
        let noun = if report.verdicts.len() == 1 { "history" } else { "histories" };
        writeln!(f, "\n{} {noun}, {failures} not compatible", report.verdicts.len())
    }
}
