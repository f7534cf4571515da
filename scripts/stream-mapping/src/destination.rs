use aws_sdk_sqs::{Client, error::BoxError};
use serde_json::Value;

use crate::event::reason;

/// The on-failure destination: an SQS queue.
#[derive(Debug, Clone)]
pub struct Destination {
    client: Client,
    queue_url: String,
}

/// A destination that cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// It is no SQS queue.
    #[error("{0} is no SQS queue: other destinations are not supported")]
    NotSqs(String),
    /// Its URL cannot be found out.
    #[error("the URL of queue {name} cannot be found out: {reason}")]
    Unknown {
        /// The queue's name.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Destination {
    /// The destination with this ARN.
    ///
    /// # Errors
    ///
    /// If it is no queue, or the queue cannot be found.
    pub async fn find(client: Client, arn: &str) -> Result<Self, InvalidDestination> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "sqs", _, account, name] = parts.as_slice() else {
            return Err(InvalidDestination::NotSqs(arn.to_owned()));
        };
        let unknown = |reason: String| InvalidDestination::Unknown {
            name: (*name).to_owned(),
            reason,
        };
        let found = client
            .get_queue_url()
            .queue_name(*name)
            .queue_owner_aws_account_id(*account)
            .send()
            .await
            .map_err(|error| unknown(reason(&error)))?;
        let queue_url = found
            .queue_url
            .ok_or_else(|| unknown("the answer has none".to_owned()))?;
        Ok(Self { client, queue_url })
    }

    pub(crate) async fn tell(&self, message: &Value) -> Result<(), BoxError> {
        self.client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(message.to_string())
            .send()
            .await?;
        Ok(())
    }
}
