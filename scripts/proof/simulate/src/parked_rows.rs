//! Parked rows, as outboxctl reads and changes them.

use std::sync::Arc;

use outbox::{
    RowKey,
    ports::{CallError, Discard, ParkedRows, StoredRow},
};
use tokio::time::Instant;

use crate::{caller::Caller, fault_plan::Operation, state::State, table::stored};

impl ParkedRows for Caller {
    async fn read(&self, key: &RowKey) -> Result<Option<StoredRow>, CallError> {
        let read = |state: &mut State, _| state.rows.get(key).map(|row| stored((key, row)));
        self.call(Operation::GetItem, read).await
    }

    async fn unpark(&self, key: &RowKey) -> Result<bool, CallError> {
        let unpark = |state: &mut State, _| state.unpark(key);
        self.call(Operation::UpdateItem, unpark).await
    }

    async fn replace_detail(
        &self,
        key: &RowKey,
        seen: &str,
        detail: &str,
    ) -> Result<bool, CallError> {
        let replace = |state: &mut State, _| state.edit(key, seen, detail);
        self.call(Operation::UpdateItem, replace).await
    }

    async fn discard(&self, key: &RowKey, _: &Discard) -> Result<bool, CallError> {
        // As in DynamoDB: a read, then a write on condition that the mark is still the same.
        let read = |state: &mut State, _| Some(state.rows.get(key)?.parked.clone());
        let Some(mark) = self.call(Operation::GetItem, read).await?.flatten() else {
            return Ok(false);
        };
        let discard = |state: &mut State, _| {
            let is_as_read = state
                .rows
                .get(key)
                .is_some_and(|row| row.parked.as_ref() == Some(&mark));
            if is_as_read {
                state.discard(key);
            }
            is_as_read
        };
        self.call(Operation::TransactWriteItems, discard).await
    }
}

impl State {
    fn unpark(&mut self, key: &RowKey) -> bool {
        let Some(row) = self.rows.get_mut(key).filter(|row| row.parked.is_some()) else {
            return false;
        };
        row.parked = None;
        if let Some(event) = self.events.get_mut(key) {
            event.released_at = Some(Instant::now());
        }
        self.add_stream_record("MODIFY", key, self.now());
        true
    }

    fn edit(&mut self, key: &RowKey, seen: &str, detail: &str) -> bool {
        let Some(stored) = self.rows.get_mut(key).filter(|row| row.parked.is_some()) else {
            return false;
        };
        let Some(row) = stored.row.clone().ok().filter(|row| row.detail == seen) else {
            return false;
        };
        let mut row = (*row).clone();
        detail.clone_into(&mut row.detail);
        row.edits += 1;
        let row = Arc::new(row);
        stored.row = Ok(Arc::clone(&row));
        if let Some(event) = self.events.get_mut(key) {
            event.edit(Arc::clone(&row));
        }
        // Not every edit fixes the event.
        if !self.is_over && self.random.u8(..6) == 0 {
            self.poisoned.insert((key.clone(), row.edits));
        }
        self.unpark(key)
    }

    fn discard(&mut self, key: &RowKey) {
        self.rows.remove(key);
        self.counts.discarded += 1;
        self.audit.insert(key.clone());
        // A discard moves the row, in one transaction.
        self.add_stream_record("INSERT", &key.discarded(), self.now());
        self.add_stream_record("REMOVE", key, self.now());
        if let Some(event) = self.events.get_mut(key) {
            event.is_discarded = true;
        }
    }
}
