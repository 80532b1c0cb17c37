//! What to do about a verdict.

use std::collections::BTreeSet;

use serde_json::Value;
use temporalio_common::protos::{
    constants::PATCH_MARKER_NAME,
    temporal::api::history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Difference, Divergence, Instability, Production};
use crate::history::History;

/// Advice for each thing that is wrong; empty if nothing is.
pub(super) fn of(
    history: &History,
    production: &Production,
    differences: &[Divergence],
    instability: Option<&Instability>,
) -> Vec<String> {
    let mut advice = Vec::new();
    match production {
        Production::ForeignFuture => advice.push(
            "The workflow awaits a future that is not the SDK's, such as a tokio timer; nothing in history can \
             wake it. Use ctx.timer(), ctx.wait_condition() or an activity."
                .to_owned(),
        ),
        Production::Blocked { .. } => advice.push(
            "The workflow blocks its thread or loops for ever. Wait with ctx.timer() or ctx.wait_condition(), \
             and move blocking work into an activity."
                .to_owned(),
        ),
        Production::TaskFailure { .. } => advice.push(
            "The workflow task fails, and a worker would retry it for as long as this code is deployed. Repair \
             the code; the run goes on from where it was."
                .to_owned(),
        ),
        Production::UnregisteredWorkflow { .. } => advice
            .push("Register the workflow: Replayer::new().workflow::<…>(), or replay other files.".to_owned()),
        _ => {
            let structural = differences.iter().find(|it| it.difference.is_structural());
            if production.is_accepted() && structural.is_some() {
                advice.push(
                    "A worker does not notice a command that comes too early: it keeps the command, and sends it \
                     with a later workflow task if no event of that kind comes first."
                        .to_owned(),
                );
            }
            advice.extend(structural.map(|it| about_structure(history, it)));
        }
    }
    if instability.is_some() {
        advice.push(
            "The code does not do the same thing twice. It may read the machine's clock (use \
             ctx.workflow_time()), draw random numbers of its own (use those of ctx), or go through a HashMap \
             (use a BTreeMap)."
                .to_owned(),
        );
    } else if production.is_accepted() {
        let kinds: BTreeSet<_> =
            differences.iter().map(|it| it.difference).filter(|it| !it.is_structural()).collect();
        if !kinds.is_empty() {
            let allowed: Vec<_> = kinds.iter().map(|kind| format!(".allow(Difference::{kind:?})")).collect();
            advice.push(format!(
                "A worker accepts this and goes on with what history has; only what comes after it is new. If \
                 that is meant: Replayer::new(){}.",
                allowed.join("")
            ));
        }
    }
    advice
}

fn about_structure(history: &History, divergence: &Divergence) -> String {
    let event = history.event(divergence.event_id);
    if let Some((patch_id, _)) =
        event.and_then(patch).filter(|_| divergence.difference != Difference::ExtraCommand)
    {
        return format!(
            "This run recorded the patch {patch_id:?}, and the code does not ask for it here. Keep \
             ctx.patched({patch_id:?}); once all runs from before the patch are over, ctx.deprecate_patch({patch_id:?}), \
             and remove that only when the runs with this marker are over too."
        );
    }
    let patches: Vec<_> = history
        .events()
        .iter()
        .filter_map(|event| patch(event))
        .map(|(id, at)| format!("{id:?} (event {at})"))
        .collect();
    let recorded = if patches.is_empty() {
        "This run recorded no patch, so for it ctx.patched(…) is false.".to_owned()
    } else {
        format!(
            "This run recorded the patches {}; for any other ctx.patched(…) is false.",
            patches.join(", ")
        )
    };
    format!(
        "If the change is meant, keep the old path for runs like this one: \
         if ctx.patched(\"name-of-the-change\") {{ new }} else {{ old }}. {recorded}"
    )
}

/// The id of the patch that an event is the marker of, and the event's.
fn patch(event: &HistoryEvent) -> Option<(String, i64)> {
    let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes else { return None };
    if marker.marker_name != PATCH_MARKER_NAME {
        return None;
    }
    let data = marker.details.get("patch-data")?.payloads.first()?;
    let data: Value = serde_json::from_slice(&data.data).ok()?;
    Some((data["id"].as_str()?.to_owned(), event.event_id))
}
