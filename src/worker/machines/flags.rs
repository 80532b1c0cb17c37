//! Flags: which behaviour a history was recorded with.
//!
//! A worker writes the flags it uses into the completion of the workflow task in which it first uses them. A
//! worker that replays this history later keeps to exactly these, so behaviour may change without breaking
//! workflows that are under way.

use std::{collections::BTreeSet, sync::Arc};

use temporalio_common::protos::temporal::api::{
    history::v1::WorkflowTaskCompletedEventAttributes, sdk::v1::WorkflowTaskCompletedMetadata,
};

use super::Options;

/// A flag of the machines themselves. The SDK has others of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// The ids and types of activities, local activities and child workflows must agree with history.
    IdAndTypeChecks = 1,
    /// Every patch also upserts the search attribute `TemporalChangeVersion`.
    UpsertOnPatch = 2,
    /// The command that ends the workflow goes behind all others, instead of cutting off what follows it.
    MoveTerminalCommands = 3,
}

impl Flag {
    const ALL: [Self; 3] = [Self::IdAndTypeChecks, Self::UpsertOnPatch, Self::MoveTerminalCommands];
}

/// The flags of one run.
#[derive(Debug)]
pub(super) struct Flags {
    options: Arc<Options>,
    recorded: Sets,
    used: Sets,
    last_sdk_name: String,
    last_sdk_version: String,
}

#[derive(Debug, Default)]
struct Sets {
    core: BTreeSet<u32>,
    lang: BTreeSet<u32>,
}

impl Flags {
    pub(super) fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            recorded: Sets::default(),
            used: Sets::default(),
            last_sdk_name: String::new(),
            last_sdk_version: String::new(),
        }
    }

    /// Takes note of what a completed task recorded.
    pub(super) fn observe(&mut self, completed: &WorkflowTaskCompletedEventAttributes) {
        let Some(metadata) = &completed.sdk_metadata else { return };
        self.recorded.core.extend(&metadata.core_used_flags);
        self.recorded.lang.extend(&metadata.lang_used_flags);
        if !metadata.sdk_name.is_empty() {
            self.last_sdk_name.clone_from(&metadata.sdk_name);
        }
        if !metadata.sdk_version.is_empty() {
            self.last_sdk_version.clone_from(&metadata.sdk_version);
        }
    }

    /// Whether the behaviour of a flag is on. With `may_record`, outside replay, it is on and will be
    /// recorded; otherwise it is on if history recorded it.
    pub(super) fn try_use(&mut self, flag: Flag, may_record: bool) -> bool {
        if !may_record {
            return self.recorded.core.contains(&(flag as u32));
        }
        if self.options.sdk_metadata {
            self.used.core.insert(flag as u32);
        }
        self.options.sdk_metadata
    }

    /// The SDK used these flags of its own.
    pub(super) fn use_lang(&mut self, flags: impl IntoIterator<Item = u32>) {
        if self.options.sdk_metadata {
            self.used.lang.extend(flags);
        }
    }

    /// The flags of the SDK that history recorded.
    pub(super) fn lang(&self) -> Vec<u32> {
        self.recorded.lang.iter().copied().collect()
    }

    /// The SDK version of the last completed task, empty if there is none.
    pub(super) fn last_sdk_version(&self) -> &str {
        &self.last_sdk_version
    }

    /// What to record with a completion. All flags of the machines count as used from the first completion
    /// on, so that they are usable wherever this run is replayed.
    pub(super) fn take_metadata(&mut self) -> WorkflowTaskCompletedMetadata {
        if !self.options.sdk_metadata {
            return WorkflowTaskCompletedMetadata::default();
        }
        self.used.core.extend(Flag::ALL.map(|flag| flag as u32));
        let changed = |last: &str, own: &str| if last == own { String::new() } else { own.to_owned() };
        WorkflowTaskCompletedMetadata {
            core_used_flags: move_unknown(&mut self.used.core, &mut self.recorded.core),
            lang_used_flags: move_unknown(&mut self.used.lang, &mut self.recorded.lang),
            sdk_name: changed(&self.last_sdk_name, &self.options.sdk_name),
            sdk_version: changed(&self.last_sdk_version, &self.options.sdk_version),
        }
    }
}

/// Moves what `to` lacks, in ascending order, and says what it was.
fn move_unknown(from: &mut BTreeSet<u32>, to: &mut BTreeSet<u32>) -> Vec<u32> {
    std::mem::take(from).into_iter().filter(|flag| to.insert(*flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(sdk_metadata: bool) -> Flags {
        Flags::new(Arc::new(Options {
            sdk_metadata,
            sdk_name: "sim".into(),
            sdk_version: "1".into(),
            ..Default::default()
        }))
    }

    fn completed(core: &[u32], lang: &[u32], version: &str) -> WorkflowTaskCompletedEventAttributes {
        WorkflowTaskCompletedEventAttributes {
            sdk_metadata: Some(WorkflowTaskCompletedMetadata {
                core_used_flags: core.to_vec(),
                lang_used_flags: lang.to_vec(),
                sdk_name: "sim".into(),
                sdk_version: version.into(),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn the_first_completion_records_every_flag_and_later_ones_nothing() {
        let mut flags = flags(true);
        flags.use_lang([9]);
        let first = flags.take_metadata();
        assert_eq!(first.core_used_flags, [1, 2, 3]);
        assert_eq!(first.lang_used_flags, [9]);
        assert_eq!((first.sdk_name.as_str(), first.sdk_version.as_str()), ("sim", "1"));
        flags.observe(&completed(&[1, 2, 3], &[9], "1"));
        assert_eq!(flags.take_metadata(), WorkflowTaskCompletedMetadata::default());
    }

    #[test]
    fn replay_has_only_the_flags_that_were_recorded() {
        let mut flags = flags(true);
        flags.observe(&completed(&[1], &[], "0.9"));
        assert!(flags.try_use(Flag::IdAndTypeChecks, false));
        assert!(!flags.try_use(Flag::UpsertOnPatch, false));
        assert!(flags.try_use(Flag::UpsertOnPatch, true));
        assert_eq!(flags.last_sdk_version(), "0.9");
        assert_eq!(flags.take_metadata().core_used_flags, [2, 3], "what is recorded is not recorded again");
    }

    #[test]
    fn a_server_without_the_capability_gets_no_flags() {
        let mut flags = flags(false);
        flags.use_lang([9]);
        assert!(!flags.try_use(Flag::IdAndTypeChecks, true));
        assert_eq!(flags.take_metadata(), WorkflowTaskCompletedMetadata::default());
        flags.observe(&completed(&[1], &[4], ""));
        assert!(flags.try_use(Flag::IdAndTypeChecks, false), "but replay still honours them");
        assert_eq!(flags.lang(), [4]);
    }
}
