//! The dead-letter queue on Amazon SQS, as the relay sends to it.

use aws_sdk_sqs::{
    Client,
    config::{Builder, retry::RetryConfig},
};

use crate::{
    aws::error::call_error,
    ports::{CallError, DeadLetter, DeadLetters},
};

/// The dead-letter queue in Amazon SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// Creates a queue from its URL. The client's own retries are switched off.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Returns the queue's client and URL, for its readers.
    #[cfg(feature = "replay")]
    pub(crate) fn parts(&self) -> (&Client, &str) {
        (&self.client, &self.url)
    }
}

impl DeadLetters for SqsQueue {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let body = body(letter).map_err(|error| CallError::Configuration(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(|error| call_error(&format!("SendMessage {}", self.url), &error))?;
        Ok(())
    }
}

/// Returns the letter as JSON, with U+FFFE and U+FFFF escaped. A row's key may contain them,
/// and JSON leaves them as they are; but SQS accepts only the characters of XML and
/// replaces others, so the letter would name a row that doesn't exist.
fn body(letter: &DeadLetter) -> serde_json::Result<String> {
    let json = serde_json::to_string(letter)?;
    Ok(json
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff"))
}
