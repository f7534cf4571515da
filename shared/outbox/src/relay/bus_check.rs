//! Confirms that the bus exists.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

use crate::{
    ports::EventBus,
    relay::{
        BusError,
        retry::{Pauses, retry},
    },
};

/// How long a confirmation is trusted. It costs a request, and a bus is rarely deleted.
const TRUSTED_FOR: Duration = Duration::from_mins(1);

/// Remembers that the bus exists. `PutEvents` succeeds even if the bus doesn't exist, and
/// the events are lost, so its response counts only together with this check.
#[derive(Default)]
pub(super) struct BusCheck {
    /// When the request of the last confirmation was sent.
    confirmed_at: Mutex<Option<Instant>>,
}

impl BusCheck {
    /// Confirms that the bus exists, with a request if the last confirmation is too old.
    ///
    /// # Errors
    ///
    /// If it doesn't exist, or the request fails until the deadline.
    pub(super) async fn confirm<B: EventBus>(
        &self,
        bus: &B,
        pauses: &Pauses,
        until: Instant,
    ) -> Result<(), BusError> {
        if self.is_fresh() {
            return Ok(());
        }
        // The time before the request: the bus may be deleted while the response travels.
        let asked_at = Instant::now();
        match retry(pauses, until, || bus.exists()).await {
            Ok(true) => {
                *self.lock() = Some(asked_at);
                Ok(())
            }
            Ok(false) => Err(BusError::Missing),
            Err(error) => Err(BusError::Call(error)),
        }
    }

    fn is_fresh(&self) -> bool {
        self.lock()
            .is_some_and(|confirmed_at| confirmed_at.elapsed() < TRUSTED_FOR)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.confirmed_at
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
