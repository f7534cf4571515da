use jiff::Timestamp;
use outbox::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, OrderId, OrderItem};

/// What can happen to an order.
///
/// Each event is a promise to consumers: its schema lies in `schemas/`, named by
/// `dataschema`. What would break a consumer is told by a new event, with a type
/// (`OrderCreated.v2`) and a schema of its own, beside the old one for as long as
/// somebody reads that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// A customer placed it.
    OrderCreated(OrderCreated),
    /// It was cancelled.
    OrderCancelled(OrderCancelled),
}

impl DomainEvent for OrderEvent {
    fn event_type(&self) -> &str {
        match self {
            Self::OrderCreated(_) => "OrderCreated",
            Self::OrderCancelled(_) => "OrderCancelled",
        }
    }

    fn data_schema(&self) -> Option<&str> {
        Some(match self {
            Self::OrderCreated(_) => OrderCreated::SCHEMA,
            Self::OrderCancelled(_) => OrderCancelled::SCHEMA,
        })
    }
}

/// A customer placed an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// Which order.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: String,
    /// What was ordered.
    pub items: Vec<OrderItem>,
    /// The sum over all items.
    pub total: Money,
    /// When it was placed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl OrderCreated {
    /// Names the schema, and its version.
    pub const SCHEMA: &str = "urn:event-schema:orders:OrderCreated:1";
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// Which order.
    pub order_id: OrderId,
    /// Who had ordered.
    pub customer_id: String,
    /// When it was cancelled.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub cancelled_at: Timestamp,
}

impl OrderCancelled {
    /// Names the schema, and its version.
    pub const SCHEMA: &str = "urn:event-schema:orders:OrderCancelled:1";
}
