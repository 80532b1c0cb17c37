//! Whatever is in a file and whatever is done to a history, it gets a verdict: nothing panics, nothing hangs.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` make it more cases and other ones.

use std::{sync::LazyLock, time::Duration};

use proptest::{prelude::*, sample::Index};
use temporal_sim::{
    history::History,
    replay::{Production, Replayer},
};
use temporal_sim_fixtures::corpus::{
    approval, checkout, onboarding, order, quote, report, scan, subscription, transfer,
};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use crate::production;

/// One of each family, and those with something special in them.
static HISTORIES: LazyLock<Vec<History>> = LazyLock::new(|| {
    let names = [
        "approval_open",
        "approval_overdue",
        "approval_reset",
        "checkout_patched",
        "onboarding_cancelled",
        "order_eight_lines",
        "order_shipment_child",
        "quote_flaky_rates",
        "quote_local",
        "report_after_task_failure",
        "scan_heartbeat_timeout",
        "subscription_last_run",
        "transfer_refunded",
    ];
    names.map(production).into()
});

static REPLAYER: LazyLock<Replayer> = LazyLock::new(|| {
    Replayer::new()
        .workflow::<approval::v1::ExpenseApproval>()
        .workflow::<checkout::patched::Checkout>()
        .workflow::<onboarding::v1::Onboarding>()
        .workflow::<order::shipment::Shipment>()
        .workflow::<order::v1::OrderFulfilment>()
        .workflow::<quote::v1::PriceQuote>()
        .workflow::<report::v1::MonthlyReport>()
        .workflow::<scan::v1::DocumentScan>()
        .workflow::<subscription::v1::Subscription>()
        .workflow::<transfer::v1::MoneyTransfer>()
        // None of this code blocks, but the machine may be busy.
        .blocked_after(Duration::from_secs(120))
});

/// Something that is done to the events of a history.
#[derive(Clone, Debug)]
enum Damage {
    Drop(Index),
    Duplicate(Index),
    Swap(Index, Index),
    /// The event says what an event of another history says.
    Replace(Index, Index, Index),
    /// It says nothing.
    Empty(Index),
    Truncate(Index),
    /// A bit of its encoding is another one. If it cannot be decoded then, nothing happens to it.
    Flip(Index, Index, u8),
    /// The events of another history follow.
    Append(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        1 => index().prop_map(Damage::Drop),
        1 => index().prop_map(Damage::Duplicate),
        1 => (index(), index()).prop_map(|(a, b)| Damage::Swap(a, b)),
        1 => (index(), index(), index()).prop_map(|(event, history, other)| Damage::Replace(event, history, other)),
        1 => index().prop_map(Damage::Empty),
        1 => index().prop_map(Damage::Truncate),
        3 => (index(), index(), 0..8_u8).prop_map(|(event, byte, bit)| Damage::Flip(event, byte, bit)),
        1 => index().prop_map(Damage::Append),
    ]
}

fn apply(damage: &Damage, events: &mut Vec<HistoryEvent>) {
    if events.is_empty() {
        return;
    }
    let length = events.len();
    match damage {
        Damage::Drop(at) => drop(events.remove(at.index(length))),
        Damage::Duplicate(at) => events.insert(at.index(length), events[at.index(length)].clone()),
        Damage::Swap(a, b) => events.swap(a.index(length), b.index(length)),
        Damage::Replace(at, history, other) => {
            let other = other.get(history.get(&HISTORIES).events());
            let event = &mut events[at.index(length)];
            event.event_type = other.event_type;
            event.attributes = other.attributes.clone();
        }
        Damage::Empty(at) => events[at.index(length)].attributes = None,
        Damage::Truncate(at) => events.truncate(at.index(length) + 1),
        Damage::Flip(at, byte, bit) => {
            use prost::Message as _;
            let event = &mut events[at.index(length)];
            let mut bytes = event.encode_to_vec();
            let byte = byte.index(bytes.len());
            bytes[byte] ^= 1 << bit;
            if let Ok(flipped) = HistoryEvent::decode(&*bytes) {
                *event = flipped;
            }
        }
        Damage::Append(history) => events.extend(history.get(&HISTORIES).clone().into_events()),
    }
}

/// Not what a user could do about anything.
fn is_a_verdict(production: &Production) -> bool {
    !matches!(production, Production::Failed { .. } | Production::Blocked { .. })
}

proptest! {
    #[test]
    fn damaged_events(
        history in any::<Index>(),
        damages in prop::collection::vec(damage(), 1..6),
        // Otherwise most of them would be turned away at the door.
        renumbers in prop::bool::weighted(0.9),
    ) {
        let mut events = history.get(&HISTORIES).clone().into_events();
        for damage in &damages {
            apply(damage, &mut events);
        }
        if renumbers {
            for (event, id) in events.iter_mut().zip(1..) {
                event.event_id = id;
            }
        }
        let Ok(history) = History::new(events) else { return Ok(()) };
        let verdict = REPLAYER.replay(&history);
        prop_assert!(is_a_verdict(&verdict.production), "{verdict}");
        // Whatever it says can be shown.
        prop_assert!(!verdict.to_string().is_empty());
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(history) = History::from_bytes(&bytes) {
            prop_assert!(is_a_verdict(&REPLAYER.replay(&history).production));
        }
    }

    #[test]
    fn damaged_files(
        history in any::<Index>(),
        as_json in any::<bool>(),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        end in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let history = history.get(&HISTORIES);
        let mut bytes = if as_json { history.to_json()?.into_bytes() } else { history.to_protobuf() };
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(history) = History::from_bytes(&bytes) {
            let verdict = REPLAYER.replay(&history);
            prop_assert!(is_a_verdict(&verdict.production), "{verdict}");
        }
    }
}
