//! Retries of single calls, by a loop of our own rather than the SDK's. Three things need
//! that: no retry goes past the deadline of the invocation; tests and simulations choose
//! the random numbers and the time; and of a batch only the failed entries are retried.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{ports::CallError, relay::budget::call_deadline};

/// How long events that the bus rejects for now are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    /// Each event is put once.
    #[cfg(feature = "at-once")]
    Never,
    /// Until the deadline: nothing else is to be done.
    UntilDeadline,
    /// Only while the bus accepts nothing, and for half a minute at most. As soon as it accepts
    /// other events, those that fail must not keep them waiting.
    WhileNothingIsAccepted,
    /// Until they can be left to the sweeper: see `decision`. Until then they block their shard.
    UntilLeftToSweeper,
}

/// How long failing events of a backlog are retried. One may fail for ever, and each sweep would
/// take all the time that it has.
pub(crate) const RETRIED_FOR: Duration = Duration::from_secs(30);

/// The bound of the first pause before a retry; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The bound of the longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pauses with full jitter: each is random between 0 and its bound, so that calls that
/// failed together are not retried together.
pub(crate) struct Pauses {
    random: Mutex<fastrand::Rng>,
}

impl Pauses {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self {
            random: Mutex::new(random),
        }
    }

    pub(crate) fn random_below(&self, bound: u32) -> u32 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.u32(..bound)
    }

    /// Returns the pause after the given number of failures, from 1.
    pub(crate) fn after(&self, failures: u32) -> Duration {
        // 16 doublings exceed the longest pause and don't overflow.
        let doublings = failures.saturating_sub(1).min(16);
        let bound = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        bound.mul_f64(random.f64())
    }

    /// Waits after the given number of failures. Returns false, without waiting, if the
    /// pause would end after `until`.
    pub(crate) async fn pause(&self, failures: u32, until: Instant) -> bool {
        let next = Instant::now() + self.after(failures);
        if next >= until {
            return false;
        }
        sleep_until(next).await;
        true
    }
}

/// Retries a call until it succeeds, its error is permanent, or there is no time left.
///
/// # Errors
///
/// The last error.
pub(crate) async fn retry<T, F>(
    pauses: &Pauses,
    until: Instant,
    mut call: impl FnMut() -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut failures = 0;
    loop {
        let error = match within(until, call()).await {
            Err(error) if error.is_transient() => error,
            done => return done,
        };
        failures += 1;
        if !pauses.pause(failures, until).await {
            return Err(error);
        }
    }
}

/// Waits for a call until the timeout of calls, and not past `latest`.
///
/// # Errors
///
/// The call's own, or [`CallError::Unanswered`] after the timeout.
pub(crate) async fn within<T>(
    latest: Instant,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    timeout_at(call_deadline(latest), call)
        .await
        .unwrap_or_else(|_| Err(CallError::Unanswered("no response in time".to_owned())))
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, pending, ready};

    use super::*;

    fn pauses() -> Pauses {
        Pauses::new(fastrand::Rng::with_seed(1))
    }

    fn busy() -> Ready<Result<(), CallError>> {
        ready(Err(CallError::Transient("busy".to_owned())))
    }

    #[test]
    fn pauses_double_up_to_five_seconds() {
        let pauses = pauses();
        for (failures, bound) in [
            (0, 100),
            (1, 100),
            (2, 200),
            (3, 400),
            (6, 3_200),
            (7, 5_000),
            (u32::MAX, 5_000),
        ] {
            let bound = Duration::from_millis(bound);
            let longest = (0..1_000).map(|_| pauses.after(failures)).max().unwrap();
            assert!(longest <= bound, "{longest:?} after {failures} failures");
            assert!(longest > bound / 10 * 9, "{longest:?} after {failures}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_would_end_too_late_is_not_begun() {
        let began = Instant::now();
        let pause = pauses().after(1);
        assert!(!pauses().pause(1, began + pause).await);
        assert_eq!(began.elapsed(), Duration::ZERO);
        let later = Duration::from_millis(1);
        assert!(pauses().pause(1, began + pause + later).await);
        assert!(began.elapsed() >= pause);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_retried_less_and_less_often_until_the_deadline() {
        let mut calls = 0;
        let until = Instant::now() + Duration::from_mins(1);
        let call = || {
            calls += 1;
            busy()
        };
        let result = retry(&pauses(), until, call).await;
        assert_eq!(result, busy().await);
        assert!((20..50).contains(&calls), "{calls} calls");
        assert!(Instant::now() > until - LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_error_is_not_retried() {
        let denied = CallError::Configuration("denied".to_owned());
        let mut calls = 0;
        let until = Instant::now() + Duration::from_mins(1);
        let call = || {
            calls += 1;
            ready(Err::<(), _>(denied.clone()))
        };
        assert_eq!(retry(&pauses(), until, call).await, Err(denied.clone()));
        assert_eq!(calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_awaited_for_its_timeout_and_not_past_the_deadline() {
        for (seconds, awaited) in [(60, 5), (3, 3)] {
            let began = Instant::now();
            let until = began + Duration::from_secs(seconds);
            let call = pending::<Result<(), CallError>>();
            let error = within(until, call).await.unwrap_err();
            assert!(matches!(error, CallError::Unanswered(_)), "{error:?}");
            assert_eq!(began.elapsed(), Duration::from_secs(awaited));
        }
    }
}
