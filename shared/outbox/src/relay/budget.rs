use std::time::Duration;

use tokio::time::Instant;

/// How the time until the deadline is spent. An answer must always come: an
/// invocation that runs out of time fails all of its records, those included
/// that are published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// No request to the bus is begun after this.
    pub(crate) put_until: Instant,
    /// No request to the bus is waited for after this.
    pub(crate) await_puts_until: Instant,
    /// No delete, dead letter or park is waited for after this.
    pub(crate) settle_until: Instant,
    /// The answer is given by then.
    pub(crate) answer_by: Instant,
}

impl Budget {
    pub(crate) fn until(deadline: Instant) -> Self {
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
}

/// Time taken for granted when an invocation does not tell its deadline.
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// The deadline; one already past is taken for unknown, as `cargo lambda watch`
/// tells it.
pub(crate) fn known_deadline(deadline: Instant) -> Instant {
    let now = Instant::now();
    if deadline > now {
        deadline
    } else {
        now + DEFAULT_TIME
    }
}

/// Longest time one call to a service may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The end of a call begun now that has to end by `latest`.
pub(crate) fn call_deadline(latest: Instant) -> Instant {
    latest.min(Instant::now() + CALL_TIMEOUT)
}
