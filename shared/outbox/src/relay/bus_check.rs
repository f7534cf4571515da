use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

use crate::{
    ports::EventBus,
    relay::retry::{Pauses, retry},
};

/// How long a yes is trusted.
const TRUSTED_FOR: Duration = Duration::from_mins(1);

/// Knows whether the bus exists. `PutEvents` accepts events for a bus that does
/// not, so an acceptance proves nothing without this.
#[derive(Default)]
pub(super) struct BusCheck {
    confirmed_at: Mutex<Option<Instant>>,
}

impl BusCheck {
    /// Makes sure the bus exists, asking if the last yes is too old.
    ///
    /// # Errors
    ///
    /// If it does not, or nobody says in time.
    pub(super) async fn confirm<B: EventBus>(
        &self,
        bus: &B,
        pauses: &Pauses,
        until: Instant,
    ) -> Result<(), String> {
        if self.is_fresh() {
            return Ok(());
        }
        let asked_at = Instant::now();
        match retry(pauses, until, || bus.exists()).await {
            Ok(true) => {
                *self.lock() = Some(asked_at);
                Ok(())
            }
            Ok(false) => Err("there is no such bus".to_owned()),
            Err(error) => Err(error.to_string()),
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
