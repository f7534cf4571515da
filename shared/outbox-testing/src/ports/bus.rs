//! The bus, as the relay calls it.

use std::sync::Arc;

use outbox::{
    OutboxRow, RowKey,
    limits::entry_bytes,
    ports::{BusLimits, CallError, EventBus, PutResult},
};

use crate::{aws::InMemoryAws, fault_plan::Call, journal::Happened, operation::Operation};

impl EventBus for InMemoryAws {
    fn limits(&self) -> BusLimits {
        self.with(|services| services.bus.limits)
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        let exists = self.call(Operation::DescribeEventBus.into(), |services, _| {
            services.bus.exists
        });
        Ok(exists.await?)
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        let keys: Vec<RowKey> = rows.iter().map(|row| row.key.clone()).collect();
        let results = self
            .call(
                Call::on_rows(Operation::PutEvents, &keys),
                |services, fault| {
                    let before = services.bus.accepted.len();
                    let results = services.put_events(rows, fault);
                    let accepted = services.bus.accepted[before..].iter();
                    self.note(
                        accepted.map(|accepted| Happened::Accepted(accepted.row.key.clone())),
                    );
                    results
                },
            )
            .await?;
        self.note_if_invalid(&results);
        results
    }
}
