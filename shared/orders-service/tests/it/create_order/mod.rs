//! `POST /orders`, from request to response.

mod body;
mod failures;
mod idempotency;
mod placed;
