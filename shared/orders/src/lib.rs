//! The order domain: what an order is, what makes one valid, and its events.
//! Pure: no AWS, no I/O, no clock.
//!
//! A command returns the new state and its events together in a [`Change`], so
//! that callers can't save one without the other.
//!
//! ```
//! use orders::{Order, OrderId, PlaceOrder, PlaceOrderItem};
//!
//! let command = PlaceOrder {
//!     customer_id: "customer-7".into(),
//!     currency: "EUR".into(),
//!     items: vec![PlaceOrderItem {
//!         product_id: "teapot".into(),
//!         quantity: 2,
//!         unit_price: 1950,
//!     }],
//! };
//! let id = OrderId::new("019ad0c5-0a4c-7000-8000-000000000001".parse()?);
//! let placed = Order::place(command, id, "2026-11-24T09:00:00Z".parse()?)?;
//!
//! assert_eq!(placed.order.total.to_string(), "39.00 EUR");
//! assert_eq!(placed.events.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cancel;
mod change;
mod event;
mod invalid;
mod money;
mod order;
mod place;
mod whole_number;

pub use change::Change;
pub use event::{OrderCancelled, OrderCreated, OrderEvent};
pub use invalid::{InvalidOrder, Violation};
pub use money::Money;
pub use order::{Order, OrderId, OrderItem, OrderStatus};
pub use place::{PlaceOrder, PlaceOrderItem};
