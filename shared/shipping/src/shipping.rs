//! Handles batches of messages.

use std::{error::Error, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_dynamodb::error::BoxError;
use backon::{ExponentialBuilder, Retryable};
use futures::future::join_all;
use outbox::{
    CommitError, Traceparent,
    inbox::{Handled, OnceError, Received, RejectedMessage, Subscription},
    telemetry,
};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::{
    dead_letters::{DeadLetters, NotSent},
    order_event::OrderEvent,
    shipment::Shipment,
    store::{SaveError, ShipmentStore},
};

/// How often an event is retried after a concurrent modification of its shipment.
const RETRIES: usize = 5;

/// The time of an invocation that is reserved for the response.
const MARGIN: Duration = Duration::from_secs(1);

/// The source of the orders' events.
const ORDERS: &str = "orders";

/// More events than an order ever has.
const LONGEST_HISTORY: u64 = 100;

/// Starts and stops shipments by the orders' events.
#[derive(Clone)]
pub struct Shipping {
    store: ShipmentStore,
    subscription: Subscription,
    dead_letters: DeadLetters,
}

/// What became of a message that SQS need not redeliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The event was handled, now or before.
    Handled,
    /// It is in the dead-letter queue, with the reason.
    DeadLetter,
}

/// Why an event was not handled. A retry is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShippingError {
    /// The message contains no event of the orders that shipping can handle.
    #[error(transparent)]
    Rejected(#[from] RejectedMessage),
    /// That message could not be sent to the dead-letter queue.
    #[error(transparent)]
    DeadLetter(#[from] NotSent),
    /// The shipment could not be read.
    #[error("the shipment could not be read")]
    Read(#[source] BoxError),
    /// The shipment could not be saved.
    #[error("the shipment could not be saved")]
    Save(#[source] BoxError),
    /// The timeout of the invocation was too close.
    #[error("the event was not handled in time")]
    OutOfTime,
    /// The inbox failed: the event is too old, or the transaction was not committed.
    #[error(transparent)]
    Once(OnceError),
}

impl Shipping {
    /// Creates a handler with the given store, for the events that this account puts on the bus.
    /// Messages without such an event go to the dead letters.
    pub fn new(
        store: ShipmentStore,
        account: impl Into<String>,
        dead_letters: DeadLetters,
    ) -> Self {
        let subscription = Subscription::to(ORDERS).in_account(account);
        Self {
            store,
            subscription: subscription.longest_history(LONGEST_HISTORY),
            dead_letters,
        }
    }

    /// Handles a batch of messages and returns which of them failed. SQS redelivers
    /// those, and after some attempts moves them to its dead-letter queue. A message without an
    /// event that shipping can handle would fail each time: it is sent there at once, with the
    /// reason.
    ///
    /// Messages that are not handled shortly before the deadline count as failed: a
    /// timeout of the invocation would fail the whole batch.
    pub async fn handle_batch(&self, batch: SqsEvent, deadline: Instant) -> SqsBatchResponse {
        let return_by = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let handled = batch.records.iter();
        let handled = handled.map(|message| self.handle(message, return_by));
        let mut response = SqsBatchResponse::default();
        for (message, handled) in batch.records.iter().zip(join_all(handled).await) {
            if handled.is_err() {
                // SQS always sends an id. Without one, Lambda would count the whole batch
                // as failed, which loses nothing.
                response.add_failure(message.message_id.clone().unwrap_or_default());
            }
        }
        response
    }

    /// Handles one message, and logs an error.
    async fn handle(
        &self,
        message: &SqsMessage,
        return_by: Instant,
    ) -> Result<Done, ShippingError> {
        let message_id = message.message_id.as_deref();
        let read = self.read(message.body.as_deref().unwrap_or_default());
        let (event_id, traceparent) = match &read {
            Ok(read) => (Some(&read.event.id), &read.event.traceparent),
            Err(rejected) => (rejected.event_id.as_ref(), &rejected.traceparent),
        };
        let trace_id = traceparent.as_ref().map(Traceparent::trace_id);
        let span = tracing::info_span!("event", trace_id, event_id, message_id);
        // For OpenTelemetry. A message without an event that can be handled has none.
        let event = read.as_ref().map(|read| &read.event);
        let traced = event.map_or_else(|_| Span::none(), telemetry::consumer_span);
        let handled = async {
            let handled = match read {
                Ok(event) => self.handle_event(&event).await.map(|_| Done::Handled),
                Err(rejected) => self.reject(message, &rejected).await,
            };
            if let Err(error) = &handled {
                tracing::error!(%error, causes = ?causes(error), "event not handled");
            }
            handled
        };
        let handled = async {
            let handled = timeout_at(return_by, handled).await;
            handled.unwrap_or_else(|_| {
                tracing::error!(message_id, "message not handled in time");
                Err(ShippingError::OutOfTime)
            })
        };
        let handled = handled.instrument(span).instrument(traced.clone()).await;
        handled.inspect_err(|error| telemetry::fail(&traced, error.name()))
    }

    /// Sends a message to the dead letters.
    async fn reject(
        &self,
        message: &SqsMessage,
        rejected: &RejectedMessage,
    ) -> Result<Done, ShippingError> {
        tracing::error!(error = %rejected, "event rejected");
        self.dead_letters.send(message, rejected).await?;
        Ok(Done::DeadLetter)
    }

    /// Returns the event in the body of a message.
    ///
    /// # Errors
    ///
    /// If it is none that shipping can handle.
    pub fn read(&self, body: &str) -> Result<Received<OrderEvent>, RejectedMessage> {
        self.subscription.read(body, OrderEvent::aggregate_id)
    }

    /// Handles one event, unless it was handled before.
    ///
    /// # Errors
    ///
    /// See [`ShippingError`].
    pub async fn handle_event(
        &self,
        event: &Received<OrderEvent>,
    ) -> Result<Handled, ShippingError> {
        let retries = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(10))
            .with_max_times(RETRIES)
            .with_jitter();
        (|| self.try_to_handle(event))
            .retry(retries)
            .when(ShippingError::is_conflict)
            .await
    }

    async fn try_to_handle(
        &self,
        received: &Received<OrderEvent>,
    ) -> Result<Handled, ShippingError> {
        let event = &received.event;
        let order_id = received.data.order_id();
        let known = self.store.shipment(order_id).await;
        let known = known.map_err(ShippingError::Read)?;
        let before = known.as_ref().map(|known| &known.shipment);
        let shipment = Shipment::after(before, &received.data, received.sequence);
        let status = shipment.status;
        let handled = self.store.save(shipment, known.as_ref(), event).await?;
        let event_type = &event.event_type;
        match handled {
            Handled::Now => tracing::info!(order_id, event_type, ?status, "event handled"),
            Handled::Before => tracing::info!(order_id, event_type, "event was handled before"),
        }
        Ok(handled)
    }
}

impl ShippingError {
    /// Returns a name for what happened, for a trace.
    fn name(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "rejected",
            Self::DeadLetter(_) => "dead_letter_not_sent",
            Self::Read(_) => "not_read",
            Self::Save(_) => "not_saved",
            Self::OutOfTime => "out_of_time",
            Self::Once(_) => "not_committed",
        }
    }

    fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Once(OnceError::Commit(CommitError::ConditionFailed(_)))
        )
    }
}

impl From<SaveError> for ShippingError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::InvalidItem(cause) => Self::Save(cause),
            SaveError::Once(error) => Self::Once(error),
        }
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.map(ToString::to_string).collect()
}
