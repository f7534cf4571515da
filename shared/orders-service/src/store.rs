//! Orders in DynamoDB, with events in the outbox.

use aws_sdk_dynamodb::{Client, error::BoxError};
use jiff::Timestamp;
use orders::{Change, Order, OrderId};
use outbox::{
    AggregateTable, AggregateWrite, FindError, KeySchema, Outbox, Revision, Transaction, Versioned,
};

use crate::{idempotency::PastRequest, origin::Origin};

/// The partition key of the orders table.
const KEY: &str = "pk";

/// Writes orders to DynamoDB, with their events in the outbox.
#[derive(Clone)]
pub struct OrderStore {
    orders: Orders,
    outbox: Outbox,
}

/// Reads orders from DynamoDB.
#[derive(Clone)]
pub struct Orders {
    orders: AggregateTable<Order>,
    table: String,
}

/// An order with the revision that a change of it is based on.
pub(crate) type StoredOrder = Versioned<Order>;

impl Orders {
    /// Creates a reader of the given table, whose partition key is `pk`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self {
            orders: AggregateTable::new(client, &table, KEY),
            table,
        }
    }

    /// Returns the current order, by a consistent read.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>, FindError> {
        self.orders.find(&id.aggregate_id()).await
    }
}

impl OrderStore {
    /// Creates a store with the given table and outbox.
    pub fn new(orders: Orders, outbox: Outbox) -> Self {
        Self { orders, outbox }
    }

    /// Returns the current order, by a consistent read.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>, FindError> {
        self.orders.order(id).await
    }

    /// Builds the transaction that saves a new order, its events, and its
    /// idempotency key.
    pub(crate) fn place_transaction(
        &self,
        placed: &Change,
        request: Option<PastRequest>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Transaction, BoxError> {
        let write = self.orders.orders.create(&placed.order);
        let mut transaction = self.transaction(write, placed, origin);
        if let Some(request) = request {
            let put = request.put(&self.orders.table, KEY, now)?;
            transaction = transaction.put(put, KeySchema::partition_key(KEY));
        }
        Ok(transaction)
    }

    /// Builds the transaction that saves a change of an order, read at revision
    /// `base`, and its events.
    pub(crate) fn change_transaction(
        &self,
        change: &Change,
        base: Revision,
        origin: &Origin,
    ) -> Transaction {
        let write = self.orders.orders.replace(&change.order, base);
        self.transaction(write, change, origin)
    }

    fn transaction(&self, write: AggregateWrite, change: &Change, origin: &Origin) -> Transaction {
        let mut transaction = self.outbox.transaction(write).events(&change.events);
        if let Some(id) = &origin.correlation_id {
            transaction = transaction.correlation_id(id);
        }
        if let Some(header) = &origin.trace_header {
            transaction = transaction.trace_header(header);
        }
        if let Some(traceparent) = &origin.traceparent {
            transaction = transaction.traceparent(traceparent.clone());
        }
        transaction
    }
}
