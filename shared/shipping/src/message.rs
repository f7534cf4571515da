use aws_lambda_events::sqs::SqsMessage;
use outbox::CloudEvent;
use serde::Deserialize;

/// A message that is no event from a bus.
#[derive(Debug, thiserror::Error)]
#[error("the message is no EventBridge event with a CloudEvent in it: {path}: {problem}")]
pub struct InvalidMessage {
    path: String,
    problem: String,
}

/// What EventBridge puts around an event.
#[derive(Deserialize)]
struct Envelope {
    detail: CloudEvent,
}

/// The event in a message that a rule has sent to the queue.
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
