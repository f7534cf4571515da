//! A consumer of the orders' events: it starts the shipment of a placed order, and
//! stops it if the order is cancelled.
//!
//! Events arrive from a queue, sometimes more than once, and in any order.
//! [`Shipping`] handles each event once, with the inbox of the `outbox` crate. The
//! resulting [`Shipment`] does not depend on the order of the events:
//!
//! | shipment | `OrderCreated` | `OrderCancelled` |
//! |---|---|---|
//! | none yet | started | stopped, so that it never starts |
//! | started | unchanged | stopped |
//! | stopped | stays stopped; the items are recorded | unchanged |
//!
//! So shipping doesn't require order of its inbox ([`in_order`](outbox::inbox::Inbox::in_order)).
//! That would only delay it: the cancellation of an order would wait for an `OrderCreated` that
//! is parked, instead of stopping the shipment at once. It would also break with the next type of
//! event: shipping's rule selects two types, and an order with any other would have gaps.

mod dead_letters;
mod order_event;
mod shipment;
mod shipping;
mod store;

pub use dead_letters::{DeadLetters, NotSent};
pub use order_event::{OrderCancelled, OrderCreated, OrderEvent, OrderItem};
pub use shipment::{Shipment, ShipmentStatus};
pub use shipping::{Shipping, ShippingError};
pub use store::ShipmentStore;
