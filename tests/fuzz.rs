//! Whatever comes in, nothing panics: calls, histories, replays. The same doors are open to `cargo fuzz` in the
//! folder `fuzz/`.

use proptest::prelude::*;
use temporal_sim::{fuzz, history::History, replay::Replayer};
use temporal_sim_fixtures::{approval::Approval, money_transfer::MoneyTransfer, subscription::Subscription};

fn bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), length)
}

fn replayer() -> Replayer {
    Replayer::new().workflow::<MoneyTransfer>().workflow::<Approval>().workflow::<Subscription>()
}

/// A history of the fixtures on a real cluster.
fn recorded() -> impl Strategy<Value = Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/fixtures");
    let files = std::fs::read_dir(folder).expect("the folder of recorded histories");
    let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pb"));
    files.sort();
    prop::sample::select(files).prop_map(|file| std::fs::read(file).expect("a recorded history"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_a_request_or_an_error(
        index in 0..fuzz::Target::rpcs().len(),
        bytes in bytes(0..200),
    ) {
        let (service, rpc) = fuzz::Target::rpcs()[index];
        fuzz::Target::new().call_bytes(service, rpc, &bytes);
    }

    #[test]
    fn any_messages_get_an_answer(data in bytes(0..600)) {
        fuzz::Target::new().call_messages(&data);
    }

    #[test]
    fn any_bytes_are_a_history_or_an_error(bytes in bytes(0..300)) {
        fuzz::load_history(&bytes);
    }

    #[test]
    fn any_damage_to_a_history_is_an_error_or_another_history(
        recorded in recorded(),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = recorded;
        for (index, value) in damage {
            let index = index % bytes.len();
            bytes[index] = value;
        }
        fuzz::load_history(&bytes);
        fuzz::load_history(&bytes[..cut.index(bytes.len())]);
        if let Ok(history) = History::from_protobuf(&bytes) {
            drop(history.timeline().to_string());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_events_are_replayed_to_a_verdict(data in bytes(0..1_500)) {
        fuzz::replay_history(&replayer(), &data);
    }

    #[test]
    fn any_damaged_history_is_replayed_to_a_verdict(
        recorded in recorded(),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        fuzz::replay_damaged(&replayer(), &recorded, &damage);
    }
}

/// The generator would be of no use if the server refused all that it makes.
#[test]
fn messages_get_past_the_first_checks() {
    let mut answered = std::collections::BTreeSet::new();
    for start in 0..300_u32 {
        // Any sequence that does not repeat soon will do.
        let bytes = (0..600_u32).map(|index| (start * 600 + index).wrapping_mul(2_654_435_761));
        let data: Vec<u8> = bytes.map(|number| (number >> 24) as u8).collect();
        let mut target = fuzz::Target::new();
        target.call_messages(&data);
        answered.extend(target.answered());
    }
    let (reached, all) = (answered.len(), fuzz::Target::rpcs().len());
    assert!(reached * 2 > all, "only {reached} of {all} RPCs ever answered: {answered:?}");
}
