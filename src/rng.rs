//! Seeded randomness, split into named streams.
//!
//! Each purpose draws from a stream of its own, so that one more draw in one place shifts no other.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Everything random in one simulation comes from this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// The stream of random numbers for one purpose.
    ///
    /// The same seed and name give the same numbers in every process and every release.
    pub(crate) fn stream(self, name: &str) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream(fnv1a(name.as_bytes()));
        Stream(rng)
    }
}

/// A named stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, which must not be zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The bias is at most bound / 2^64.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A version 7 UUID, which begins with the time in milliseconds since the Unix epoch.
    pub(crate) fn uuid_at(&mut self, millis: u64) -> String {
        let mut bytes = [0; 10];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// FNV-1a, 64 bit: stable across platforms and releases, unlike the standard library's hasher.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_give_the_same_numbers() {
        let draw = |seed, name| {
            let mut stream = Seed(seed).stream(name);
            [stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(draw(7, "run ids"), draw(7, "run ids"));
        assert_ne!(draw(7, "run ids"), draw(8, "run ids"));
        assert_ne!(draw(7, "run ids"), draw(7, "faults"));
    }

    #[test]
    fn streams_are_stable_across_releases() {
        assert_eq!(Seed(1).stream("run ids").uuid(), "bf5ce028-40af-475e-a34d-d0f0e19fd5dd");
    }
}
