//! What stands between HTTP and the order domain.
//!
//! [`create_order`] answers `POST /orders`. [`OrderService`] carries a command
//! out once, however often it is repeated, and [`OrderStore`] keeps orders,
//! their events and the idempotency keys in DynamoDB. Nothing in here decides
//! what a valid order is; that is the `orders` crate.

mod create_order;
mod idempotency;
mod problem;
mod request;
mod service;
mod store;

pub use create_order::create_order;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use service::{OrderService, PlaceOrderError};
pub use store::OrderStore;
