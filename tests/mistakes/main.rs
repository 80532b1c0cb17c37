//! Twelve classic mistakes: a sweep finds each within 500 seeds, says in at most ten steps what it takes, and passes the same
//! workflow without the mistake on 2,000 seeds.
//!
//! `TEMPORAL_SIM_MISTAKE_SEEDS` is how many seeds the workflows without a mistake have to pass, if not 2,000.

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
