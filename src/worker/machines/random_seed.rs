//! The seed of a workflow's random numbers.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// The seed that belongs to a run id. Every worker of a run must come to the same one, for ever: it is
/// SipHash-1-3 with an all-zero key over the run id, as the standard library hashes a `str`.
pub(super) fn random_seed(run_id: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    run_id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::random_seed;

    /// The hasher of the standard library is SipHash-1-3 with a zero key so far.
    #[test]
    fn agrees_with_the_standard_library() {
        use std::{
            collections::hash_map::DefaultHasher,
            hash::{Hash, Hasher},
        };
        let run_id = "2b3c4d5e-0000-4000-8000-000000000000";
        let mut hasher = DefaultHasher::new();
        run_id.hash(&mut hasher);
        assert_eq!(random_seed(run_id), hasher.finish());
    }
}
