//! A report as one page of HTML.
//!
//! The page loads nothing and runs nothing, and says so to the browser, so that no payload can do any harm. It
//! is filtered with radio buttons that style sheets can see.

mod verdict;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, Titles};
use crate::replay::{Production, Verdict};

const STYLE: &str = include_str!("page.css");

/// What the browser may do with the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// So many verdicts are open when the page is.
const OPEN: usize = 3;

/// So many verdicts are shown with everything that is known about them. Browsers do not like pages without end.
const DETAILED: usize = 200;

/// Filtering by more workflow types than this would be no help.
const TYPES: usize = 12;

/// How bad a verdict is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// A worker would not go on.
    Rejected,
    /// A worker would go on, and something is not as it was.
    Different,
    /// The history could not be replayed, so nobody can tell what a worker would do.
    Unknown,
    /// Everything is as it was.
    Compatible,
}

impl Severity {
    const ALL: [Self; 4] = [Self::Rejected, Self::Different, Self::Unknown, Self::Compatible];

    fn of(verdict: &Verdict) -> Self {
        match verdict.production {
            _ if verdict.is_compatible() => Self::Compatible,
            Production::Compatible => Self::Different,
            Production::UnregisteredWorkflow { .. }
            | Production::InvalidHistory { .. }
            | Production::Unreadable { .. }
            | Production::Failed { .. } => Self::Unknown,
            _ => Self::Rejected,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Rejected => "bad",
            Self::Different => "warn",
            Self::Unknown => "none",
            Self::Compatible => "good",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rejected => "A worker rejects it",
            Self::Different => "Accepted, but different",
            Self::Unknown => "Not replayed",
            Self::Compatible => "Compatible",
        }
    }
}

pub(super) fn page(report: &Report) -> String {
    let counts = counts(report);
    let types = types(report);
    let titles = report.titles();
    let count = |severity| counts.get(&severity).copied().unwrap_or_default();
    let mut failures: Vec<&Verdict> = report.failures().collect();
    failures.sort_by_key(|verdict| Severity::of(verdict));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Replay: " (failures.len()) " of " (report.verdicts.len()) " histories not compatible" }
                style { (PreEscaped(STYLE)) (PreEscaped(filter_rules(types.len()))) }
            }
            body {
                header { div {
                    h1 { "Replay of recorded histories" }
                    @if let Some(folder) = titles.folder {
                        p.folder { code { (folder.display()) } }
                    }
                    (headline(report, failures.len()))
                    @if !report.verdicts.is_empty() {
                        div.bar aria-hidden="true" {
                            @for severity in Severity::ALL {
                                @if count(severity) > 0 {
                                    span class=(severity.class()) style={ "flex:" (count(severity)) } {}
                                }
                            }
                        }
                        (filters(report, &count, &types))
                    }
                } }
                main {
                    @if !failures.is_empty() {
                        section.failures {
                            h2 { "Not compatible" }
                            @for (index, failure) in failures.iter().take(DETAILED).enumerate() {
                                @let class = type_class(&types, failure);
                                (verdict::failure(titles, failure, &class, index < OPEN))
                            }
                            (verdict::brief(titles, failures.get(DETAILED..).unwrap_or_default()))
                        }
                    }
                    @if count(Severity::Compatible) > 0 {
                        section.compatible {
                            h2 { "Compatible" }
                            (compatible(report, &types, failures.is_empty()))
                        }
                    }
                    footer {
                        "Written by temporal-sim. A worker compares kinds, names and ids of commands; this report \
                         compares what they say, too."
                    }
                }
            }
        }
    }
    .into_string()
}

fn counts(report: &Report) -> BTreeMap<Severity, usize> {
    let mut counts = BTreeMap::new();
    for verdict in &report.verdicts {
        *counts.entry(Severity::of(verdict)).or_default() += 1;
    }
    counts
}

/// The workflow types, by their names; none if it would not help to choose among them.
fn types(report: &Report) -> BTreeMap<&str, usize> {
    let mut types = BTreeMap::new();
    for verdict in report.verdicts.iter().filter(|verdict| !verdict.workflow_type.is_empty()) {
        *types.entry(verdict.workflow_type.as_str()).or_default() += 1;
    }
    if (2..=TYPES).contains(&types.len()) { types } else { BTreeMap::new() }
}

fn type_class(types: &BTreeMap<&str, usize>, verdict: &Verdict) -> String {
    let place = types.keys().position(|name| *name == verdict.workflow_type);
    place.map(|place| format!("type-{place}")).unwrap_or_default()
}

fn headline(report: &Report, failures: usize) -> Markup {
    let all = report.verdicts.len();
    let (class, text) = match (all, failures) {
        (0, _) => ("warn", "No histories were found, so nothing was replayed.".to_owned()),
        (1, 0) => ("good", "The history is compatible with this code.".to_owned()),
        (_, 0) => ("good", format!("All {all} histories are compatible with this code.")),
        (1, _) => ("bad", "The history is not compatible with this code.".to_owned()),
        (_, 1) => ("bad", format!("1 of {all} histories is not compatible with this code.")),
        _ => ("bad", format!("{failures} of {all} histories are not compatible with this code.")),
    };
    html! { p class={ "headline " (class) } { (text) } }
}

fn filters(report: &Report, count: &dyn Fn(Severity) -> usize, types: &BTreeMap<&str, usize>) -> Markup {
    html! {
        div.filters {
            div.choices role="radiogroup" aria-label="Which histories to show" {
                input type="radio" name="severity" id="severity-all" checked;
                label for="severity-all" { "All " b { (report.verdicts.len()) } }
                @for severity in Severity::ALL {
                    @if count(severity) > 0 {
                        @let id = format!("severity-{}", severity.class());
                        input type="radio" name="severity" id=(id);
                        label for=(id) {
                            span class={ "dot " (severity.class()) } {}
                            (severity.name()) " " b { (count(severity)) }
                        }
                    }
                }
            }
            @if !types.is_empty() {
                div.choices role="radiogroup" aria-label="Which workflow type to show" {
                    input type="radio" name="type" id="type-all" checked;
                    label for="type-all" { "All workflow types" }
                    @for (place, (name, count)) in types.iter().enumerate() {
                        @let id = format!("type-{place}");
                        input type="radio" name="type" id=(id);
                        label for=(id) { (name) " " b { (count) } }
                    }
                }
            }
        }
    }
}

/// What the chosen filters hide.
fn filter_rules(types: usize) -> String {
    let mut rules = String::new();
    for severity in Severity::ALL {
        let class = severity.class();
        rules += &format!("body:has(#severity-{class}:checked) .row:not(.{class}){{display:none}}\n");
        let hidden = if severity == Severity::Compatible { "failures" } else { "compatible" };
        rules += &format!("body:has(#severity-{class}:checked) section.{hidden}{{display:none}}\n");
    }
    for place in 0..types {
        rules += &format!("body:has(#type-{place}:checked) .row:not(.type-{place}){{display:none}}\n");
    }
    rules
}

/// The compatible histories, of which there is little to say.
fn compatible(report: &Report, types: &BTreeMap<&str, usize>, is_open: bool) -> Markup {
    let titles = report.titles();
    let compatible: Vec<_> = report.verdicts.iter().filter(|verdict| verdict.is_compatible()).collect();
    html! {
        details.rest open[is_open] {
            summary { (compatible.len()) @if compatible.len() == 1 { " history" } @else { " histories" } }
            table {
                thead { tr {
                    th scope="col" { "History" }
                    th scope="col" { "Workflow type" }
                    th scope="col" { "Workflow id" }
                    th scope="col" { "Allowed differences" }
                    th.id scope="col" { "Events" }
                } }
                tbody {
                    @for verdict in compatible {
                        tr class={ "row good " (type_class(types, verdict)) } {
                            td { (titles.of(verdict)) }
                            td { (verdict.workflow_type) }
                            td { code { (verdict.workflow_id) } }
                            td { (verdict::allowed(verdict)) }
                            td.id { (verdict.events) }
                        }
                    }
                }
            }
        }
    }
}
