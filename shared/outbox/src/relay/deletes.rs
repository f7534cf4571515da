//! Deleting the rows of published events.

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
        retry::{Pauses, within},
    },
};

/// Deletes under way at once: enough for what the bus takes meanwhile.
const DELETES_AT_ONCE: usize = 16;

/// How long a published row waits for others to be deleted along with it. Until it is
/// deleted, it is published again if the process dies.
const LINGER: Duration = Duration::from_millis(10);

type Answer = (Vec<RowKey>, Result<Vec<RowKey>, CallError>);

/// Deletes every row that arrives, while others are still being published.
/// Answers those that could not be deleted in time.
pub(super) async fn delete_published<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    left_over: BTreeSet<RowKey>,
    mut published: UnboundedReceiver<RowKey>,
    budget: &Budget,
) -> BTreeSet<RowKey> {
    let mut deletes = Deletes::of(left_over);
    let mut under_way = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        while under_way.len() < DELETES_AT_ONCE
            && let Some(keys) = deletes.next(is_open, Instant::now())
        {
            under_way.push(delete(table, keys, budget));
        }
        let wake_at = deletes.wake_at(is_open);
        tokio::select! {
            // Not by chance, so that a simulated history can be repeated.
            biased;
            Some(answer) = under_way.next(), if !under_way.is_empty() => {
                deletes.take_answer(answer, pauses, budget.settle_until);
            }
            key = published.recv(), if is_open => match key {
                Some(key) => deletes.add(key),
                None => is_open = false,
            },
            () = wake(wake_at), if wake_at.is_some() && under_way.len() < DELETES_AT_ONCE => {}
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

/// Which rows are deleted together, and when. No I/O.
struct Deletes {
    waiting: Vec<RowKey>,
    /// When what waits is deleted, though it fills no request.
    full_or_at: Instant,
    /// How often in a row a request has failed.
    failures: u32,
    /// Nothing is deleted before this.
    not_before: Option<Instant>,
    /// Deleting fails, and will go on to.
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

    /// The next rows to delete, if some are to be deleted now. More may come as long
    /// as it is open.
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

    /// When what waits can be deleted; `None` if nothing waits for time to pass.
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

    fn take_answer(&mut self, (keys, answer): Answer, pauses: &Pauses, until: Instant) {
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
        // Those that fail together fail once, and pause together.
        let now = Instant::now();
        let not_before = match self.not_before {
            Some(time) if time > now => time,
            _ => {
                self.failures += 1;
                now + pauses.after(self.failures)
            }
        };
        self.not_before = Some(not_before);
        self.is_over |= !may_work_later || not_before >= until;
    }

    fn undeleted(self) -> BTreeSet<RowKey> {
        self.waiting.into_iter().collect()
    }
}
