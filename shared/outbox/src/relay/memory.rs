//! What a relay remembers from one call to the next.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{RowKey, relay::accepted::Accepted};

/// How many published rows are remembered for deletion with the next call. A forgotten one
/// is published again at worst.
const MOST_REMEMBERED: usize = 10_000;

/// What a relay remembers from one call to the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Published, but not deleted yet. A look-up would find them pending, and they would be
    /// published twice.
    undeleted: Mutex<BTreeSet<RowKey>>,
    /// What this process has published in sequence.
    accepted: Mutex<Accepted>,
    /// Whether the last call that deleted rows was allowed to.
    deletes_allowed: AtomicBool,
}

impl Memory {
    pub(super) fn undeleted(&self) -> MutexGuard<'_, BTreeSet<RowKey>> {
        self.undeleted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the rows to delete, for a call that tries it again.
    pub(super) fn take_undeleted(&self) -> BTreeSet<RowKey> {
        std::mem::take(&mut *self.undeleted())
    }

    /// Remembers rows that are published and could not be deleted.
    pub(super) fn remember(&self, undeleted: BTreeSet<RowKey>) {
        // Added, not set: another call may have remembered rows meanwhile.
        let mut remembered = self.undeleted();
        remembered.extend(undeleted);
        while remembered.len() > MOST_REMEMBERED {
            remembered.pop_first();
        }
    }

    pub(super) fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deletes_allowed(&self) -> bool {
        self.deletes_allowed.load(Ordering::Relaxed)
    }

    pub(super) fn remember_deletes_allowed(&self, allowed: bool) {
        self.deletes_allowed.store(allowed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(position: usize) -> RowKey {
        RowKey {
            aggregate_id: "a".into(),
            position: format!("{position:020}"),
        }
    }

    #[test]
    fn it_remembers_a_bounded_number_of_rows() {
        let memory = Memory::default();
        memory.remember((0..MOST_REMEMBERED).map(key).collect());
        memory.remember([key(MOST_REMEMBERED)].into());
        assert_eq!(memory.undeleted().len(), MOST_REMEMBERED);
        assert!(memory.undeleted().contains(&key(MOST_REMEMBERED)));
        assert_eq!(memory.take_undeleted().len(), MOST_REMEMBERED);
        assert!(memory.undeleted().is_empty());
    }
}
