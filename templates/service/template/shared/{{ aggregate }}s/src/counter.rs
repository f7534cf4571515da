//! The consumer: counts events, each once.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::{
    error::BoxError,
    types::{AttributeValue, Update},
};
use outbox::{
    inbox::{ConsumerWrites, Handled, Inbox, Subscription},
    telemetry,
};
use serde::Deserialize;
use tracing::Instrument;

use crate::{
    SOURCE,
    counts::{COUNTS, KEY},
    {{ aggregate }}::{{ aggregate | capitalize }},
};

/// The name of this consumer in the records of its inbox.
pub const CONSUMER: &str = "counter";

/// Counts the events in the messages of a queue.
pub struct EventCounter {
    inbox: Inbox,
    table: String,
    subscription: Subscription,
}

/// What the consumer reads of an event.
#[derive(Deserialize)]
struct Event {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: String,
}

impl EventCounter {
    /// Creates a counter with this inbox and table, for the events that this account puts on the
    /// bus.
    pub fn new(inbox: Inbox, table: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            inbox,
            table: table.into(),
            subscription: Subscription::to(SOURCE).in_account(account),
        }
    }

    /// Handles a batch of messages, and returns which of them failed. SQS redelivers those, and
    /// after some attempts moves them to the dead-letter queue.
    pub async fn handle_batch(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in batch.records {
            let message_id = message.message_id.unwrap_or_default();
            let body = message.body.as_deref().unwrap_or_default();
            if let Err(error) = self.handle(body).await {
                tracing::error!(message_id, error, "event not handled");
                response.add_failure(message_id);
            }
        }
        response
    }

    /// Counts the event in the body of a message, unless it was counted before.
    ///
    /// # Errors
    ///
    /// If the message contains no event of this service, or it can't be counted now.
    pub async fn handle(&self, body: &str) -> Result<Handled, BoxError> {
        let received = self.subscription.read(body, |event: &Event| {
            {{ aggregate | capitalize }}::aggregate_id_of(&event.data.id)
        })?;
        let count = Update::builder()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(COUNTS.to_owned()))
            .update_expression("ADD #type :one")
            .expression_attribute_names("#type", &received.event.event_type)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()?;
        let writes = ConsumerWrites::new().update(count);
        let counted = self.inbox.once(&received.event, writes);
        let span = telemetry::consumer_span(&received.event);
        let counted = counted.instrument(span.clone()).await;
        Ok(counted.inspect_err(|_| telemetry::fail(&span, "not_counted"))?)
    }
}
