//! What was known of the bus when a request was sent: whether a row that it rejects is at fault.

use std::time::Duration;

use tokio::time::Instant;

use super::queue::Queued;

/// How long the bus has to reject an event for now, and accept others, before the event counts
/// as rejected among others. The pauses between its attempts take at most 5 s, so it is
/// attempted several times meanwhile.
pub(in crate::relay) const REJECTED_FOR: Duration = Duration::from_secs(10);

/// When a request was sent, and what was known of the bus then.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    pub(super) sent: Instant,
    /// The bus accepted something within the last [`REJECTED_FOR`].
    pub(super) others_accepted: bool,
}

impl Attempt {
    /// Creates the attempt of a request that is sent now. `accepted_at`: when the last request
    /// was sent of which the bus has accepted an event.
    pub(super) fn at(now: Instant, accepted_at: Option<Instant>) -> Self {
        let is_lately = |at| now.duration_since(at) < REJECTED_FOR;
        Self {
            sent: now,
            others_accepted: accepted_at.is_some_and(is_lately),
        }
    }

    /// Returns whether a row that was rejected for now counts as rejected among others.
    pub(super) fn is_among_others(self, row: &Queued) -> bool {
        let since = row.first_sent.unwrap_or(self.sent);
        self.others_accepted && self.sent.duration_since(since) >= REJECTED_FOR
    }
}
