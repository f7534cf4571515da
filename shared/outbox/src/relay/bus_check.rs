//! Confirms that the bus exists.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Clock,
    ports::{CallError, EventBus},
    relay::{
        BusError,
        moment::Moment,
        retry::{Pauses, retry, within},
    },
};

/// How long a confirmation is trusted. It costs a request, and a bus is rarely deleted.
const TRUSTED_FOR: Duration = Duration::from_mins(1);

/// How long a confirmation is trusted while the bus can't be asked for. If only
/// `DescribeEventBus` is unavailable, a relay that stops harms more events than one that
/// trusts the last response. Not longer: if the bus was deleted just then, the events of this
/// time are lost.
const TRUSTED_WITHOUT_ANSWER: Duration = Duration::from_mins(10);

/// How long after a failed request the next one is sent, while the last confirmation is
/// trusted. Puts don't wait for it.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Remembers that the bus exists. `PutEvents` succeeds even if the bus doesn't exist, and
/// the events are lost, so its response counts only together with this check.
#[derive(Default)]
pub(super) struct BusCheck {
    known: Mutex<Known>,
    /// Held while the bus is asked for, so that the puts in flight cause one request.
    asking: tokio::sync::Mutex<()>,
}

/// What is known of the bus.
#[derive(Clone, Copy, Default)]
struct Known {
    /// When the request of the last confirmation was sent.
    confirmed: Option<Moment>,
    /// When the bus was last asked for without a response, since the last confirmation.
    unanswered: Option<Moment>,
}

impl BusCheck {
    /// Confirms that the bus exists, with a request if the last confirmation is too old.
    ///
    /// # Errors
    ///
    /// If it doesn't exist, or it can't be asked for: without a confirmation of the last ten
    /// minutes until the deadline, otherwise never.
    pub(super) async fn confirm<B: EventBus>(
        &self,
        bus: &B,
        clock: &dyn Clock,
        pauses: &Pauses,
        until: Instant,
    ) -> Result<(), BusError> {
        if self.known().is_trusted(clock) {
            return Ok(());
        }
        let _one_at_a_time = self.asking.lock().await;
        let known = *self.known();
        // Another put may have asked while this one waited.
        if known.is_trusted(clock) {
            return Ok(());
        }
        // The time before the request: the bus may be deleted while the response travels.
        let asked = Moment::now(clock);
        let answer = if known.is_trusted_without_answer(clock) {
            within(until, bus.exists()).await
        } else {
            retry(pauses, until, || bus.exists()).await
        };
        match answer {
            Ok(true) => {
                self.known().confirmed = Some(asked);
                self.known().unanswered = None;
                Ok(())
            }
            Ok(false) => {
                *self.known() = Known::default();
                Err(BusError::Missing)
            }
            Err(error) => self.without_answer(asked, clock, error),
        }
    }

    /// Trusts the last confirmation for a while, although the bus couldn't be asked for.
    fn without_answer(
        &self,
        asked: Moment,
        clock: &dyn Clock,
        error: CallError,
    ) -> Result<(), BusError> {
        let mut known = self.known();
        if !known.is_trusted_without_answer(clock) {
            return Err(BusError::Call(error));
        }
        known.unanswered = Some(asked);
        tracing::warn!(%error, "the bus existed within the last ten minutes, and can't be asked for now");
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns whether the bus counts as existing without a further request.
    fn is_trusted(&self, clock: &dyn Clock) -> bool {
        let younger =
            |moment: Option<Moment>, age| moment.is_some_and(|moment| moment.age(clock) < age);
        younger(self.confirmed, TRUSTED_FOR)
            || (self.is_trusted_without_answer(clock) && younger(self.unanswered, ASK_AGAIN_AFTER))
    }

    fn is_trusted_without_answer(&self, clock: &dyn Clock) -> bool {
        self.confirmed
            .is_some_and(|confirmed| confirmed.age(clock) < TRUSTED_WITHOUT_ANSWER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    #[tokio::test(start_paused = true)]
    async fn a_confirmation_is_trusted_for_its_time_and_not_longer() {
        let clock = SystemClock;
        let began = Instant::now();
        let confirmed = Known {
            confirmed: Some(Moment::now(&clock)),
            unanswered: None,
        };
        assert!(!Known::default().is_trusted(&clock));
        assert!(confirmed.is_trusted(&clock));
        tokio::time::advance(TRUSTED_FOR).await;
        assert!(!confirmed.is_trusted(&clock));

        let unanswered = Known {
            unanswered: Some(Moment::now(&clock)),
            ..confirmed
        };
        assert!(unanswered.is_trusted(&clock));
        tokio::time::advance(ASK_AGAIN_AFTER).await;
        assert!(!unanswered.is_trusted(&clock));

        assert!(confirmed.is_trusted_without_answer(&clock));
        let ends = began + TRUSTED_WITHOUT_ANSWER;
        tokio::time::advance(ends.duration_since(Instant::now())).await;
        assert!(!confirmed.is_trusted_without_answer(&clock));
        let unanswered = Known {
            unanswered: Some(Moment::now(&clock)),
            ..confirmed
        };
        assert!(!unanswered.is_trusted(&clock), "the bus may be deleted");
    }
}
