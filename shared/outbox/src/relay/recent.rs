//! A bounded memory: what was added long ago is forgotten.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, mem};

/// How many entries a generation has.
const GENERATION: usize = 5_000;

/// A map that remembers at least the last 5,000 entries, and at most twice as many.
pub(super) struct Recent<K, V> {
    recent: HashMap<K, V>,
    /// The generation before, which is forgotten once the next one is full.
    older: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.recent.get(key).or_else(|| self.older.get(key))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.recent.len() >= GENERATION {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(key, value);
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.recent.remove(key);
        self.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entries_are_remembered() {
        let mut recent = Recent::default();
        let number = 2 * GENERATION + 1;
        for key in 0..number {
            recent.insert(key, key);
        }
        let remembered = (0..number).filter(|key| recent.get(key) == Some(key));
        assert_eq!(remembered.count(), GENERATION + 1);
        assert_eq!(
            recent.get(&(number - GENERATION)),
            Some(&(number - GENERATION))
        );
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one_and_can_be_removed() {
        let mut recent = Recent::default();
        recent.insert("a", 1);
        for filler in ["b"].repeat(GENERATION) {
            recent.insert(filler, 0);
        }
        recent.insert("a", 2);
        assert_eq!(recent.get("a"), Some(&2));
        recent.remove("a");
        assert_eq!(recent.get("a"), None);
    }
}
