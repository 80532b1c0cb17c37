//! Any bytes as the request of any RPC. The first byte says of which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use temporal_sim::fuzz::Target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, bytes)) = data.split_first() else { return };
    let rpcs = Target::rpcs();
    let (service, rpc) = rpcs[usize::from(first) % rpcs.len()];
    Target::new().call_bytes(service, rpc, bytes);
});
