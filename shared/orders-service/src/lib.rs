//! What stands between HTTP and the order domain.
//!
//! | route | answered by |
//! |---|---|
//! | `POST /orders` | [`create_order`] |
//! | `POST /orders/{id}/cancel` | [`cancel_order`] |
//! | `GET /orders/{id}` | [`get_order`] |
//!
//! [`OrderService`] carries a command out once, however often it is repeated, and
//! [`OrderStore`] keeps orders, their events and the idempotency keys in
//! DynamoDB. Nothing in here decides what a valid order is; that is the `orders`
//! crate.

mod cancel_order;
mod create_order;
mod get_order;
mod idempotency;
mod media_type;
mod origin;
mod problem;
mod report;
mod request;
mod response;
mod service;
mod single_header;
mod store;

pub use cancel_order::cancel_order;
pub use create_order::create_order;
pub use get_order::get_order;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use service::{CancelOrderError, OrderService, PlaceOrderError};
pub use store::{OrderStore, Orders, ReadError};
