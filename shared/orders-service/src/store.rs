use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::BoxError,
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};
use orders::{Order, OrderId, Placed};
use outbox::{AggregateWrite, CommitError, KeySchema, Outbox, Participant, Transaction};
use serde::{Deserialize, Serialize};

use crate::idempotency::IdempotencyKey;

/// How long a repeated request is recognised.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The partition key of the orders table.
const KEY: &str = "pk";

/// Orders in DynamoDB, their events in the outbox.
#[derive(Clone)]
pub struct OrderStore {
    client: Client,
    table: String,
    outbox: Outbox,
}

/// An order as it lies in the table.
#[derive(Serialize, Deserialize)]
struct OrderItem {
    pk: String,
    #[serde(flatten)]
    order: Order,
}

/// What is remembered of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastRequest {
    pk: String,
    pub(crate) order_id: OrderId,
    pub(crate) fingerprint: String,
    /// Epoch seconds, the table's TTL attribute.
    expires_at: i64,
}

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) correlation_id: Option<String>,
    pub(crate) trace_header: Option<String>,
}

impl OrderStore {
    /// Orders in the given table, whose partition key is `pk`.
    pub fn new(client: Client, table: impl Into<String>, outbox: Outbox) -> Self {
        Self {
            client,
            table: table.into(),
            outbox,
        }
    }

    /// The transaction that saves a new order, its events, and what is
    /// remembered of the request.
    pub(crate) fn placing(
        &self,
        placed: &Placed,
        request: Option<PastRequest>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Transaction, BoxError> {
        let aggregate_id = aggregate_id(placed.order.id);
        let item = OrderItem {
            pk: aggregate_id.clone(),
            order: placed.order.clone(),
        };
        let write = AggregateWrite::create(aggregate_id, &self.table, key_schema(), &item);
        let mut transaction = self.outbox.transaction(write).events(&placed.events);
        if let Some(request) = request {
            let put = self.remember(&request, now)?;
            transaction = transaction.put(put, key_schema());
        }
        if let Some(id) = &origin.correlation_id {
            transaction = transaction.correlation_id(id);
        }
        if let Some(header) = &origin.trace_header {
            transaction = transaction.trace_header(header);
        }
        Ok(transaction)
    }

    /// Remembers a request, unless one with its key is remembered already.
    /// DynamoDB may take days to delete what has expired, so that is checked.
    fn remember(&self, request: &PastRequest, now: Timestamp) -> Result<Put, BoxError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(request)?))
            .condition_expression("attribute_not_exists(#key) OR #expiresAt < :now")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_names("#expiresAt", "expiresAt")
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(put)
    }

    /// The order as it is now.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<Order>, BoxError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(aggregate_id(id)))
            .consistent_read(true)
            .send()
            .await?;
        let Some(item) = output.item else {
            return Ok(None);
        };
        let item: OrderItem = serde_dynamo::from_item(item)?;
        Ok(Some(item.order))
    }
}

impl PastRequest {
    pub(crate) fn new(
        key: &IdempotencyKey,
        fingerprint: String,
        order_id: OrderId,
        now: Timestamp,
    ) -> Self {
        Self {
            pk: format!("idem#{}", key.digest()),
            order_id,
            fingerprint,
            expires_at: now.as_second() + REMEMBERED.as_secs(),
        }
    }

    /// The request that was there first, if that is why a commit failed.
    pub(crate) fn that_was_first(error: &CommitError) -> Option<Self> {
        let CommitError::ConditionFailed(failed) = error else {
            return None;
        };
        let item: HashMap<String, AttributeValue> = failed
            .iter()
            .find(|failed| matches!(failed.participant, Participant::Action(_)))?
            .item
            .clone()?;
        serde_dynamo::from_item(item).ok()
    }
}

fn aggregate_id(id: OrderId) -> String {
    format!("order#{id}")
}

fn key_schema() -> KeySchema {
    KeySchema::partition_key(KEY)
}
