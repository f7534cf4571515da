//! Parked rows, as operators read and change them.

use outbox::{
    RowKey,
    ports::{CallError, Decision, Discard, Edit, ParkedRows, StoredRow},
};

use crate::{aws::InMemoryAws, fault_plan::Call, operation::Operation};

impl ParkedRows for InMemoryAws {
    async fn read(&self, key: &RowKey) -> Result<Option<StoredRow>, CallError> {
        let keys = std::slice::from_ref(key);
        let read = self.call(Call::on_rows(Operation::GetItem, keys), |services, _| {
            services.table.row(key).map(|row| row.stored().clone())
        });
        Ok(read.await?)
    }

    async fn unpark(&self, key: &RowKey) -> Result<bool, CallError> {
        let keys = std::slice::from_ref(key);
        let unparked = self.call(Call::on_rows(Operation::UpdateItem, keys), |services, _| {
            services.unpark(key)
        });
        Ok(unparked.await?)
    }

    /// As on DynamoDB: a read, then a write on condition that the mark is still the same.
    async fn replace_detail(&self, key: &RowKey, edit: &Edit) -> Result<bool, CallError> {
        let keys = std::slice::from_ref(key);
        let read = self.call(Call::on_rows(Operation::GetItem, keys), |services, _| {
            services.table.row(key)?.stored().parked.clone()
        });
        let Some(mark) = read.await? else {
            return Ok(false);
        };
        let replaced = self.call(
            Call::on_rows(Operation::TransactWriteItems, keys),
            |services, _| services.replace_detail(key, &mark, edit),
        );
        Ok(replaced.await?)
    }

    /// As on DynamoDB: a read, then a write on condition that the mark is still the same.
    async fn discard(&self, key: &RowKey, discard: &Discard) -> Result<bool, CallError> {
        let keys = std::slice::from_ref(key);
        let read = self.call(Call::on_rows(Operation::GetItem, keys), |services, _| {
            services.table.row(key)?.stored().parked.clone()
        });
        let Some(mark) = read.await? else {
            return Ok(false);
        };
        let discarded = self.call(
            Call::on_rows(Operation::TransactWriteItems, keys),
            |services, _| services.discard(key, &mark, discard),
        );
        Ok(discarded.await?)
    }

    async fn decisions(&self, aggregate_id: &str) -> Result<Vec<Decision>, CallError> {
        let query = self.call(Call::on_rows(Operation::Query, &[]), |services, _| {
            services.table.decisions(aggregate_id)
        });
        Ok(query.await?)
    }
}
