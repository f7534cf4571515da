//! Shipments in DynamoDB, with the inbox in the same table.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    error::BoxError,
    types::{AttributeValue, ConditionCheck, Put},
};
use outbox::{
    CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Handled, Inbox, InvalidInbox, OnceError},
};
use serde::{Deserialize, Serialize};

use crate::shipment::Shipment;

/// The partition key of the shipments table.
const KEY: &str = "pk";

/// The attribute that counts the changes of a shipment.
const VERSION: &str = "version";

/// The condition that a shipment was not modified since it was read.
const IS_AT_VERSION: &str = "#version = :version";

/// The name of this consumer in inbox records.
const CONSUMER: &str = "shipping";

/// Stores shipments, each with the record that its event was handled.
#[derive(Clone)]
pub struct ShipmentStore {
    client: Client,
    table: String,
    inbox: Inbox,
}

/// A shipment as an item of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredShipment {
    pk: String,
    #[serde(flatten)]
    pub(crate) shipment: Shipment,
    version: u64,
}

impl ShipmentStore {
    /// Creates a store with the given table, whose partition key is `pk` and whose TTL
    /// attribute is `expiresAt`.
    ///
    /// # Errors
    ///
    /// If the inbox rejects the consumer's name, which it does not.
    pub fn new(client: Client, table: impl Into<String>) -> Result<Self, InvalidInbox> {
        let table = table.into();
        let inbox = Inbox::new(client.clone(), &table, key_schema(), CONSUMER)?;
        Ok(Self {
            client,
            table,
            inbox,
        })
    }

    /// Returns the current shipment of an order, by a consistent read.
    pub(crate) async fn shipment(
        &self,
        order_id: &str,
    ) -> Result<Option<StoredShipment>, BoxError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(pk(order_id)))
            .consistent_read(true)
            .customize()
            .config_override(call_timeouts())
            .send()
            .await?;
        Ok(output.item.map(serde_dynamo::from_item).transpose()?)
    }

    /// Saves the shipment after an event, once. `known` is the shipment before it; the
    /// condition fails if that was modified since it was read.
    pub(crate) async fn save(
        &self,
        shipment: Shipment,
        known: Option<&StoredShipment>,
        event: &CloudEvent,
    ) -> Result<Handled, SaveError> {
        let writes = match known {
            Some(known) if known.shipment == shipment => {
                let unchanged = self.unchanged(known).map_err(SaveError::InvalidItem)?;
                ConsumerWrites::new().condition_check(unchanged)
            }
            _ => {
                let put = self.put(shipment, known).map_err(SaveError::InvalidItem)?;
                ConsumerWrites::new().put(put, key_schema())
            }
        };
        Ok(self.inbox.once(event, writes).await?)
    }

    fn put(&self, shipment: Shipment, known: Option<&StoredShipment>) -> Result<Put, BoxError> {
        let base = known.map(|known| known.version);
        let item = StoredShipment {
            pk: pk(&shipment.order_id),
            shipment,
            version: base.unwrap_or_default() + 1,
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?));
        let put = match base {
            None => put
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", KEY),
            Some(version) => put
                .condition_expression(IS_AT_VERSION)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", number(version)),
        };
        Ok(put.build()?)
    }

    /// Checks that an unchanged shipment was not modified since: the decision to leave
    /// it was based on what was read.
    fn unchanged(&self, known: &StoredShipment) -> Result<ConditionCheck, BoxError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(known.pk.clone()))
            .condition_expression(IS_AT_VERSION)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", number(known.version));
        Ok(check.build()?)
    }
}

/// Why a shipment was not saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    #[error("the shipment cannot be converted to an item")]
    InvalidItem(#[source] BoxError),
    #[error(transparent)]
    Once(#[from] OnceError),
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns timeouts that allow a second attempt: a connection may have died while
/// Lambda had frozen the function.
fn call_timeouts() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(3));
    Builder::new().timeout_config(timeouts.build())
}

fn pk(order_id: &str) -> String {
    format!("shipment#{order_id}")
}

fn key_schema() -> KeySchema {
    KeySchema::partition_key(KEY)
}
