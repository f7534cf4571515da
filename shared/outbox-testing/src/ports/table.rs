//! The outbox table, as the relay calls it.

use std::collections::HashMap;

use outbox::{
    Parked, RowKey,
    ports::{CallError, OutboxTable, Page, RowState, Segment},
};

use crate::{
    aws::InMemoryAws, fault_plan::Call, journal::Happened, operation::Operation,
    services::OUTBOX_TABLE,
};

impl OutboxTable for InMemoryAws {
    fn name(&self) -> &str {
        OUTBOX_TABLE
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        let found = self
            .call(
                Call::on_rows(Operation::BatchGetItem, keys),
                |services, fault| services.table.look_up(keys, fault),
            )
            .await?;
        self.note_if_invalid(&found);
        found
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        let deleted = self
            .call(
                Call::on_rows(Operation::BatchWriteItem, keys),
                |services, fault| {
                    let unprocessed = services.delete(keys, fault);
                    if let Ok(unprocessed) = &unprocessed {
                        let deleted = keys.iter().filter(|key| !unprocessed.contains(key));
                        self.note(deleted.cloned().map(Happened::Deleted));
                    }
                    unprocessed
                },
            )
            .await?;
        self.note_if_invalid(&deleted);
        deleted
    }

    async fn park(
        &self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> Result<bool, CallError> {
        let keys = std::slice::from_ref(key);
        let call = Call::on_rows(Operation::UpdateItem, keys);
        let parked = self.call(call, |services, _| {
            let is_parked = services.park(key, edits, mark);
            if is_parked {
                self.note([Happened::Parked(key.clone())]);
            }
            is_parked
        });
        Ok(parked.await?)
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let scanned = self.call(Operation::Scan.into(), |services, fault| {
            services.table.scan(segment, after, fault)
        });
        Ok(scanned.await?)
    }

    async fn read_before(
        &self,
        row: &RowKey,
        after: Option<&RowKey>,
        most: usize,
    ) -> Result<Page, CallError> {
        let read = self.call(Operation::Query.into(), |services, fault| {
            services.table.read_before(row, after, most, fault)
        });
        Ok(read.await?)
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        let queried = self.call(Operation::Query.into(), |services, fault| {
            services.table.query(aggregate_id, after, through, fault)
        });
        Ok(queried.await?)
    }
}

impl InMemoryAws {
    /// Notes that a request was invalid, whose caller must know the limits.
    pub(super) fn note_if_invalid<T>(&self, result: &Result<T, CallError>) {
        if let Err(error) = result {
            self.note([Happened::InvalidRequest(error.to_string())]);
        }
    }
}
