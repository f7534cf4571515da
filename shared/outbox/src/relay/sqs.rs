use aws_sdk_sqs::{Client, config::retry::RetryConfig};
// Calls are boxed: the SDK's futures are large, and nest deeper than compilers follow.
use futures::FutureExt;

use super::{
    aws_error::call_error,
    call_error::CallError,
    dead_letters::{DeadLetter, DeadLetters},
};

/// The dead-letter queue in Amazon SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL. The client's own retries are not used.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client: without_retries(client),
            url: url.into(),
        }
    }

    /// The queue's client and URL, for its readers.
    #[cfg(feature = "replay")]
    pub(crate) fn parts(&self) -> (&Client, &str) {
        (&self.client, &self.url)
    }
}

/// The client, but for its retries. Set once: to override the configuration of each
/// call takes a tenth of the call's processor time.
#[expect(clippy::needless_pass_by_value, reason = "it takes the client's place")]
fn without_retries(client: Client) -> Client {
    let config = client.config().to_builder();
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

impl DeadLetters for SqsQueue {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let body = body(letter).map_err(|error| CallError::SetUp(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .boxed()
            .await
            .map_err(|error| call_error(&format!("SendMessage {}", self.url), &error))?;
        Ok(())
    }
}

/// The letter as JSON, in characters that SQS takes: those of XML. It would put
/// another in the place of these two, which a row's key may hold and JSON leaves as
/// they are, and the letter would name no row at all.
fn body(letter: &DeadLetter) -> serde_json::Result<String> {
    let json = serde_json::to_string(letter)?;
    Ok(json
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff"))
}
