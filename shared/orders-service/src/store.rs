//! Orders in DynamoDB, with events in the outbox.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    error::{BoxError, ProvideErrorMetadata, SdkError},
    operation::get_item::GetItemError,
    types::AttributeValue,
};
use jiff::Timestamp;
use orders::{Change, Order, OrderId};
use outbox::{AggregateWrite, KeySchema, Outbox, Revision, Transaction, Versioned};
use serde::Serialize;

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
    client: Client,
    table: String,
}

/// An order as an item of the table.
#[derive(Serialize)]
struct OrderItem<'a> {
    pk: String,
    #[serde(flatten)]
    order: &'a Order,
}

/// An order with the revision that a change of it is based on.
pub(crate) type StoredOrder = Versioned<Order>;

/// Why an order could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// DynamoDB throttled, or did not respond.
    #[error("the order could not be read now")]
    Unavailable(#[source] BoxError),
    /// A fault of this service or its configuration.
    #[error("the order could not be read")]
    Internal(#[source] BoxError),
}

impl Orders {
    /// Creates a reader of the given table, whose partition key is `pk`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Returns the current order, by a consistent read.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>, ReadError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(aggregate_id(id)))
            .consistent_read(true)
            .customize()
            .config_override(call_timeouts())
            .send()
            .await?;
        let order = output.item.map(Versioned::from_item).transpose();
        order.map_err(|error| ReadError::Internal(error.into()))
    }
}

impl OrderStore {
    /// Creates a store with the given table and outbox.
    pub fn new(orders: Orders, outbox: Outbox) -> Self {
        Self { orders, outbox }
    }

    /// Returns the current order, by a consistent read.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>, ReadError> {
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
        let (id, item) = item(&placed.order);
        let write = AggregateWrite::create(id, &self.orders.table, key_schema(), &item);
        let mut transaction = self.transaction(write, placed, origin);
        if let Some(request) = request {
            let put = request.put(&self.orders.table, KEY, now)?;
            transaction = transaction.put(put, key_schema());
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
        let (id, item) = item(&change.order);
        let write = AggregateWrite::replace(id, &self.orders.table, key_schema(), &item, base);
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

impl From<SdkError<GetItemError>> for ReadError {
    /// A retry helps after a throttled call, a server error or a lost connection;
    /// DynamoDB would reject any other request again.
    fn from(error: SdkError<GetItemError>) -> Self {
        let is_transient = match &error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error()
                    || matches!(
                        service.err().code(),
                        Some(
                            "ProvisionedThroughputExceededException"
                                | "RequestLimitExceeded"
                                | "ThrottlingException"
                        )
                    )
            }
            _ => true,
        };
        if is_transient {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

/// Returns timeouts that allow a second attempt: a connection may have died while
/// Lambda had frozen the function.
fn call_timeouts() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(3));
    Builder::new().timeout_config(timeouts.build())
}

fn item(order: &Order) -> (String, OrderItem<'_>) {
    let id = aggregate_id(order.id);
    let pk = id.clone();
    (id, OrderItem { pk, order })
}

fn aggregate_id(id: OrderId) -> String {
    format!("order#{id}")
}

fn key_schema() -> KeySchema {
    KeySchema::partition_key(KEY)
}
