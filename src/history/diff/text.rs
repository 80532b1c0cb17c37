//! A difference for people to read.

use std::fmt;

use anstyle::{AnsiColor, Style};

use super::{Diff, DiffEvent, DiffKind, DiffRow, DiffSide};

/// How many unchanged events are shown before and after each difference, workflow tasks not counted.
const CONTEXT: usize = 2;

/// A difference as text: [`Diff::context`], [`Diff::colored`].
#[derive(Debug, Clone)]
pub struct DiffText<'a> {
    diff: &'a Diff,
    context: usize,
    colored: bool,
}

impl Diff {
    /// The difference as text, with so many unchanged events around each difference. Workflow tasks that are the
    /// same on both sides are neither counted nor shown, unless the number is `usize::MAX`: that shows everything.
    pub fn context(&self, events: usize) -> DiffText<'_> {
        DiffText { diff: self, context: events, colored: false }
    }

    /// The difference as text with ANSI colours, for a terminal.
    pub fn colored(&self) -> DiffText<'_> {
        self.context(CONTEXT).colored()
    }
}

impl DiffText<'_> {
    /// Adds ANSI colours.
    #[must_use]
    pub fn colored(mut self) -> Self {
        self.colored = true;
        self
    }

    fn style(&self, style: Style) -> Style {
        if self.colored { style } else { Style::new() }
    }

    /// Whether a row is near enough to a difference to be shown.
    fn shown(&self) -> Vec<bool> {
        let rows = &self.diff.rows;
        let distances = |rows: &mut dyn Iterator<Item = &DiffRow>| -> Vec<usize> {
            let mut distance = usize::MAX;
            rows.map(|row| {
                distance = match row.kind {
                    DiffKind::Same if is_routine(row) => return usize::MAX,
                    DiffKind::Same => distance.saturating_add(1),
                    _ => 0,
                };
                distance
            })
            .collect()
        };
        let after = distances(&mut rows.iter());
        let mut before = distances(&mut rows.iter().rev());
        before.reverse();
        after.into_iter().zip(before).map(|(one, other)| one.min(other) <= self.context).collect()
    }
}

/// Whether a row is about a workflow task, of which there are many alike.
fn is_routine(row: &DiffRow) -> bool {
    let event = row.left.as_ref().or(row.right.as_ref());
    event.is_some_and(|event| event.event_type.starts_with("WorkflowTask"))
}

/// With two unchanged events around each difference, and without colours; [`Diff::context`] says which.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context(CONTEXT).fmt(f)
    }
}

impl fmt::Display for DiffText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diff { left, right, rows } = self.diff;
        let (minus, plus) = (self.style(ONLY_LEFT), self.style(ONLY_RIGHT));
        writeln!(f, "{minus}--- {left}{minus:#}")?;
        writeln!(f, "{plus}+++ {right}{plus:#}")?;
        if self.diff.is_same() {
            return writeln!(f, "the same: {} events", rows.len());
        }
        let widths = Widths::of(rows);
        let mut hidden = 0;
        for (row, shown) in rows.iter().zip(self.shown()) {
            if !shown {
                hidden += usize::from(!is_routine(row));
                continue;
            }
            self.write_hidden(f, hidden, widths)?;
            hidden = 0;
            self.write_row(f, row, widths)?;
        }
        self.write_hidden(f, hidden, widths)?;
        let counts = [
            (DiffKind::Same, "the same"),
            (DiffKind::Changed, "changed"),
            (DiffKind::Moved, "moved"),
            (DiffKind::OnlyLeft, "only in ---"),
            (DiffKind::OnlyRight, "only in +++"),
        ];
        let counts = counts.map(|(kind, name)| (self.diff.count(kind), name));
        let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
        let counts: Vec<_> = counts.iter().map(|(count, name)| format!("{count} {name}")).collect();
        writeln!(f, "{}", counts.join(", "))
    }
}

impl DiffText<'_> {
    fn write_hidden(&self, f: &mut fmt::Formatter<'_>, hidden: usize, widths: Widths) -> fmt::Result {
        if hidden == 0 {
            return Ok(());
        }
        let dim = self.style(Style::new().dimmed());
        let (indent, noun) = (widths.indent(), if hidden == 1 { "event" } else { "events" });
        writeln!(f, "{indent}{dim}… {hidden} {noun} the same …{dim:#}")
    }

    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &DiffRow, widths: Widths) -> fmt::Result {
        let (mark, style) = match row.kind {
            DiffKind::Same => (' ', Style::new().dimmed()),
            DiffKind::Changed => ('~', CHANGED),
            DiffKind::Moved => ('>', MOVED),
            DiffKind::OnlyLeft => ('-', ONLY_LEFT),
            DiffKind::OnlyRight => ('+', ONLY_RIGHT),
        };
        let style = self.style(style);
        let id = |event: &Option<DiffEvent>| {
            event.as_ref().map(|event| event.event_id.to_string()).unwrap_or_default()
        };
        let Some(event) = row.left.as_ref().or(row.right.as_ref()) else { return Ok(()) };
        let Widths { left, right, event_type } = widths;
        let gap = if event.text.is_empty() { "" } else { "  " };
        let event_type = if event.text.is_empty() { 0 } else { event_type };
        let (left_id, right_id, name) = (id(&row.left), id(&row.right), &event.event_type);
        write!(f, "{style}{mark} {left_id:>left$}  {right_id:>right$}  {name:<event_type$}{gap}")?;
        writeln!(f, "{}{style:#}", event.text)?;
        let (minus, plus) = (self.style(ONLY_LEFT), self.style(ONLY_RIGHT));
        for change in &row.fields {
            let or_unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
            let (one, other) = (or_unset(&change.left), or_unset(&change.right));
            let indent = widths.indent();
            writeln!(f, "{indent}  {}: {minus}{one}{minus:#} -> {plus}{other}{plus:#}", change.field)?;
        }
        Ok(())
    }
}

impl fmt::Display for DiffSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workflow_type, workflow_id, events, .. } = self;
        write!(f, "{workflow_type} {workflow_id}, {events} events")
    }
}

#[derive(Clone, Copy)]
struct Widths {
    left: usize,
    right: usize,
    event_type: usize,
}

impl Widths {
    fn of(rows: &[DiffRow]) -> Self {
        let widest = |side: fn(&DiffRow) -> &Option<DiffEvent>| {
            rows.iter()
                .filter_map(|row| side(row).as_ref())
                .map(|event| event.event_id.to_string().len())
                .max()
        };
        let names = rows.iter().filter(|row| row.kind != DiffKind::Same);
        let names = names.flat_map(|row| [&row.left, &row.right]).flatten().map(|it| it.event_type.len());
        Self {
            left: widest(|row| &row.left).unwrap_or_default(),
            right: widest(|row| &row.right).unwrap_or_default(),
            event_type: names.max().unwrap_or_default(),
        }
    }

    /// As far as the type of an event.
    fn indent(self) -> String {
        " ".repeat(self.left + self.right + 6)
    }
}

const CHANGED: Style = AnsiColor::Yellow.on_default();
const MOVED: Style = AnsiColor::Cyan.on_default();
const ONLY_LEFT: Style = AnsiColor::Red.on_default();
const ONLY_RIGHT: Style = AnsiColor::Green.on_default();
