//! Cancelling an order.

use jiff::Timestamp;

use crate::{Change, Order, OrderCancelled, OrderEvent, OrderStatus};

impl Order {
    /// Cancels the order at the given time. A cancelled order stays unchanged and
    /// has no new event.
    #[must_use]
    pub fn cancel(self, now: Timestamp) -> Change {
        if self.status == OrderStatus::Cancelled {
            return Change {
                order: self,
                events: Vec::new(),
            };
        }
        let cancelled = OrderEvent::OrderCancelled(OrderCancelled {
            order_id: self.id,
            customer_id: self.customer_id.clone(),
            cancelled_at: now,
        });
        Change {
            order: Self {
                status: OrderStatus::Cancelled,
                updated_at: now,
                ..self
            },
            events: vec![cancelled],
        }
    }
}
