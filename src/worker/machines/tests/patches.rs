//! Patches.

use temporalio_common::protos::{
    VERSION_SEARCH_ATTR_KEY,
    constants::PATCH_MARKER_NAME,
    coresdk::{common::build_has_change_marker_details, workflow_commands::SetPatchMarker},
    temporal::api::{command::v1::command::Attributes, history::v1::MarkerRecordedEventAttributes},
};

use super::*;

fn patched(patch_id: &str) -> Variant {
    Variant::SetPatchMarker(SetPatchMarker { patch_id: patch_id.into(), deprecated: false })
}

fn deprecate(patch_id: &str) -> Variant {
    Variant::SetPatchMarker(SetPatchMarker { patch_id: patch_id.into(), deprecated: true })
}

fn timer(seq: u32) -> Variant {
    Variant::StartTimer(temporalio_common::protos::coresdk::workflow_commands::StartTimer {
        seq,
        ..Default::default()
    })
}

fn marker(patch_id: &str, deprecated: bool) -> MarkerRecordedEventAttributes {
    MarkerRecordedEventAttributes {
        marker_name: PATCH_MARKER_NAME.into(),
        details: build_has_change_marker_details(patch_id, deprecated).expect("well-formed"),
        ..Default::default()
    }
}

/// A first task with these markers, each with its upsert, and a timer; then a signal.
fn recorded(markers: &[(&str, bool)]) -> Builder {
    let mut history = Builder::new();
    history.task();
    history.completed();
    for (patch_id, deprecated) in markers {
        history.marker(marker(patch_id, *deprecated));
        history.upserted(&[VERSION_SEARCH_ATTR_KEY]);
    }
    history.timer_started("1");
    history.signaled("next");
    history.task();
    history
}

fn version_of(command: &temporalio_common::protos::temporal::api::command::v1::Command) -> String {
    let Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)) = &command.attributes
    else {
        panic!("{command:?}")
    };
    let value =
        &upsert.search_attributes.as_ref().expect("it has some").indexed_fields[VERSION_SEARCH_ATTR_KEY];
    assert_eq!(value.metadata["type"], b"KeywordList");
    String::from_utf8_lossy(&value.data).into_owned()
}

#[test]
fn a_patch_is_a_marker_and_an_upsert_of_all_patches() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([patched("b"), patched("a"), patched("b")]);
    let completion = run.completion();
    let types: Vec<_> = completion.commands.iter().map(|command| command.command_type()).collect();
    use CommandType::{RecordMarker as Marker, UpsertWorkflowSearchAttributes as Upsert};
    assert_eq!(types, [Marker, Upsert, Marker, Upsert], "the second call for b adds nothing");
    assert_eq!(version_of(&completion.commands[1]), r#"["b"]"#);
    assert_eq!(version_of(&completion.commands[3]), r#"["a","b"]"#);
}

#[test]
fn an_upsert_that_would_be_too_large_is_left_out() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    // With brackets and quotes that is 2047 and 2048 bytes.
    run.respond([patched(&"x".repeat(2043))]);
    assert_eq!(run.commands().len(), 2);

    let mut run = Run::of(history.full());
    run.activation();
    run.respond([patched(&"x".repeat(2044))]);
    assert_eq!(run.commands(), [CommandType::RecordMarker]);
}

#[test]
fn a_server_without_flags_gets_no_upsert() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::with_options(Options::default());
    run.task(history.full());
    run.activation();
    run.respond([patched("a")]);
    assert_eq!(run.commands(), [CommandType::RecordMarker]);
}

#[test]
fn replay_announces_the_patches_of_the_activation_and_matches_them() {
    for call in [patched("a"), deprecate("a")] {
        for deprecated in [false, true] {
            let mut run = Run::of(recorded(&[("a", deprecated)]).full());
            assert_eq!(run.jobs(), ["InitializeWorkflow", "NotifyHasPatch"]);
            run.respond([call.clone(), timer(1)]);
            assert_eq!(run.jobs(), ["SignalWorkflow"]);
        }
    }
}

#[test]
fn replay_of_a_history_from_before_the_patch_drops_the_call() {
    let mut run = Run::of(recorded(&[]).full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([patched("a"), timer(1)]);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
}

#[test]
fn a_deprecated_patch_need_not_be_asked_for() {
    let mut run = Run::of(recorded(&[("a", true), ("b", true)]).full());
    run.activation();
    run.respond([timer(1)]);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);

    let mut run = Run::of(recorded(&[("a", true), ("b", false)]).full());
    run.activation();
    run.respond([patched("b"), timer(1)]);
    assert_eq!(run.jobs(), ["SignalWorkflow"], "the call for b is not mistaken for the one for a");
}

#[test]
fn a_patch_must_be_asked_for() {
    let mut run = Run::of(recorded(&[("a", false)]).full());
    run.activation();
    let error = run.try_respond([timer(1)]).expect_err("the patch is gone");
    assert_eq!(kind(error), Mismatch::PatchNotAsked { patch_id: "a".into() });
}

#[test]
fn another_patch_is_nondeterminism() {
    let mut run = Run::of(recorded(&[("a", false)]).full());
    run.activation();
    let error = run.try_respond([patched("aa"), timer(1)]).expect_err("it is misspelt");
    assert!(matches!(kind(error), Mismatch::OtherIdentity { what: "patch id", .. }));
}

#[test]
fn what_was_dropped_and_skipped_can_be_observed() {
    let mut run = Run::observed();
    run.task(recorded(&[("old", true)]).full());
    run.activation();
    run.respond([timer(1), timer(2)]);
    run.activation();
    let seen: Vec<_> = run
        .machines
        .take_observations()
        .iter()
        .map(|observation| match observation {
            Observation::Matched { event, .. } => format!("matched {}", event.event_id),
            Observation::SkippedEvent { event, .. } => format!("skipped {}", event.event_id),
            Observation::DroppedCommand { .. } => "dropped".to_owned(),
            Observation::Unrecorded { completed_event_id, commands } => {
                format!("{} unrecorded behind {completed_event_id}", commands.len())
            }
        })
        .collect();
    assert_eq!(seen, ["skipped 5", "skipped 6", "matched 7", "1 unrecorded behind 4"]);
}

#[test]
fn the_workflow_cannot_upsert_the_version_itself() {
    use temporalio_common::protos::{
        coresdk::workflow_commands::UpsertWorkflowSearchAttributes,
        temporal::api::common::v1::SearchAttributes,
    };
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    let indexed_fields = [(VERSION_SEARCH_ATTR_KEY.to_owned(), Payload::default())].into();
    run.respond([Variant::UpsertWorkflowSearchAttributes(UpsertWorkflowSearchAttributes {
        search_attributes: Some(SearchAttributes { indexed_fields }),
    })]);
    let completion = run.completion();
    let Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)) =
        &completion.commands[0].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!(upsert.search_attributes, Some(SearchAttributes::default()));
}
