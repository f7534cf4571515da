//! The events of an order, as they are published.

use jiff::Timestamp;
use outbox::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, OrderId, OrderItem};

/// An event of an order.
///
/// Each event is a contract with consumers: its schema is in `schemas/`, and
/// `dataschema` names it. A change that would break a consumer is a new event with
/// its own type (`OrderCreated.v2`) and schema. Both are published as long as
/// consumers read the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// The order was placed.
    OrderCreated(OrderCreated),
    /// The order was cancelled.
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
    /// The id of the order.
    pub order_id: OrderId,
    /// The customer who placed it.
    pub customer_id: String,
    /// The ordered products.
    pub items: Vec<OrderItem>,
    /// The sum over all items.
    pub total: Money,
    /// When it was placed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl OrderCreated {
    /// The name of the schema with its version.
    pub const SCHEMA: &str = "urn:event-schema:orders:OrderCreated:1";
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// The id of the order.
    pub order_id: OrderId,
    /// The customer who had placed it.
    pub customer_id: String,
    /// When it was cancelled.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub cancelled_at: Timestamp,
}

impl OrderCancelled {
    /// The name of the schema with its version.
    pub const SCHEMA: &str = "urn:event-schema:orders:OrderCancelled:1";
}
