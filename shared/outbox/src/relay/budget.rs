//! How an invocation spends the time until its deadline.

use std::time::Duration;

use tokio::time::Instant;

/// How the time until the deadline is shared. The relay always returns in time: if an
/// invocation times out, Lambda retries all of its records, also those that are
/// published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// From then on no request to the bus begins, and the relay stops waiting for look-ups.
    pub(crate) put_until: Instant,
    /// The relay stops waiting for the bus.
    pub(crate) await_puts_until: Instant,
    /// The relay stops waiting for deletes, dead letters and parks.
    pub(crate) settle_until: Instant,
    /// The result is returned.
    pub(crate) answer_by: Instant,
}

impl Budget {
    pub(crate) fn until(deadline: Instant) -> Self {
        // Shares of the time, not fixed times: the timeouts of functions differ. Each step
        // ends while there is time for the next: an event that the bus accepted late is
        // still deleted, or it would be published twice, and poison found late is still
        // parked. The last 5 % are for the response itself.
        let now = Instant::now();
        let total = deadline.saturating_duration_since(now);
        let part = |percent| now + total * percent / 100;
        Self {
            put_until: part(65),
            await_puts_until: part(75),
            settle_until: part(90),
            answer_by: part(95),
        }
    }

    /// Returns whether a request to the bus may begin then.
    pub(crate) fn may_put(&self, at: Instant) -> bool {
        at < self.put_until
    }
}

/// The time that an invocation without a deadline gets.
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// Returns the deadline. One in the past is treated as unknown: `cargo lambda watch` sends
/// such deadlines.
pub(crate) fn known_deadline(deadline: Instant) -> Instant {
    let now = Instant::now();
    if deadline > now {
        deadline
    } else {
        now + DEFAULT_TIME
    }
}

/// The timeout of one call to a service. Puts have longer ones: to repeat one may publish an
/// event twice.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the deadline of a call that begins now and has to end by `latest`.
pub(crate) fn call_deadline(latest: Instant) -> Instant {
    latest.min(Instant::now() + CALL_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_until_the_deadline_is_shared() {
        let now = Instant::now();
        let budget = Budget::until(now + Duration::from_secs(200));
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(budget.put_until, after(130));
        assert_eq!(budget.await_puts_until, after(150));
        assert_eq!(budget.settle_until, after(180));
        assert_eq!(budget.answer_by, after(190));
        // A deadline in the past leaves no time, and is no error.
        tokio::time::advance(Duration::from_mins(5)).await;
        assert_eq!(Budget::until(now).put_until, Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_not_ahead_is_unknown() {
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        assert_eq!(known_deadline(later), later);
        assert_eq!(known_deadline(now), now + DEFAULT_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_its_timeout_unless_less_time_is_left() {
        let now = Instant::now();
        let soon = now + Duration::from_secs(1);
        assert_eq!(call_deadline(soon), soon);
        assert_eq!(
            call_deadline(now + Duration::from_mins(1)),
            now + CALL_TIMEOUT
        );
    }
}
