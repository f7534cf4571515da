use std::{error::Error, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_dynamodb::error::BoxError;
use backon::{ExponentialBuilder, Retryable};
use futures::future::join_all;
use outbox::{
    CloudEvent, CommitError, Traceparent,
    inbox::{Handled, OnceError},
};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::{
    message::{self, InvalidMessage},
    order_event::{InvalidOrderEvent, OrderEvent},
    shipment::Shipment,
    store::{SaveError, ShipmentStore},
};

/// How often it is decided anew what becomes of a shipment that others change
/// meanwhile.
const RETRIES: usize = 5;

/// What is left of an invocation to answer in.
const MARGIN: Duration = Duration::from_secs(1);

/// Starts and stops shipments, as the events of orders tell.
#[derive(Clone)]
pub struct Shipping {
    store: ShipmentStore,
}

/// Why an event was not handled. It is safe to handle it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShippingError {
    /// The message holds no event.
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    /// The event is none that shipping can make something of.
    #[error(transparent)]
    Event(#[from] InvalidOrderEvent),
    /// The event does not tell its position in the history of its order.
    #[error("the event has no sequence, so it cannot be told whether it is late")]
    NoSequence,
    /// The shipment could not be read.
    #[error("the shipment could not be read")]
    Read(#[source] BoxError),
    /// The shipment could not be saved.
    #[error("the shipment could not be saved")]
    Save(#[source] BoxError),
    /// The invocation was about to end.
    #[error("the event was not handled in time")]
    OutOfTime,
    /// The event could not be handled once: it is too old, or the transaction
    /// was not committed.
    #[error(transparent)]
    Once(OnceError),
}

impl Shipping {
    /// Shipping with its shipments in the given store.
    pub fn new(store: ShipmentStore) -> Self {
        Self { store }
    }

    /// Handles a batch of messages, and answers which of them failed. These stay
    /// in the queue; after some attempts SQS moves them to its dead-letter queue.
    /// What is not handled shortly before the deadline counts as failed, so that
    /// it does not take the others along.
    pub async fn handle_batch(&self, batch: SqsEvent, deadline: Instant) -> SqsBatchResponse {
        let answer_by = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let handled = batch.records.iter().map(|message| async move {
            let handled = timeout_at(answer_by, self.handle(message)).await;
            handled.unwrap_or_else(|_| {
                let message_id = message.message_id.as_deref();
                tracing::error!(message_id, "message not handled in time");
                Err(ShippingError::OutOfTime)
            })
        });
        let mut response = SqsBatchResponse::default();
        for (message, handled) in batch.records.iter().zip(join_all(handled).await) {
            if handled.is_err() {
                // A message without an id, which SQS never sends, would count as
                // the failure of all.
                response.add_failure(message.message_id.clone().unwrap_or_default());
            }
        }
        response
    }

    /// Handles one message, and reports how that went.
    async fn handle(&self, message: &SqsMessage) -> Result<Handled, ShippingError> {
        let message_id = message.message_id.as_deref();
        let event = match message::event(message) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(message_id, %error, "message not handled");
                return Err(error.into());
            }
        };
        let trace_id = event.traceparent.as_ref().map(Traceparent::trace_id);
        let span = tracing::info_span!("event", trace_id, event_id = event.id, message_id);
        let handled = async {
            let handled = self.handle_event(&event).await;
            if let Err(error) = &handled {
                tracing::error!(%error, causes = ?causes(error), "event not handled");
            }
            handled
        };
        handled.instrument(span).await
    }

    /// Handles one event, unless it was handled before.
    ///
    /// # Errors
    ///
    /// See [`ShippingError`].
    pub async fn handle_event(&self, event: &CloudEvent) -> Result<Handled, ShippingError> {
        let order_event = OrderEvent::try_from(event)?;
        let sequence = event.sequence.ok_or(ShippingError::NoSequence)?;
        let anew = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(10))
            .with_max_times(RETRIES)
            .with_jitter();
        (|| self.decide(event, &order_event, sequence))
            .retry(anew)
            .when(ShippingError::is_a_change_by_others)
            .await
    }

    async fn decide(
        &self,
        event: &CloudEvent,
        order_event: &OrderEvent,
        sequence: u64,
    ) -> Result<Handled, ShippingError> {
        let order_id = order_event.order_id();
        let known = self.store.shipment(order_id).await;
        let known = known.map_err(ShippingError::Read)?;
        let before = known.as_ref().map(|known| &known.shipment);
        let shipment = Shipment::after(before, order_event, sequence);
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
    fn is_a_change_by_others(&self) -> bool {
        matches!(
            self,
            Self::Once(OnceError::Commit(CommitError::ConditionFailed(_)))
        )
    }
}

impl From<SaveError> for ShippingError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::NoItem(cause) => Self::Save(cause),
            SaveError::Once(error) => Self::Once(error),
        }
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.map(ToString::to_string).collect()
}
