//! One history that is not compatible.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Severity, Titles};
use crate::replay::{Divergence, SideBySide, Step, StepComparison, Verdict};

/// Histories that are not compatible either, each in a line.
pub(super) fn brief(titles: Titles<'_>, verdicts: &[&Verdict]) -> Markup {
    html! {
        @if !verdicts.is_empty() {
            h3 { "And " (verdicts.len()) " more" }
            div.scroll { table {
                thead { tr {
                    th scope="col" { "History" } th scope="col" { "Workflow type" } th scope="col" { "Worker" }
                    th scope="col" { "Code" } th.id scope="col" { "Event" }
                } }
                tbody {
                    @for verdict in verdicts {
                        tr class={ "row " (Severity::of(verdict).class()) } {
                            td { (titles.of(verdict)) }
                            td { (verdict.workflow_type) }
                            td { (verdict.production.name()) }
                            td { (verdict.code()) }
                            td.id { @if let Some(event_id) = verdict.event_id() { (event_id) } }
                        }
                    }
                }
            } }
        }
    }
}

/// A history that is not compatible: its verdict in a line, and below it everything that is known about it.
pub(super) fn failure(titles: Titles<'_>, verdict: &Verdict, type_class: &str, is_open: bool) -> Markup {
    let severity = Severity::of(verdict);
    html! {
        details class={ "verdict row " (severity.class()) " " (type_class) } open[is_open] {
            summary {
                div.name {
                    (titles.of(verdict))
                    @if !verdict.workflow_type.is_empty() { span { (verdict.workflow_type) } }
                }
                div.badges {
                    (worker_badge(verdict, severity))
                    @let code = verdict.code();
                    @if !code.is_empty() {
                        span class={ "badge " (if code == "same" { "good" } else { "warn" }) } { "code: " (code) }
                    }
                    @if let Some(event_id) = verdict.event_id() { span.badge { "event " (event_id) } }
                }
            }
            div.body {
                (facts(verdict))
                p.opinion {
                    (sentence(&verdict.production.to_string()))
                    @if verdict.production.is_accepted() { " It goes on with what history recorded." }
                }
                (advice(verdict))
                @if !verdict.differences.is_empty() {
                    h3 { "Differences" }
                    @for difference in &verdict.differences { (divergence(difference)) }
                }
                @if let Some(instability) = &verdict.instability {
                    h3 { "Two replays differ" }
                    p { "At event " (instability.event_id) ", one replay did " code { (instability.first) }
                        ", and another one " code { (instability.other) } "." }
                }
                (side_by_side(&verdict.side_by_side))
                @let allowed = allowed(verdict);
                @if !allowed.is_empty() { p.opinion { "Allowed: " (allowed) "." } }
            }
        }
    }
}

/// The kinds of differences that the replayer allows, with commas.
pub(super) fn allowed(verdict: &Verdict) -> String {
    let kinds: BTreeSet<_> = verdict.allowed.iter().map(|it| it.difference).collect();
    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn worker_badge(verdict: &Verdict, severity: Severity) -> Markup {
    let class = if verdict.production.is_accepted() { "good" } else { severity.class() };
    html! { span class={ "badge " (class) } { "worker: " (verdict.production.name()) } }
}

fn facts(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.workflow_type.is_empty() {
            dl.facts {
                div { dt { "Workflow id" } dd { code { (verdict.workflow_id) } } }
                div { dt { "Run" } dd { code { (verdict.run_id) } } }
                div { dt { "Events" } dd { (verdict.events) } }
            }
        }
    }
}

fn advice(verdict: &Verdict) -> Markup {
    html! {
        @if !verdict.advice.is_empty() {
            div.advice {
                h3 { "What to do" }
                @for advice in &verdict.advice { p { (advice) } }
            }
        }
    }
}

fn divergence(divergence: &Divergence) -> Markup {
    html! {
        div.difference {
            div {
                b { "Event " (divergence.event_id) ": " (divergence.difference) }
                @if let Some(time) = &divergence.time { " " time datetime=(time) { (short_time(time)) } }
            }
            div.scroll { table.fields {
                thead { tr {
                    th scope="col" { "Field" } th scope="col" { "History recorded" } th scope="col" { "The code does" }
                } }
                tbody {
                    @if divergence.fields.is_empty() {
                        tr {
                            td { "command" }
                            td.was { (value(divergence.recorded.as_deref(), "nothing")) }
                            td.is { (value(divergence.produced.as_deref(), "nothing")) }
                        }
                    }
                    @for field in &divergence.fields {
                        tr {
                            td { code { (field.field) } }
                            td.was { (value(field.recorded.as_deref(), "not set")) }
                            td.is { (value(field.produced.as_deref(), "not set")) }
                        }
                    }
                }
            } }
        }
    }
}

fn value(value: Option<&str>, absent: &str) -> Markup {
    html! {
        @match value {
            Some(value) => code { (value) },
            None => span.nothing { (absent) },
        }
    }
}

fn side_by_side(sides: &SideBySide) -> Markup {
    html! {
        @if !sides.steps.is_empty() {
            h3 { "Side by side" }
            div.scroll { table.sides {
                colgroup { col.id; col; col.mark; col; }
                thead { tr {
                    th.id scope="col" { "Event" }
                    th scope="col" { "History recorded" }
                    th.mark scope="col" aria-label="Comparison" {}
                    th scope="col" { "The code does" }
                } }
                tbody {
                    (left_out(sides.left_out_before))
                    @for step in &sides.steps { (row(step)) }
                    (left_out(sides.left_out_behind))
                }
            } }
        }
    }
}

fn left_out(steps: usize) -> Markup {
    html! { @if steps > 0 { tr.gap { td colspan="4" { "… " (steps) " more …" } } } }
}

fn row(step: &Step) -> Markup {
    let (class, mark, meaning) = match step.comparison {
        StepComparison::Same => ("same", "=", "the same"),
        StepComparison::Differs => ("differs", "≠", "different"),
        StepComparison::Allowed => ("allowed", "≈", "different, which is allowed"),
        StepComparison::Outside => ("outside", "", "not a command"),
        StepComparison::NotReached => ("not_reached", "", "not reached"),
    };
    let is_the_codes = !matches!(step.comparison, StepComparison::Outside | StepComparison::NotReached);
    html! {
        tr class=(class) {
            td.id { (step.event_id) }
            @if is_the_codes {
                td { (line(step.recorded.as_deref(), "nothing")) }
                td.mark { span role="img" aria-label=(meaning) title=(meaning) { (mark) } }
                @let same = step.recorded.as_deref().filter(|_| step.comparison == StepComparison::Same);
                td { (line(step.produced.as_deref().or(same), "nothing")) }
            } @else if step.comparison == StepComparison::Outside {
                td colspan="3" title=(meaning) { (line(step.recorded.as_deref(), "nothing")) }
            } @else {
                td { (line(step.recorded.as_deref(), "nothing")) }
                td.mark {}
                td { span.nothing { (meaning) } }
            }
        }
    }
}

/// A line of a timeline, with the type of the event set off.
fn line(text: Option<&str>, absent: &str) -> Markup {
    html! {
        @match text.map(|text| text.split_once(' ').unwrap_or((text, ""))) {
            Some((event_type, rest)) => { span.type { (event_type) } " " (rest) },
            None => span.nothing { (absent) },
        }
    }
}

/// A time in RFC 3339 to the second, for people.
fn short_time(time: &str) -> String {
    let short = time.get(..19).unwrap_or(time);
    format!("{} UTC", short.replacen('T', " ", 1))
}

/// The text with a capital letter in front and a full stop behind.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
