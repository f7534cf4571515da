//! Messages that shipping can never handle.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::{Client, types::MessageAttributeValue};
use outbox::inbox::RejectedMessage;

/// The attribute of a dead letter that says why it is one.
const REASON: &str = "reason";

/// The dead-letter queue, for messages that are rejected. SQS would move them there, too, but
/// without the reason.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
    queue_url: String,
}

/// Why a message is not in the dead-letter queue yet.
#[derive(Debug, thiserror::Error)]
#[error("the dead letter could not be sent")]
pub struct NotSent(#[source] Box<dyn std::error::Error + Send + Sync>);

impl DeadLetters {
    /// Creates the queue with this URL.
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        Self {
            client,
            queue_url: queue_url.into(),
        }
    }

    /// Sends a copy of a message, with the reason as its attribute `reason`. The reason quotes
    /// nothing of the message.
    pub(crate) async fn send(
        &self,
        message: &SqsMessage,
        rejected: &RejectedMessage,
    ) -> Result<(), NotSent> {
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(rejected.to_string())
            .build()
            .map_err(|error| NotSent(error.into()))?;
        let body = message.body.as_deref().unwrap_or_default();
        self.client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body)
            .message_attributes(REASON, reason)
            .send()
            .await
            .map_err(|error| NotSent(error.into()))?;
        Ok(())
    }
}
