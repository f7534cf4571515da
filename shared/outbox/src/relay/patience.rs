use std::time::Duration;

use tokio::time::Instant;

use crate::{
    ports::{CallError, DeadLetters, EventBus, OutboxTable},
    relay::{Relay, retry::retry},
};

/// How long a call, or what is published together, may take with its
/// repetitions.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// Repeats a call for a minute while its errors are transient.
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
