//! Deletes the rows of published events, in batches.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use crate::{
    RowKey,
    ports::{CallError, DELETE_KEYS, OutboxTable},
    relay::{
        budget::Budget,
        delete_check::DeleteCheck,
        retry::{Pauses, within},
    },
};

/// Deletes in flight at once: enough to keep up with the bus.
const DELETES_AT_ONCE: usize = 16;

/// How long a published row waits for others, to be deleted in one request with them. Short,
/// because a row that is not deleted is published again if the process dies.
const LINGER: Duration = Duration::from_millis(10);

/// The keys of a request, and its result: the keys that were not deleted.
type Answer = (Vec<RowKey>, Result<Vec<RowKey>, CallError>);

/// Deletes every row that arrives, while others are still being published. Returns those
/// that could not be deleted in time.
pub(super) async fn delete_published<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    left_over: BTreeSet<RowKey>,
    mut published: UnboundedReceiver<RowKey>,
    check: &DeleteCheck,
    budget: &Budget,
) -> BTreeSet<RowKey> {
    let mut deletes = Deletes::of(left_over);
    let mut in_flight = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        while in_flight.len() < DELETES_AT_ONCE
            && let Some(keys) = deletes.next(is_open, Instant::now())
        {
            in_flight.push(delete(table, keys, budget));
        }
        let wake_at = deletes.wake_at(is_open);
        tokio::select! {
            // In a fixed order, so that a simulation is reproducible.
            biased;
            Some(answer) = in_flight.next(), if !in_flight.is_empty() => {
                deletes.take_answer(answer, check, pauses, budget.settle_until);
            }
            key = published.recv(), if is_open => match key {
                Some(key) => deletes.add(key),
                None => is_open = false,
            },
            () = wake(wake_at), if wake_at.is_some() && in_flight.len() < DELETES_AT_ONCE => {}
            else => return deletes.undeleted(),
        }
    }
}

async fn wake(time: Option<Instant>) {
    if let Some(time) = time {
        sleep_until(time).await;
    }
}

async fn delete<T: OutboxTable>(table: &T, keys: Vec<RowKey>, budget: &Budget) -> Answer {
    let answer = within(budget.settle_until, table.delete(&keys)).await;
    (keys, answer)
}

/// Decides which rows are deleted together, and when. No I/O.
struct Deletes {
    /// Rows to delete.
    waiting: Vec<RowKey>,
    /// When the waiting rows are deleted even if they don't fill a request.
    full_or_at: Instant,
    /// Consecutive failed requests.
    failures: u32,
    /// Nothing is deleted before this.
    not_before: Option<Instant>,
    /// No further request can succeed in time.
    is_over: bool,
}

impl Deletes {
    fn of(left_over: BTreeSet<RowKey>) -> Self {
        Self {
            waiting: left_over.into_iter().collect(),
            full_or_at: Instant::now(),
            failures: 0,
            not_before: None,
            is_over: false,
        }
    }

    fn add(&mut self, key: RowKey) {
        if self.waiting.is_empty() {
            self.full_or_at = Instant::now() + LINGER;
        }
        self.waiting.push(key);
    }

    /// Returns the rows of the next request, if it is to be sent now. While `is_open`, more
    /// rows may arrive.
    fn next(&mut self, is_open: bool, now: Instant) -> Option<Vec<RowKey>> {
        let is_due = self.is_full() || !is_open || self.full_or_at <= now;
        let may_delete = !self.is_over && self.not_before.is_none_or(|time| time <= now);
        if self.waiting.is_empty() || !is_due || !may_delete {
            return None;
        }
        let keys = self.waiting.len().min(DELETE_KEYS);
        self.full_or_at = now + LINGER;
        Some(self.waiting.drain(..keys).collect())
    }

    /// Returns when the waiting rows are to be deleted; `None` if there are none.
    fn wake_at(&self, is_open: bool) -> Option<Instant> {
        if self.is_over || self.waiting.is_empty() {
            return None;
        }
        let lingers = is_open && !self.is_full();
        let due = lingers.then_some(self.full_or_at);
        due.max(self.not_before)
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= DELETE_KEYS
    }

    fn take_answer(
        &mut self,
        (keys, answer): Answer,
        check: &DeleteCheck,
        pauses: &Pauses,
        until: Instant,
    ) {
        match &answer {
            Ok(_) => check.allow(),
            Err(error @ CallError::Configuration(_)) => check.deny(error.clone()),
            Err(_) => {}
        }
        let may_work_later = match answer {
            Ok(undeleted) if undeleted.is_empty() => {
                self.failures = 0;
                return;
            }
            Ok(undeleted) => {
                self.waiting.extend(undeleted);
                true
            }
            Err(error) => {
                tracing::warn!(%error, rows = keys.len(), "published rows were not deleted");
                self.waiting.extend(keys);
                matches!(error, CallError::Transient(_))
            }
        };
        // Requests that fail together count as one failure, and share one pause.
        let now = Instant::now();
        let not_before = match self.not_before {
            Some(time) if time > now => time,
            _ => {
                self.failures += 1;
                now + pauses.after(self.failures)
            }
        };
        self.not_before = Some(not_before);
        // Then the rows are left for the next call, which deletes them first.
        self.is_over |= !may_work_later || not_before >= until;
    }

    fn undeleted(self) -> BTreeSet<RowKey> {
        self.waiting.into_iter().collect()
    }
}
