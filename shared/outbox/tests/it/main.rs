//! The outbox against DynamoDB through the real AWS SDK, and against a stub of
//! EventBridge. One binary, so that it links once.

#![allow(clippy::unwrap_used)]

mod append;
mod at_once;
mod aws;
mod claim_check;
mod conformance;
mod examples;
mod features;
mod formats;
mod inbox;
mod memory;
mod recipes;
mod relay;
mod replay;
mod telemetry;
mod testing;
