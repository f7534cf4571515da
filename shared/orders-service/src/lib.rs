//! The layer between HTTP and the order domain.
//!
//! | route | handler |
//! |---|---|
//! | `POST /orders` | [`create_order`] |
//! | `POST /orders/{id}/cancel` | [`cancel_order`] |
//! | `GET /orders/{id}` | [`get_order`] |
//!
//! [`OrderService`] executes a command once, even if the request is repeated.
//! [`OrderStore`] stores orders, their events and the idempotency keys in
//! DynamoDB. The `orders` crate decides what a valid order is.

mod callers;
mod cancel_order;
mod create_order;
mod get_order;
mod idempotency;
mod log_error;
mod media_type;
mod origin;
mod problem;
mod request;
mod response;
mod service;
mod single_header;
mod store;

pub use callers::Callers;
pub use cancel_order::cancel_order;
pub use create_order::create_order;
pub use get_order::get_order;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use service::{CancelOrderError, OrderService, PlaceOrderError};
pub use store::{OrderStore, Orders};
