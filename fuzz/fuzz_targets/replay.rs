//! Events with any values in their fields, replayed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use temporal_sim::{fuzz::replay_history, replay::Replayer};
use temporal_sim_fixtures::{approval::Approval, money_transfer::MoneyTransfer, subscription::Subscription};

fuzz_target!(|data: &[u8]| {
    let replayer = Replayer::new().workflow::<MoneyTransfer>().workflow::<Approval>().workflow::<Subscription>();
    replay_history(&replayer, data);
});
