//! The orders' events, as far as shipping reads them.

use serde::{Deserialize, Serialize};

/// An event of an order. Fields that shipping does not need are ignored, so that new
/// ones can be added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum OrderEvent {
    /// The order was placed.
    #[serde(rename = "OrderCreated")]
    Created(OrderCreated),
    /// The order was cancelled.
    #[serde(rename = "OrderCancelled")]
    Cancelled(OrderCancelled),
}

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// The id of the order.
    pub order_id: String,
    /// The products to ship.
    pub items: Vec<OrderItem>,
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// The id of the order.
    pub order_id: String,
}

/// One product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderItem {
    /// The id of the product.
    pub product_id: String,
    /// The quantity.
    pub quantity: u64,
}

impl OrderEvent {
    /// Returns the id of its aggregate.
    pub fn aggregate_id(&self) -> String {
        format!("order#{}", self.order_id())
    }

    /// Returns the id of the order.
    pub fn order_id(&self) -> &str {
        match self {
            Self::Created(created) => &created.order_id,
            Self::Cancelled(cancelled) => &cancelled.order_id,
        }
    }
}
