use outbox::{CloudEvent, InvalidData};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What shipping wants to know of an order. Whatever else the events tell, now
/// or later, is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEvent {
    /// It was placed.
    Created(OrderCreated),
    /// It was cancelled.
    Cancelled(OrderCancelled),
}

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// Which order.
    pub order_id: String,
    /// What is to be shipped.
    pub items: Vec<OrderItem>,
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// Which order.
    pub order_id: String,
}

/// One product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderItem {
    /// Which product.
    pub product_id: String,
    /// How many.
    pub quantity: u64,
}

/// An event that shipping can make nothing of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrderEvent {
    /// It is none that shipping knows: its rule should not match it.
    #[error(
        "an event of type {event_type:?} is nothing to shipping: correct the rule that sends it"
    )]
    UnknownType {
        /// CloudEvents `type`.
        event_type: String,
    },
    /// Its data is not as the schema promises.
    #[error("{event_type}: {}: {}", .source.path, .source.source)]
    Data {
        /// CloudEvents `type`.
        event_type: String,
        /// Where in the data, and why.
        source: InvalidData,
    },
}

impl OrderEvent {
    /// Which order it happened to.
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
