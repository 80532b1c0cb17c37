//! How much of what callers send and get the server holds at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes that may be held at a time. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    held: Arc<AtomicUsize>,
    most: usize,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    /// Nothing yet, of this budget.
    pub(super) fn nothing(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Holds so many bytes more; `false` if there is no room for them.
    #[must_use]
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.budget.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.budget.most
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_makes_room() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.nothing(), budget.nothing());
        assert!(one.add(4) && one.add(4) && !other.add(4));
        drop(other);
        let mut third = budget.nothing();
        assert!(third.add(2) && !third.add(1));
        drop((one, third));
        assert!(budget.nothing().add(10));
    }
}
