use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::error::BoxError;
use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use orders::{InvalidOrder, Order, OrderId, PlaceOrder};
use outbox::{
    Clock, CommitError, ConditionFailure, FailedCondition, Revision, SystemClock, Transaction,
};
use uuid::Uuid;

use crate::{
    idempotency::{IdempotencyKey, fingerprint},
    origin::Origin,
    store::{OrderStore, PastRequest, ReadError, StoredOrder},
};

/// How often a transaction that conflicts is committed again before the caller is
/// told to come again.
const RETRIES: usize = 2;

/// Carries out what callers ask for, once.
#[derive(Clone)]
pub struct OrderService {
    store: OrderStore,
    clock: Arc<dyn Clock>,
}

/// Why an order was not placed, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum PlaceOrderError {
    /// The command is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidOrder),
    /// The idempotency key was used for another order.
    #[error("the idempotency key was used for another order")]
    KeyReused,
    /// The order was placed before, by a request with the same key, and cannot be
    /// read.
    #[error("the order was placed before, but cannot be read")]
    PlacedBefore(#[source] ReadError),
    /// DynamoDB cannot do it now; nothing was written.
    #[error("the order could not be saved now")]
    Unavailable(#[source] CommitError),
    /// Nobody knows whether the order is saved. Repeating the request is safe
    /// only with an idempotency key.
    #[error("it is not known whether the order is saved")]
    OutcomeUnknown(#[source] CommitError),
    /// A fault of this service or its set-up.
    #[error("the order could not be saved")]
    Internal(#[source] BoxError),
}

/// Why an order was not cancelled, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CancelOrderError {
    /// There is no such order.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// Others are changing it.
    #[error("the order is being changed by others")]
    BeingChanged(#[source] CommitError),
    /// DynamoDB cannot do it now, or did not answer. Repeating the request is
    /// safe.
    #[error("the order could not be cancelled now")]
    Unavailable(#[source] BoxError),
    /// A fault of this service or its set-up.
    #[error("the order could not be cancelled")]
    Internal(#[source] BoxError),
}

impl OrderService {
    /// A service that keeps orders in the given store.
    pub fn new(store: OrderStore) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same service by another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Places an order and tells of it. A repeated request, known by its key,
    /// is answered with the order as it is now.
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
            .placing(&placed, request, origin, now)
            .map_err(PlaceOrderError::Internal)?;

        match commit(&transaction).await {
            Ok(revision) => Ok(StoredOrder {
                state: placed.order,
                revision,
            }),
            Err(error) => match PastRequest::that_was_first(&error) {
                Some(first) if first.fingerprint == fingerprint => self.order_of(&first).await,
                Some(_) => Err(PlaceOrderError::KeyReused),
                None => Err(error.into()),
            },
        }
    }

    async fn order_of(&self, request: &PastRequest) -> Result<StoredOrder, PlaceOrderError> {
        let id = request.order_id;
        let found = self.store.order(id).await;
        let found = found.map_err(PlaceOrderError::PlacedBefore)?;
        found.ok_or_else(|| internal(format!("order {id} of a past request is gone")))
    }

    /// Cancels an order and tells of it; one that is cancelled already is left
    /// as it is. If others change it meanwhile, it is decided anew, once.
    pub(crate) async fn cancel_order(
        &self,
        id: OrderId,
        origin: &Origin,
    ) -> Result<StoredOrder, CancelOrderError> {
        let once_more = backoff().with_max_times(1);
        (|| self.try_to_cancel(id, origin))
            .retry(once_more)
            .when(|error| matches!(error, CancelOrderError::BeingChanged(_)))
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
        let revision = if change.events.is_empty() {
            base
        } else {
            let transaction = self.store.changing(&change, base, origin);
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
                Self::BeingChanged(error)
            }
            CommitError::Conflict { .. } => Self::BeingChanged(error),
            CommitError::Throttled { .. } | CommitError::OutcomeUnknown(_) => {
                Self::Unavailable(error.into())
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// Returns whether reading the order again and deciding again can help.
fn is_stale(failed: &FailedCondition) -> bool {
    use ConditionFailure::{Missing, Stale};
    matches!(failed.failure, Stale { .. } | Missing)
}

impl From<ReadError> for CancelOrderError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(_) => Self::Unavailable(error.into()),
            ReadError::Internal(_) => Self::Internal(error.into()),
        }
    }
}

/// Commits, again after a conflict: of two requests with one key at the same
/// instant, the one that comes again finds the other's order.
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

/// A UUIDv7 of the given time.
fn new_order_id(now: Timestamp) -> OrderId {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = now.subsec_nanosecond().unsigned_abs();
    let timestamp = uuid::Timestamp::from_unix_time(seconds, nanoseconds, 0, 0);
    OrderId::new(Uuid::new_v7(timestamp))
}

fn internal(error: impl Into<BoxError>) -> PlaceOrderError {
    PlaceOrderError::Internal(error.into())
}
