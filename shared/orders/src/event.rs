use jiff::Timestamp;
use outbox::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{Money, OrderId, OrderItem};

/// What can happen to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// A customer placed it.
    OrderCreated(OrderCreated),
}

impl DomainEvent for OrderEvent {
    fn event_type(&self) -> &str {
        match self {
            Self::OrderCreated(_) => "OrderCreated",
        }
    }
}

/// A customer placed an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub created_at: Timestamp,
}
