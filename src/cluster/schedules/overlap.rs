//! What becomes of the actions that are due while a workflow of the same schedule may still be running.

use temporalio_common::protos::temporal::api::enums::v1::ScheduleOverlapPolicy as Policy;

use crate::clock::Time;

/// An action that is due and has not been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BufferedStart {
    /// The time that the specification names, or that of a trigger.
    pub(super) nominal: Time,
    /// The same with jitter.
    pub(super) actual: Time,
    /// Unspecified is the schedule's own policy, at the time at which the action is looked at.
    pub(super) overlap_policy: Policy,
    /// Whether somebody asked for it, by a trigger or a backfill.
    pub(super) manual: bool,
}

/// What to do with a buffer of actions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// To be started now, whatever is running.
    pub(super) overlapping: Vec<BufferedStart>,
    /// To be started now, because nothing is running.
    pub(super) start: Option<BufferedStart>,
    /// To be looked at again when what is running has closed.
    pub(super) remaining: Vec<BufferedStart>,
    /// What is running has to be cancelled.
    pub(super) cancel: bool,
    /// What is running has to be terminated.
    pub(super) terminate: bool,
    /// Actions that are not taken at all.
    pub(super) skipped: i64,
}

/// Decides about the actions in `buffer`, the oldest first. `own_policy` is the schedule's.
pub(super) fn decide(buffer: &[BufferedStart], is_running: bool, own_policy: Policy) -> Decision {
    let mut decision = Decision::default();
    for &start in buffer {
        let policy = resolve(start.overlap_policy, own_policy);
        if policy == Policy::AllowAll {
            decision.overlapping.push(start);
            continue;
        }
        if !is_running && decision.start.is_none() {
            decision.start = Some(start);
            continue;
        }
        match policy {
            Policy::BufferAll => decision.remaining.push(start),
            Policy::BufferOne if decision.remaining.is_empty() => decision.remaining.push(start),
            // Nothing runs yet: this one replaces the one that was about to.
            Policy::CancelOther | Policy::TerminateOther if !is_running => decision.start = Some(start),
            Policy::CancelOther => {
                decision.cancel = true;
                decision.remaining.push(start);
            }
            Policy::TerminateOther => {
                decision.terminate = true;
                decision.remaining.push(start);
            }
            _ => decision.skipped += 1,
        }
    }
    if decision.cancel || decision.terminate {
        // They would be ended again at once.
        decision.overlapping.clear();
    }
    decision
}

/// A policy in effect: the one of the action, or else the one of the schedule, or else SKIP.
pub(super) fn resolve(policy: Policy, own_policy: Policy) -> Policy {
    [policy, own_policy].into_iter().find(|policy| *policy != Policy::Unspecified).unwrap_or(Policy::Skip)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(at: i128, overlap_policy: Policy) -> BufferedStart {
        let time = Time::from_nanos(at);
        BufferedStart { nominal: time, actual: time, overlap_policy, manual: false }
    }

    /// Two actions come due while a workflow runs.
    fn while_running(policy: Policy) -> Decision {
        decide(&[start(1, Policy::Unspecified), start(2, Policy::Unspecified)], true, policy)
    }

    #[test]
    fn skip_takes_no_action() {
        assert_eq!(while_running(Policy::Skip), Decision { skipped: 2, ..Default::default() });
        assert_eq!(while_running(Policy::Unspecified), while_running(Policy::Skip));
    }

    #[test]
    fn buffer_one_keeps_the_first() {
        let remaining = vec![start(1, Policy::Unspecified)];
        assert_eq!(
            while_running(Policy::BufferOne),
            Decision { remaining, skipped: 1, ..Default::default() }
        );
    }

    #[test]
    fn cancel_and_terminate_end_what_runs_before_they_start() {
        let cancel = while_running(Policy::CancelOther);
        assert!(cancel.cancel && !cancel.terminate && cancel.start.is_none());
        let terminate = while_running(Policy::TerminateOther);
        assert!(terminate.terminate && !terminate.cancel && terminate.start.is_none());
        assert_eq!((cancel.remaining.len(), terminate.remaining.len()), (2, 2));
    }

    #[test]
    fn when_nothing_runs_the_last_that_ends_others_is_started() {
        let buffer =
            [start(1, Policy::Skip), start(2, Policy::TerminateOther), start(3, Policy::CancelOther)];
        assert_eq!(decide(&buffer, false, Policy::Skip).start, Some(buffer[2]));
    }

    fn starts() -> impl Strategy<Value = Vec<BufferedStart>> {
        prop::collection::vec(
            (0_i32..=6).prop_map(|policy| start(0, Policy::try_from(policy).unwrap())),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn every_action_is_started_kept_or_skipped_once(
            buffer in starts(),
            is_running in any::<bool>(),
            own_policy in (0_i32..=6).prop_map(|policy| Policy::try_from(policy).unwrap()),
        ) {
            let decision = decide(&buffer, is_running, own_policy);
            prop_assert!(!(is_running && decision.start.is_some()));
            let ends_others = decision.cancel || decision.terminate;
            prop_assert!(is_running || !ends_others);
            let accounted = decision.overlapping.len() as i64
                + i64::from(decision.start.is_some())
                + decision.remaining.len() as i64
                + decision.skipped;
            let replaced = buffer.len() as i64 - accounted;
            let replacing = buffer.iter().filter(|start| {
                let policy = resolve(start.overlap_policy, own_policy);
                matches!(policy, Policy::CancelOther | Policy::TerminateOther | Policy::AllowAll)
            });
            prop_assert!((0..=replacing.count() as i64).contains(&replaced));
        }
    }
}
