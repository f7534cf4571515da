//! Invocations of the function behind the stream.

use std::time::Duration;

use outbox::handlers::{BatchReport, StreamEvent, StreamHandler};
use outbox_testing::InMemoryAws;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Handles a batch. Returns the reported identifier, if any.
pub(super) async fn handle(aws: &InMemoryAws, records: Vec<Value>) -> Option<String> {
    let handler = StreamHandler::new(aws.relay());
    handle_with(&handler, records).await
}

pub(super) async fn handle_with(
    handler: &StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    records: Vec<Value>,
) -> Option<String> {
    reported(&relay_with(handler, records).await)
}

pub(super) async fn relay_with(
    handler: &StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    records: Vec<Value>,
) -> BatchReport {
    let event: StreamEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    handler.handle(event, deadline).await
}

pub(super) fn reported(relayed: &BatchReport) -> Option<String> {
    let response = serde_json::to_value(&relayed.response).unwrap();
    let failures = response["batchItemFailures"].as_array().unwrap().clone();
    assert!(failures.len() <= 1, "one checkpoint");
    let first = failures.first()?;
    Some(first["itemIdentifier"].as_str().unwrap().to_owned())
}
