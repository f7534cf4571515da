//! Parked rows, as outboxctl reads and changes them.

use outbox::{
    RowKey,
    ports::{CallError, Decision, Discard, Edit, ParkedRows, StoredRow},
};
use outbox_testing::{Call, Fault, Operation};
use tokio::time::Instant;

use crate::{caller::Caller, state::State};

/// Returns a call about one row.
fn call_on(operation: Operation, key: &RowKey) -> Call<'_> {
    Call::on_rows(operation, std::slice::from_ref(key))
}

impl ParkedRows for Caller {
    async fn read(&self, key: &RowKey) -> Result<Option<StoredRow>, CallError> {
        let read = |state: &mut State, _: Option<&Fault>| {
            let row = state.services.table.row(key);
            row.map(|row| row.stored().clone())
        };
        self.call(call_on(Operation::GetItem, key), read).await
    }

    async fn unpark(&self, key: &RowKey) -> Result<bool, CallError> {
        let unpark = |state: &mut State, _: Option<&Fault>| {
            let is_unparked = state.services.unpark(key);
            if is_unparked {
                state.record_release(key);
            }
            is_unparked
        };
        self.call(call_on(Operation::UpdateItem, key), unpark).await
    }

    async fn replace_detail(&self, key: &RowKey, edit: &Edit) -> Result<bool, CallError> {
        // As in DynamoDB: a read, then a write on condition that the mark is still the same.
        let read = |state: &mut State, _: Option<&Fault>| {
            state.services.table.row(key)?.stored().parked.clone()
        };
        let Some(mark) = self.call(call_on(Operation::GetItem, key), read).await? else {
            return Ok(false);
        };
        let replace = |state: &mut State, _: Option<&Fault>| {
            let is_replaced = state.services.replace_detail(key, &mark, edit);
            if is_replaced {
                state.record_edit(key);
                state.record_release(key);
            }
            is_replaced
        };
        self.call(call_on(Operation::TransactWriteItems, key), replace)
            .await
    }

    async fn discard(&self, key: &RowKey, discard: &Discard) -> Result<bool, CallError> {
        // As in DynamoDB: a read, then a write on condition that the mark is still the same.
        let read = |state: &mut State, _: Option<&Fault>| {
            state.services.table.row(key)?.stored().parked.clone()
        };
        let Some(mark) = self.call(call_on(Operation::GetItem, key), read).await? else {
            return Ok(false);
        };
        let discard = |state: &mut State, _: Option<&Fault>| {
            let is_discarded = state.services.discard(key, &mark, discard);
            if is_discarded {
                state.record_discard(key);
            }
            is_discarded
        };
        self.call(call_on(Operation::TransactWriteItems, key), discard)
            .await
    }

    async fn decisions(&self, aggregate_id: &str) -> Result<Vec<Decision>, CallError> {
        let query =
            |state: &mut State, _: Option<&Fault>| state.services.table.decisions(aggregate_id);
        self.call(Call::on_rows(Operation::Query, &[]), query).await
    }
}

impl State {
    /// An operator has made a parked row pending.
    fn record_release(&mut self, key: &RowKey) {
        if let Some(event) = self.events.get_mut(key) {
            event.released_at = Some(Instant::now());
        }
    }

    /// An operator has edited a row.
    fn record_edit(&mut self, key: &RowKey) {
        let Some(row) = self.services.table.row(key) else {
            return;
        };
        let Ok(row) = row.stored().candidate.row.clone() else {
            return;
        };
        let edits = row.edits;
        if let Some(event) = self.events.get_mut(key) {
            event.edit(row);
        }
        // Not every edit fixes the event.
        if !self.is_over && self.random.u8(..6) == 0 {
            self.poisoned.insert((key.clone(), edits));
        }
    }

    /// An operator has discarded a row.
    fn record_discard(&mut self, key: &RowKey) {
        self.counts.discarded += 1;
        if let Some(event) = self.events.get_mut(key) {
            event.is_discarded = true;
            event.discarded_at = Some(Instant::now());
        }
    }
}
