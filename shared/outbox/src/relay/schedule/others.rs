//! When the schedule needs other events: without them it can't be decided whether the failing
//! ones or the bus are at fault.

use std::time::Duration;

use tokio::time::Instant;

use super::{Schedule, queue::Queued};
use crate::{
    RowKey,
    relay::{
        Failure,
        decision::depends_on_others,
        retry::{RETRIED_FOR, Retries},
    },
};

/// How long the bus may have accepted nothing before other events are looked for. Half of
/// [`attempt::REJECTED_FOR`](super::attempt::REJECTED_FOR), so that they are accepted before the
/// attempt that decides.
const LOOK_FOR_OTHERS_AFTER: Duration = Duration::from_secs(5);

impl Schedule {
    /// Returns whether no row is retried any more: others were accepted, and must not wait for
    /// those that failed; or all have failed for long.
    pub(in crate::relay) fn is_over(&self, now: Instant) -> bool {
        if self.retries != Retries::WhileNothingIsAccepted || !self.has_only_failed_rows() {
            return false;
        }
        let mut fronts = self.queues.iter().filter_map(|queue| queue.rows.front());
        let failed_for_long = |row: &Queued| {
            let since = row.first_sent.unwrap_or(now);
            now.duration_since(since) >= RETRIED_FOR
        };
        !self.accepted.is_empty() || fronts.all(failed_for_long)
    }

    /// Returns whether every row that is left has failed or is behind one that has.
    fn has_only_failed_rows(&self) -> bool {
        let mut fronts = self.queues.iter().filter_map(|queue| queue.rows.front());
        fronts.all(|front| front.last_error.is_some())
    }

    /// Returns from when on other events are to be looked for: what becomes of the failed ones
    /// depends on whether the bus accepts others, and no other is left to show it. `failed`:
    /// failures of rows that the schedule doesn't know. No request may be in flight.
    pub(in crate::relay) fn others_wanted_at<'f>(
        &self,
        now: Instant,
        mut failed: impl Iterator<Item = &'f Failure>,
    ) -> Option<Instant> {
        let may_leave = self.retries == Retries::UntilLeftToSweeper;
        if !may_leave || self.halted.is_some() || !self.has_only_failed_rows() {
            return None;
        }
        let is_undecided = self.accepted.is_empty()
            && (!self.suspects.is_empty()
                || self
                    .failed
                    .iter()
                    .any(|(_, failure)| depends_on_others(failure))
                || failed.any(depends_on_others));
        let retried = self.queues.iter().filter_map(|queue| queue.rows.front());
        let first_sent = retried.filter_map(|row| row.first_sent).min();
        if first_sent.is_none() && !is_undecided {
            return None;
        }
        let times = [first_sent, self.accepted_at, self.others_looked_for_at];
        let last = times.into_iter().flatten().max();
        Some(last.map_or(now, |last| last + LOOK_FOR_OTHERS_AFTER))
    }

    /// Takes in that other events are looked for.
    pub(in crate::relay) fn looks_for_others(&mut self, now: Instant) {
        self.others_looked_for_at = Some(now);
    }

    /// Sends the rows of an aggregate only once from now on.
    pub(in crate::relay) fn send_once(&mut self, aggregate_id: &str) {
        if let Some(index) = self.queue_of.get(aggregate_id) {
            self.queues[*index].is_sent_once = true;
        }
    }

    /// Returns the aggregates of which a row waits or has failed.
    pub(in crate::relay) fn unsettled_aggregates(&self) -> impl Iterator<Item = &str> {
        let waiting = self.queues.iter().flat_map(|queue| &queue.rows);
        let waiting = waiting.map(|queued| &queued.row.key);
        let suspects = self.suspects.iter().map(|(row, _)| &row.key);
        let failed = self.failed.iter().map(|(key, _)| key);
        let unsettled = waiting.chain(suspects).chain(failed);
        unsettled.map(|key| key.aggregate_id.as_str())
    }

    /// Returns the rows that the bus accepted.
    pub(in crate::relay) fn accepted(&self) -> impl Iterator<Item = &RowKey> {
        self.accepted.iter().map(|accepted| &accepted.key)
    }
}
