//! Messages with any values in their fields, and time that passes between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use temporal_sim::fuzz::Target;

fuzz_target!(|data: &[u8]| {
    Target::new().call_messages(data);
});
