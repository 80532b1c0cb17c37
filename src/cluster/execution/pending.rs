//! The pending work of a run: a map whose changes can be taken back.

use super::small_map::SmallMap;

/// A map in key order, with an undo log that costs nothing unless it is being kept.
///
/// A failing workflow task completion takes back everything that its earlier commands did. The log keeps
/// that as cheap as the change itself, however many entries are pending.
#[derive(Debug)]
pub(crate) struct Pending<K, V> {
    entries: SmallMap<K, V>,
    /// What each touched key held before, oldest first; `None` while no log is kept.
    undo: Option<Vec<(K, Option<V>)>>,
}

impl<K, V> Default for Pending<K, V> {
    fn default() -> Self {
        Self { entries: SmallMap::default(), undo: None }
    }
}

impl<K: Ord + Clone, V: Clone> Pending<K, V> {
    /// The entry of a key.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The entry of a key, to change it.
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(undo) = &mut self.undo {
            let (key, value) = self.entries.get(key)?;
            undo.push((key.clone(), Some(value.clone())));
        }
        self.entries.get_mut(key)
    }

    /// Whether the key has an entry.
    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get(key).is_some()
    }

    /// Sets the entry of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let before = self.entries.insert(key.clone(), value);
        if let Some(undo) = &mut self.undo {
            undo.push((key, before));
        }
    }

    /// Takes the entry of a key out.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (key, value) = self.entries.remove(key)?;
        if let Some(undo) = &mut self.undo {
            undo.push((key, Some(value.clone())));
        }
        Some(value)
    }

    /// All entries in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Starts to keep the log.
    pub(super) fn keep_log(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// Forgets the log: the changes stand.
    pub(super) fn drop_log(&mut self) {
        self.undo = None;
    }

    /// Takes back all changes since the log was started.
    pub(super) fn roll_back(&mut self) {
        for (key, before) in self.undo.take().into_iter().flatten().rev() {
            match before {
                Some(value) => drop(self.entries.insert(key, value)),
                None => drop(self.entries.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Insert(u8, u8),
        Modify(u8, u8),
        Remove(u8),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (0..4u8, any::<u8>()).prop_map(|(key, value)| Change::Insert(key, value)),
            (0..4u8, any::<u8>()).prop_map(|(key, value)| Change::Modify(key, value)),
            (0..4u8).prop_map(Change::Remove),
        ]
    }

    fn apply(pending: &mut Pending<u8, u8>, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Insert(key, value) => pending.insert(key, value),
                Change::Modify(key, value) => {
                    if let Some(entry) = pending.get_mut(&key) {
                        *entry = value;
                    }
                }
                Change::Remove(key) => {
                    pending.remove(&key);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn rolling_back_restores_every_entry(
            before in prop::collection::vec(change(), 0..8),
            after in prop::collection::vec(change(), 0..16),
        ) {
            let mut pending = Pending::default();
            apply(&mut pending, &before);
            let entries: Vec<_> = pending.iter().map(|(&key, &value)| (key, value)).collect();
            pending.keep_log();
            apply(&mut pending, &after);
            pending.roll_back();
            prop_assert!(pending.iter().map(|(&key, &value)| (key, value)).eq(entries));
        }
    }
}
