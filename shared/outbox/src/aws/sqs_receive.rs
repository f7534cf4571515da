//! The dead-letter queue on Amazon SQS, as its readers see it.

use std::time::Duration;

use aws_sdk_sqs::{
    config::{Builder, retry::RetryConfig},
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
        MessageSystemAttributeName, QueueAttributeName,
    },
};
use jiff::Timestamp;

use crate::{
    aws::{SqsQueue, error::call_error},
    ports::{CallError, DeadLetterQueue, Depth, Message},
};

/// How long a receive waits for messages. Any wait makes SQS query all of its servers ("long
/// polling" in its developer guide), so that an empty response means an empty queue.
const WAIT: Duration = Duration::from_secs(1);

fn without_retries() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

fn incomplete(error: &aws_sdk_sqs::error::BuildError) -> CallError {
    CallError::Configuration(error.to_string())
}

impl DeadLetterQueue for SqsQueue {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        let (client, url) = self.parts();
        let output = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(most.clamp(1, 10)).unwrap_or(10))
            .visibility_timeout(seconds(visibility))
            .wait_time_seconds(seconds(WAIT))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| call_error(&format!("ReceiveMessage {url}"), &error))?;
        let messages = output.messages.unwrap_or_default();
        Ok(messages.into_iter().map(message).collect())
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        let (client, url) = self.parts();
        let what = format!("ChangeMessageVisibilityBatch {url}");
        let entry = |(index, message): (usize, &Message)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(seconds(visibility))
                .build()
                .map_err(|error| incomplete(&error))
        };
        let entries = messages.iter().enumerate().map(entry);
        let output = client
            .change_message_visibility_batch()
            .queue_url(url)
            .set_entries(Some(entries.collect::<Result<_, _>>()?))
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| call_error(&what, &error))?;
        match output.failed().first() {
            None => Ok(()),
            Some(failed) => Err(CallError::Transient(format!("{what}: {}", failed.code()))),
        }
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let (client, url) = self.parts();
        let what = format!("DeleteMessageBatch {url}");
        let entry = |(index, message): (usize, &Message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .build()
                .map_err(|error| incomplete(&error))
        };
        let entries = messages.iter().enumerate().map(entry);
        let output = client
            .delete_message_batch()
            .queue_url(url)
            .set_entries(Some(entries.collect::<Result<_, _>>()?))
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| call_error(&what, &error))?;
        let failed = |index: usize| {
            let index = index.to_string();
            output.failed().iter().any(|failed| failed.id() == index)
        };
        let messages = messages.iter().enumerate();
        let undeleted = messages.filter(|(index, _)| failed(*index));
        Ok(undeleted.map(|(_, message)| message.id.clone()).collect())
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let (client, url) = self.parts();
        let output = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| call_error(&format!("GetQueueAttributes {url}"), &error))?;
        let number = |name: QueueAttributeName| {
            let attributes = output.attributes()?;
            attributes.get(&name)?.parse().ok()
        };
        let missing =
            || CallError::Transient(format!("GetQueueAttributes {url}: no number of messages"));
        Ok(Depth {
            visible: number(QueueAttributeName::ApproximateNumberOfMessages).ok_or_else(missing)?,
            hidden: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                .ok_or_else(missing)?,
        })
    }
}

fn message(message: aws_sdk_sqs::types::Message) -> Message {
    let sent = MessageSystemAttributeName::SentTimestamp;
    let sent_at = message
        .attributes()
        .and_then(|attributes| attributes.get(&sent)?.parse().ok())
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    Message {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        sent_at,
    }
}
