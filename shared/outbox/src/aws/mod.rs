//! The services of AWS behind the [`ports`](crate::ports).

#[cfg(feature = "replay")]
pub(crate) mod decisions;
pub(crate) mod dynamodb;
#[cfg(feature = "replay")]
mod dynamodb_streams;
pub(crate) mod error;
mod eventbridge;
mod own_task;
#[cfg(feature = "replay")]
mod parked_rows;
#[cfg(feature = "replay")]
mod sqs_receive;
mod sqs_send;

pub use dynamodb::DynamoDbTable;
#[cfg(feature = "replay")]
pub use dynamodb_streams::DynamoDbStreams;
pub use eventbridge::EventBridgeBus;
pub use sqs_send::SqsQueue;
