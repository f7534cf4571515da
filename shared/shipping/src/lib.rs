//! A consumer of the orders' events: it ships what was ordered, and not what was
//! cancelled.
//!
//! Events come from a queue, more than once at times, and in any order.
//! [`Shipping`] handles each once, by the inbox of the `outbox` crate, and what a
//! [`Shipment`] becomes does not depend on which event comes first:
//!
//! | what is known | `OrderCreated` | `OrderCancelled` |
//! |---|---|---|
//! | nothing | the shipment starts | it is remembered: nothing will start |
//! | it was started | nothing changes | it is stopped |
//! | it was stopped | nothing starts; what was ordered is noted | nothing changes |

mod message;
mod order_event;
mod shipment;
mod shipping;
mod store;

pub use message::InvalidMessage;
pub use order_event::{InvalidOrderEvent, OrderCancelled, OrderCreated, OrderEvent, OrderItem};
pub use shipment::{Shipment, ShipmentStatus};
pub use shipping::{Shipping, ShippingError};
pub use store::ShipmentStore;
