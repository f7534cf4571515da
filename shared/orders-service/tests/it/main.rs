//! The routes against DynamoDB in process. One binary, so that it links once.

#![allow(clippy::unwrap_used)]

mod cancel_order;
mod contract;
mod create_order;
mod event_contract;
mod fixture;
mod get_order;
mod openapi;
mod trace;
