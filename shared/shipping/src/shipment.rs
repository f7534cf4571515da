//! The shipment of an order, and how events change it.

use outbox::inbox::Continuity;
use serde::{Deserialize, Serialize};

use crate::order_event::{OrderEvent, OrderItem};

/// The shipment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// The id of the order.
    pub order_id: String,
    /// Whether the order is to be shipped.
    pub status: ShipmentStatus,
    /// The ordered products; empty if only the cancellation has arrived.
    #[serde(default)]
    pub items: Vec<OrderItem>,
    /// The highest `sequence` of the order's events so far.
    pub order_sequence: u64,
}

/// Whether an order is to be shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ShipmentStatus {
    /// It is to be shipped.
    Started,
    /// It is not to be shipped, or no longer.
    Stopped,
}

impl Shipment {
    /// Returns the shipment after an event with this sequence, given the shipment
    /// before it, if there is one.
    #[must_use]
    pub fn after(known: Option<&Self>, event: &OrderEvent, sequence: u64) -> Self {
        let last_known = known.map_or(0, |shipment| shipment.order_sequence);
        let is_late = Continuity::of(sequence, last_known) == Continuity::Late;
        let status = match (known, event) {
            // A later event has already decided the status.
            (Some(shipment), _) if is_late => shipment.status,
            (_, OrderEvent::Created(_)) => ShipmentStatus::Started,
            (_, OrderEvent::Cancelled(_)) => ShipmentStatus::Stopped,
        };
        let items = match event {
            OrderEvent::Created(created) => created.items.clone(),
            OrderEvent::Cancelled(_) => known.map_or_else(Vec::new, |known| known.items.clone()),
        };
        Self {
            order_id: event.order_id().to_owned(),
            status,
            items,
            order_sequence: last_known.max(sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_event::{OrderCancelled, OrderCreated};

    #[test]
    fn a_shipment_does_not_depend_on_the_order_of_events() {
        let items = vec![OrderItem {
            product_id: "teapot".into(),
            quantity: 2,
        }];
        let created = OrderEvent::Created(OrderCreated {
            order_id: "1".into(),
            items: items.clone(),
        });
        let cancelled = OrderEvent::Cancelled(OrderCancelled {
            order_id: "1".into(),
        });
        let shipment = |status, items: &[OrderItem], order_sequence| Shipment {
            order_id: "1".into(),
            status,
            items: items.to_vec(),
            order_sequence,
        };
        let started = shipment(ShipmentStatus::Started, &items, 1);
        let remembered = shipment(ShipmentStatus::Stopped, &[], 2);
        let stopped = shipment(ShipmentStatus::Stopped, &items, 2);
        for (known, event, sequence, expected) in [
            (None, &created, 1, &started),
            (None, &cancelled, 2, &remembered),
            (Some(&started), &created, 1, &started),
            (Some(&started), &cancelled, 2, &stopped),
            (Some(&remembered), &created, 1, &stopped),
            (Some(&remembered), &cancelled, 2, &remembered),
            (Some(&stopped), &created, 1, &stopped),
            (Some(&stopped), &cancelled, 2, &stopped),
        ] {
            let after = Shipment::after(known, event, sequence);
            assert_eq!(&after, expected, "{known:?} {event:?}");
        }
    }
}
