//! Twelve classic mistakes: a sweep finds each within 500 seeds, says in at most ten steps what it takes, and passes the same
//! workflow without the mistake on 2,000 seeds.
//!
//! Without optimisation it passes 400, for the sake of whoever waits for `cargo test`: `TEMPORAL_SIM_MISTAKE_SEEDS` says how
//! many it has to pass.

mod child_orphaned;
mod common;
mod compensation_lost_on_cancel;
mod cron_overlap;
mod heartbeat_too_rare;
mod late_answer_accepted_twice;
mod patch_forgotten;
mod retried_for_ever;
mod retry_of_a_charge;
mod select_race;
mod signal_lost;
mod timeout_too_short;
mod update_dropped;
