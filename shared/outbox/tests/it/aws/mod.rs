//! The implementations of the ports on AWS: the requests they send, and how they read
//! responses and errors. The `conformance` tests check what the relay relies on.

mod dynamodb;
mod dynamodb_streams;
mod event_bridge;
mod sqs;
pub(crate) mod stubs;
