//! The events of the outbox, as a test looks at them.

use std::sync::Arc;

use outbox::{CloudEvent, OutboxRow, RowKey};

use crate::aws::InMemoryAws;

impl InMemoryAws {
    /// Returns the events that were appended, in the order of their transactions, whether or
    /// not they are published yet.
    ///
    /// # Panics
    ///
    /// If an event is not a `CloudEvent`.
    pub fn appended(&self) -> Vec<CloudEvent> {
        self.with(|services| services.appended().iter().map(cloud_event).collect())
    }

    /// Returns the events that the bus has accepted, in the order in which it accepted them,
    /// duplicates included.
    ///
    /// # Panics
    ///
    /// If an event is not a `CloudEvent`.
    pub fn published(&self) -> Vec<CloudEvent> {
        self.with(|services| {
            let accepted = services.bus.accepted.iter();
            accepted
                .map(|accepted| cloud_event(&accepted.row))
                .collect()
        })
    }

    /// Returns the keys of the rows that are neither published nor parked.
    pub fn pending(&self) -> Vec<RowKey> {
        self.keys(false)
    }

    /// Returns the keys of the parked rows.
    pub fn parked(&self) -> Vec<RowKey> {
        self.keys(true)
    }

    fn keys(&self, parked: bool) -> Vec<RowKey> {
        self.with(|services| {
            let rows = services.table.rows();
            let rows = rows.filter(|(_, row)| row.is_parked() == parked);
            rows.map(|(key, _)| key.clone()).collect()
        })
    }
}

fn cloud_event(row: &Arc<OutboxRow>) -> CloudEvent {
    serde_json::from_str(&row.detail)
        .unwrap_or_else(|error| panic!("the event of {} is not a CloudEvent: {error}", row.key))
}
