//! Shipping against DynamoDB in process. One binary, so that it links once.

#![allow(clippy::unwrap_used)]

mod batch;
mod dead_letter_queue;
mod events;
mod five_hundred_orders;
mod fixture;
mod traced;
