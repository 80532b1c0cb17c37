//! Any bytes as a history.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| temporal_sim::fuzz::load_history(data));
