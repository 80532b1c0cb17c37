//! A map for what a run has few of.

use std::{borrow::Borrow, collections::BTreeMap, mem};

/// A map in key order that takes no more room than its entries as long as they are few.
///
/// Every run has a dozen maps, and most runs have hardly anything in them. The smallest node of a [`BTreeMap`] has room
/// for eleven entries.
#[derive(Debug, Clone)]
pub(super) enum SmallMap<K, V> {
    /// Sorted by key.
    Few(Vec<(K, V)>),
    /// Too many to move aside for one that comes or goes.
    Many(BTreeMap<K, V>),
}

/// How many entries are few.
const FEW: usize = 8;

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    /// The entry of a key.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Few(few) => {
                let (key, value) = &few[place(few, key).ok()?];
                Some((key, value))
            }
            Self::Many(many) => many.get_key_value(key),
        }
    }

    /// The value of a key, to change it.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Few(few) => {
                let index = place(few, key).ok()?;
                Some(&mut few[index].1)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// Sets the value of a key, and gives the one that it had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let few = match self {
            Self::Few(few) => few,
            Self::Many(many) => return many.insert(key, value),
        };
        match place(few, &key) {
            Ok(index) => Some(mem::replace(&mut few[index].1, value)),
            Err(index) if few.len() < FEW => {
                if few.len() == few.capacity() {
                    few.reserve_exact(few.len().max(1));
                }
                few.insert(index, (key, value));
                None
            }
            Err(_) => {
                let mut many: BTreeMap<_, _> = mem::take(few).into_iter().collect();
                many.insert(key, value);
                *self = Self::Many(many);
                None
            }
        }
    }

    /// Takes the entry of a key out.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Few(few) => {
                let index = place(few, key).ok()?;
                Some(few.remove(index))
            }
            Self::Many(many) => many.remove_entry(key),
        }
    }

    /// All entries in key order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match self {
            Self::Few(few) => (few.as_slice(), None),
            Self::Many(many) => (&[][..], Some(many)),
        };
        few.iter().map(|(key, value)| (key, value)).chain(many.into_iter().flatten())
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }
}

/// Where the entry of a key is among a few, or would be.
fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(few: &[(K, V)], key: &Q) -> Result<usize, usize> {
    few.binary_search_by(|(it, _)| it.borrow().cmp(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..16_u8, prop::option::of(any::<u8>())), 0..64)) {
            let (mut map, mut model) = (SmallMap::default(), BTreeMap::new());
            for (key, value) in steps {
                match value {
                    Some(value) => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    None => prop_assert_eq!(map.remove(&key), model.remove_entry(&key)),
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert!(map.iter().eq(&model));
                for key in 0..16 {
                    prop_assert_eq!(map.get(&key), model.get_key_value(&key));
                    prop_assert_eq!(map.get_mut(&key), model.get_mut(&key));
                }
            }
        }
    }
}
