//! What a relay remembers from one call to the next.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{Clock, RowKey, relay::moment::Moment};

/// How many published rows are remembered for deletion with the next call. A forgotten one
/// is published again at worst.
const MOST_REMEMBERED: usize = 10_000;

/// How long after an accepted event the bus is believed to work.
const LATELY: Duration = Duration::from_mins(1);

/// What a relay remembers from one call to the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Published, but not deleted yet. A look-up would find them pending, and they would be
    /// published twice.
    undeleted: Mutex<BTreeSet<RowKey>>,
    /// Whether the last call that deleted rows was allowed to.
    deletes_allowed: AtomicBool,
    /// When the bus last accepted an event of this process.
    last_accepted: Mutex<Option<Moment>>,
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

    pub(super) fn deletes_allowed(&self) -> bool {
        self.deletes_allowed.load(Ordering::Relaxed)
    }

    pub(super) fn remember_deletes_allowed(&self, allowed: bool) {
        self.deletes_allowed.store(allowed, Ordering::Relaxed);
    }

    /// Remembers that the bus accepted an event just now.
    pub(super) fn bus_works(&self, clock: &dyn Clock) {
        *self.last_accepted() = Some(Moment::now(clock));
    }

    /// Returns whether the bus accepted an event of this process within the last minute.
    pub(super) fn bus_worked_lately(&self, clock: &dyn Clock) -> bool {
        self.last_accepted()
            .is_some_and(|accepted| accepted.age(clock) < LATELY)
    }

    fn last_accepted(&self) -> MutexGuard<'_, Option<Moment>> {
        self.last_accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

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

    #[tokio::test(start_paused = true)]
    async fn a_bus_is_believed_to_work_for_a_minute() {
        let memory = Memory::default();
        let clock = SystemClock;
        assert!(!memory.bus_worked_lately(&clock));
        memory.bus_works(&clock);
        assert!(memory.bus_worked_lately(&clock));
        tokio::time::advance(LATELY).await;
        assert!(!memory.bus_worked_lately(&clock));
    }
}
