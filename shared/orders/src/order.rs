//! The order and its parts.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use outbox::Aggregate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Money;

/// The current state of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The id, which never changes.
    pub id: OrderId,
    /// The customer who placed it.
    pub customer_id: String,
    /// The status.
    pub status: OrderStatus,
    /// The ordered products, 1 to 100.
    pub items: Vec<OrderItem>,
    /// The sum over all items.
    pub total: Money,
    /// When it was placed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: Timestamp,
}

impl Aggregate for Order {
    fn aggregate_id(&self) -> String {
        self.id.aggregate_id()
    }
}

/// The id of an order: a UUID. The orders service creates version 7, so that ids
/// sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct OrderId(Uuid);

impl OrderId {
    /// Creates an order id from a UUID.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Returns the order's id among the aggregates.
    pub fn aggregate_id(self) -> String {
        format!("order#{self}")
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OrderStatus {
    /// The order is accepted.
    Placed,
    /// The order is cancelled.
    Cancelled,
}

/// One product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderItem {
    /// The id of the product.
    pub product_id: String,
    /// The quantity, 1 to 10,000.
    pub quantity: u64,
    /// The price of one piece, in minor units of the order's currency.
    pub unit_price: u64,
}
