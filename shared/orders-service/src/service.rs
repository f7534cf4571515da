use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::error::BoxError;
use jiff::Timestamp;
use orders::{InvalidOrder, Order, OrderId, PlaceOrder};
use outbox::{Clock, CommitError, SystemClock, Transaction};
use uuid::Uuid;

use crate::{
    idempotency::{IdempotencyKey, fingerprint},
    store::{OrderStore, Origin, PastRequest},
};

/// How often a transaction is committed before the caller is told to come
/// again.
const ATTEMPTS: u32 = 3;

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
    ) -> Result<Order, PlaceOrderError> {
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
            Ok(()) => Ok(placed.order),
            Err(error) => match PastRequest::that_was_first(&error) {
                Some(first) if first.fingerprint == fingerprint => self.order_of(&first).await,
                Some(_) => Err(PlaceOrderError::KeyReused),
                None => Err(error.into()),
            },
        }
    }

    async fn order_of(&self, request: &PastRequest) -> Result<Order, PlaceOrderError> {
        let id = request.order_id;
        self.store
            .order(id)
            .await
            .map_err(PlaceOrderError::Internal)?
            .ok_or_else(|| internal(format!("order {id} of a past request is gone")))
    }
}

impl From<CommitError> for PlaceOrderError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) | CommitError::Throttled(_) => Self::Unavailable(error),
            CommitError::OutcomeUnknown(_) => Self::OutcomeUnknown(error),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Commits, again if that may help. Two requests with one key at the same
/// instant conflict; the one that comes again finds the other's order.
async fn commit(transaction: &Transaction) -> Result<(), CommitError> {
    let mut attempt = 1;
    loop {
        match transaction.commit().await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                tracing::info!(%error, attempt, "committing again");
            }
            Err(error) => return Err(error),
        }
        let pause = Duration::from_millis(50 * 2_u64.pow(attempt));
        tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
        attempt += 1;
    }
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
