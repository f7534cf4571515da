//! How long operators' commands retry.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    ports::{CallError, DeadLetters, EventBus, OutboxTable},
    relay::{Relay, retry::retry},
};

/// How long a call with its retries, or one call of the relay, may take. There is no deadline
/// of an invocation here.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// Retries a call for up to a minute while its errors are transient.
    ///
    /// # Errors
    ///
    /// The last error.
    pub async fn patiently<R, F>(&self, call: impl FnMut() -> F) -> Result<R, CallError>
    where
        F: Future<Output = Result<R, CallError>>,
    {
        retry(self.pauses(), Instant::now() + PATIENCE, call).await
    }
}
