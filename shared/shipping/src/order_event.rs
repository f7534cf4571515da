//! The orders' events, as far as shipping reads them.

use outbox::{CloudEvent, InvalidData};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// An event of an order. Fields that shipping does not need are ignored, so that new
/// ones can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEvent {
    /// The order was placed.
    Created(OrderCreated),
    /// The order was cancelled.
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

/// Why shipping cannot handle an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrderEvent {
    /// Its type is unknown: the rule should not match it.
    #[error(
        "an event of type {event_type:?} is nothing to shipping: correct the rule that sends it"
    )]
    UnknownType {
        /// CloudEvents `type`.
        event_type: String,
    },
    /// Its data does not match the schema.
    #[error("{event_type}: {source}")]
    Data {
        /// CloudEvents `type`.
        event_type: String,
        /// Where in the data, and why.
        source: InvalidData,
    },
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

impl TryFrom<&CloudEvent> for OrderEvent {
    type Error = InvalidOrderEvent;

    fn try_from(event: &CloudEvent) -> Result<Self, Self::Error> {
        match event.event_type.as_str() {
            "OrderCreated" => Ok(Self::Created(data(event)?)),
            "OrderCancelled" => Ok(Self::Cancelled(data(event)?)),
            _ => Err(InvalidOrderEvent::UnknownType {
                event_type: event.event_type.clone(),
            }),
        }
    }
}

fn data<Data: DeserializeOwned>(event: &CloudEvent) -> Result<Data, InvalidOrderEvent> {
    event
        .data
        .parse()
        .map_err(|source| InvalidOrderEvent::Data {
            event_type: event.event_type.clone(),
            source,
        })
}
