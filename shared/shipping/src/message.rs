//! Reads events from SQS messages.

use aws_lambda_events::sqs::SqsMessage;
use outbox::CloudEvent;
use serde::Deserialize;

/// The error for a message that contains no event of a bus.
#[derive(Debug, thiserror::Error)]
#[error("the message is no EventBridge event with a CloudEvent in it: {path}: {problem}")]
pub struct InvalidMessage {
    /// Where in the body.
    path: String,
    /// What is wrong there.
    problem: String,
}

/// The part of EventBridge's envelope that is read.
#[derive(Deserialize)]
struct Envelope {
    detail: CloudEvent,
}

/// Returns the event in a message that an EventBridge rule has sent to the queue.
pub(crate) fn event(message: &SqsMessage) -> Result<CloudEvent, InvalidMessage> {
    let body = message.body.as_deref().unwrap_or_default();
    let mut json = serde_json::Deserializer::from_str(body);
    let envelope: Result<Envelope, _> = serde_path_to_error::deserialize(&mut json);
    let envelope = envelope.map_err(|error| InvalidMessage {
        path: error.path().to_string(),
        problem: error.inner().to_string(),
    })?;
    json.end().map_err(|error| InvalidMessage {
        path: ".".to_owned(),
        problem: error.to_string(),
    })?;
    Ok(envelope.detail)
}
