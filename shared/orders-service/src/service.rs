//! Executes commands: domain, store, idempotency and retries.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::error::BoxError;
use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use orders::{InvalidOrder, Order, OrderId, PlaceOrder};
use outbox::{
    Clock, CommitError, ConditionFailure, FailedCondition, FindError, Revision, SystemClock,
    Transaction,
};
use uuid::Uuid;

use crate::{
    idempotency::{IdempotencyKey, PastRequest, fingerprint},
    origin::Origin,
    store::{OrderStore, StoredOrder},
};

/// How often a transaction is retried after a conflict before the caller has to
/// retry the request.
const RETRIES: usize = 2;

/// Executes commands, each of them once.
#[derive(Clone)]
pub struct OrderService {
    store: OrderStore,
    /// The source of timestamps, ids and expiry times.
    clock: Arc<dyn Clock>,
}

/// Why an order was not placed, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum PlaceOrderError {
    /// The command is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidOrder),
    /// The idempotency key was used for another order.
    #[error("the idempotency key was used for another order")]
    KeyReused,
    /// The order was placed by an earlier request with the same key, but cannot be
    /// read.
    #[error("the order was placed before, but cannot be read")]
    PlacedBefore(#[source] FindError),
    /// DynamoDB throttled or rejected the transaction for now; nothing was written.
    #[error("the order could not be saved now")]
    Unavailable(#[source] CommitError),
    /// It is unknown whether the order is saved. Repeating the request is safe only
    /// with an idempotency key.
    #[error("it is not known whether the order is saved")]
    OutcomeUnknown(#[source] CommitError),
    /// A fault of this service or its configuration.
    #[error("the order could not be saved")]
    Internal(#[source] BoxError),
}

/// Why an order was not cancelled, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CancelOrderError {
    /// There is no such order.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// The order was modified concurrently, and so it was when this was retried.
    #[error("the order was modified concurrently")]
    Conflict(#[source] CommitError),
    /// DynamoDB throttled, or did not respond. Repeating the request is safe.
    #[error("the order could not be cancelled now")]
    Unavailable(#[source] BoxError),
    /// A fault of this service or its configuration.
    #[error("the order could not be cancelled")]
    Internal(#[source] BoxError),
}

impl OrderService {
    /// Creates a service with the given store.
    pub fn new(store: OrderStore) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
        }
    }

    /// Replaces the clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Places an order with its event. For a repeated request, recognised by its key,
    /// returns the current order.
    pub(crate) async fn place_order(
        &self,
        command: PlaceOrder,
        key: Option<&IdempotencyKey>,
        origin: &Origin,
    ) -> Result<StoredOrder, PlaceOrderError> {
        let now = self.clock.now();
        let fingerprint = fingerprint(&command).map_err(internal)?;
        let placed = Order::place(command, new_order_id(now), now)?;
        let request =
            key.map(|key| PastRequest::new(key, fingerprint.clone(), placed.order.id, now));
        let transaction = self
            .store
            .place_transaction(&placed, request, origin, now)
            .map_err(PlaceOrderError::Internal)?;

        match commit(&transaction).await {
            Ok(revision) => Ok(StoredOrder {
                state: placed.order,
                revision,
            }),
            // The condition on the key fails if an earlier request used it. The same
            // fingerprint means that this is a retry of that request.
            Err(error) => match PastRequest::from_conflict(&error) {
                Some(past) if past.fingerprint == fingerprint => self.order_of(&past).await,
                Some(_) => Err(PlaceOrderError::KeyReused),
                None => Err(error.into()),
            },
        }
    }

    /// Returns the order that an earlier request placed.
    async fn order_of(&self, request: &PastRequest) -> Result<StoredOrder, PlaceOrderError> {
        let id = request.order_id;
        let found = self.store.order(id).await;
        let found = found.map_err(PlaceOrderError::PlacedBefore)?;
        found.ok_or_else(|| internal(format!("order {id} of a past request is gone")))
    }

    /// Cancels an order with its event. A cancelled order stays unchanged. After a
    /// concurrent modification, reads the order and decides once more.
    pub(crate) async fn cancel_order(
        &self,
        id: OrderId,
        origin: &Origin,
    ) -> Result<StoredOrder, CancelOrderError> {
        let once_more = backoff().with_max_times(1);
        (|| self.try_to_cancel(id, origin))
            .retry(once_more)
            .when(|error| matches!(error, CancelOrderError::Conflict(_)))
            .await
    }

    async fn try_to_cancel(
        &self,
        id: OrderId,
        origin: &Origin,
    ) -> Result<StoredOrder, CancelOrderError> {
        let found = self.store.order(id).await?;
        let found = found.ok_or(CancelOrderError::Unknown(id))?;
        let base = found.revision;
        let change = found.state.cancel(self.clock.now());
        // Without events the order was already cancelled, so nothing is written.
        let revision = if change.events.is_empty() {
            base
        } else {
            let transaction = self.store.change_transaction(&change, base, origin);
            transaction.commit().await?.revision
        };
        Ok(StoredOrder {
            state: change.order,
            revision,
        })
    }
}

impl From<CommitError> for PlaceOrderError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } | CommitError::Throttled { .. } => {
                Self::Unavailable(error)
            }
            CommitError::OutcomeUnknown(_) => Self::OutcomeUnknown(error),
            _ => Self::Internal(error.into()),
        }
    }
}

impl From<CommitError> for CancelOrderError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::ConditionFailed(ref failed) if failed.iter().any(is_stale) => {
                Self::Conflict(error)
            }
            CommitError::Conflict { .. } => Self::Conflict(error),
            CommitError::Throttled { .. } | CommitError::OutcomeUnknown(_) => {
                Self::Unavailable(error.into())
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// Returns whether a retry with the current order can succeed.
fn is_stale(failed: &FailedCondition) -> bool {
    use ConditionFailure::{Missing, Stale};
    matches!(failed.failure, Stale { .. } | Missing)
}

impl From<FindError> for CancelOrderError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Unavailable(_) => Self::Unavailable(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Commits, and retries after a conflict. Of two concurrent requests with the same
/// key one conflicts; its retry finds the other's order.
async fn commit(transaction: &Transaction) -> Result<Revision, CommitError> {
    let committed = (|| transaction.commit())
        .retry(backoff())
        .when(|error| matches!(error, CommitError::Conflict { .. }))
        .notify(|error, _| tracing::info!(%error, "committing again"))
        .await?;
    Ok(committed.revision)
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_times(RETRIES)
        .with_jitter()
}

/// Creates a UUIDv7 with the given time.
fn new_order_id(now: Timestamp) -> OrderId {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = now.subsec_nanosecond().unsigned_abs();
    let timestamp = uuid::Timestamp::from_unix_time(seconds, nanoseconds, 0, 0);
    OrderId::new(Uuid::new_v7(timestamp))
}

fn internal(error: impl Into<BoxError>) -> PlaceOrderError {
    PlaceOrderError::Internal(error.into())
}
