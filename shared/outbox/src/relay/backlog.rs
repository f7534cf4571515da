//! Collects rows read from the table and publishes many of them at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use crate::{
    Candidate, OutboxRow, RowKey,
    ports::{DeadLetters, EventBus, OutboxTable, Poison},
    relay::{
        Failure, Outcome, Relay, RowOutcome,
        log_outcome::report,
        predecessors::EarlierEvents,
        publication::holds,
        retry::{RETRIED_FOR, Retries},
    },
};

/// How many rows are published together. So many rows of different aggregates show whether
/// one bad event is at fault or the bus: beside a bad event, others are accepted. Not more,
/// because they are looked up together, and while a row waits for its turn after that, the
/// stream may publish it, too.
const ROWS_AT_ONCE: usize = 500;

/// The most failed rows that are kept for another attempt. More of them have a common cause,
/// and the next sweep finds them.
const MOST_RETRIED: usize = ROWS_AT_ONCE;

/// Rows that were read from the table, to be published many at a time. Rows behind a failed
/// one of their aggregate are held back, however much later they are read.
#[derive(Default)]
pub(crate) struct Backlog {
    /// Rows to publish, those of an aggregate in sequence.
    due: VecDeque<Candidate>,
    /// Rows that the bus rejected for now while it accepted others: the first of each aggregate.
    retried: Vec<Candidate>,
    /// Aggregates with an unpublished event that holds back later ones: its key, and what became
    /// of it.
    held_back: HashMap<String, (RowKey, RowOutcome)>,
    /// The oldest row that the bus rejected for its content, and accepted nothing else.
    suspect: Option<(Arc<OutboxRow>, Poison)>,
}

impl Backlog {
    /// Adds rows; an aggregate's must be added in sequence.
    pub(crate) fn add(&mut self, rows: impl IntoIterator<Item = Candidate>) {
        self.due.extend(rows);
    }

    /// Returns whether enough rows were added to publish them.
    pub(crate) fn is_full(&self) -> bool {
        self.due.len() >= ROWS_AT_ONCE
    }

    /// Returns whether all rows that were added are published.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// Publishes the next rows, up to 500. The outcome doesn't contain rows that are held back by
    /// an earlier call, unless they are done.
    /// If it is halted, all others are dropped.
    ///
    /// A row that the bus rejects for now is not retried here once the bus accepts others: a
    /// few such rows would hold up the whole backlog. [`retry`](Self::retry) does it in the end.
    pub(crate) async fn publish_next<B: EventBus, T: OutboxTable, D: DeadLetters>(
        &mut self,
        relay: &Relay<B, T, D>,
        deadline: Instant,
    ) -> Outcome {
        let number = self.due.len().min(ROWS_AT_ONCE);
        let mut due: Vec<Candidate> = self.due.drain(..number).collect();
        // The relay holds back rows behind a failure of the same call; this does it across calls.
        let held = self.take_held(&mut due);
        if due.is_empty() {
            return held;
        }
        let retries = Retries::WhileNothingIsAccepted;
        let earlier = EarlierEvents::Known;
        // Boxed, because it is a large future, and part of larger ones.
        let published = Box::pin(relay.publish_with(due.clone(), deadline, retries, earlier));
        let mut outcome = published.await;
        outcome.add(held);
        report(&outcome);
        if outcome.halted.is_some() {
            self.due.clear();
        }
        for (key, row_outcome) in outcome.rows() {
            if holds(key, row_outcome, relay.order()) {
                self.hold_behind(key, row_outcome.clone());
            }
        }
        self.keep_suspect(&due, &outcome);
        self.keep_failed(due, &outcome);
        outcome
    }

    /// Takes out the rows that are held back. Returns those that are held behind a parked one.
    fn take_held(&self, due: &mut Vec<Candidate>) -> Outcome {
        let mut held = Outcome::default();
        due.retain(|candidate| match self.outcome_behind(&candidate.key) {
            None => true,
            Some(RowOutcome::Settled(settled)) => {
                held.settle(candidate.key.clone(), settled);
                false
            }
            Some(RowOutcome::Failed(_)) => false,
        });
        held
    }

    /// Forgets what holds back an aggregate, to publish it again.
    #[cfg(feature = "replay")]
    pub(crate) fn release(&mut self, aggregate_id: &str) {
        self.held_back.remove(aggregate_id);
    }

    /// Publishes no row of an aggregate behind this one, which isn't published.
    pub(crate) fn hold_behind(&mut self, key: &RowKey, row_outcome: RowOutcome) {
        let first = self.held_back.get(&key.aggregate_id);
        if first.is_none_or(|(first, _)| key < first) {
            let held_back = (key.clone(), row_outcome);
            self.held_back.insert(key.aggregate_id.clone(), held_back);
        }
    }

    fn keep_suspect(&mut self, published: &[Candidate], outcome: &Outcome) {
        for candidate in published {
            let (Ok(row), Some(RowOutcome::Failed(Failure::Suspected(poison)))) =
                (&candidate.row, outcome.of(&candidate.key))
            else {
                continue;
            };
            let is_older =
                |(oldest, _): &(Arc<OutboxRow>, _)| row.committed_at < oldest.committed_at;
            if self.suspect.as_ref().is_none_or(is_older) {
                self.suspect = Some((Arc::clone(row), poison.clone()));
            }
        }
    }

    /// Takes the oldest row that the bus rejected for its content, and accepted nothing else.
    pub(crate) fn take_suspect(&mut self) -> Option<(Arc<OutboxRow>, Poison)> {
        self.suspect.take()
    }

    /// Keeps the rows of which another attempt may succeed. Not those without a response: the
    /// bus may have accepted them.
    fn keep_failed(&mut self, published: Vec<Candidate>, outcome: &Outcome) {
        let room = MOST_RETRIED - self.retried.len();
        let failed = published.into_iter().filter(|candidate| {
            // Only the first of an aggregate: in one request with it, the bus may accept the
            // rows behind it and reject it again.
            let first = self.held_back.get(&candidate.key.aggregate_id);
            let is_first = first.is_some_and(|(first, _)| *first == candidate.key);
            let row_outcome = outcome.of(&candidate.key);
            is_first
                && matches!(
                    row_outcome,
                    Some(RowOutcome::Failed(Failure::NotAccepted(_)))
                )
        });
        let failed: Vec<Candidate> = failed.take(room).collect();
        self.retried.extend(failed);
    }

    /// Publishes once more, for up to half a minute, the rows that the bus rejected for now.
    /// Returns their number as well.
    pub(crate) async fn retry<B: EventBus, T: OutboxTable, D: DeadLetters>(
        &mut self,
        relay: &Relay<B, T, D>,
        deadline: Instant,
    ) -> (usize, Outcome) {
        let rows = std::mem::take(&mut self.retried);
        let number = rows.len();
        if rows.is_empty() {
            return (0, Outcome::default());
        }
        let deadline = deadline.min(Instant::now() + RETRIED_FOR);
        let (retries, earlier) = (Retries::UntilDeadline, EarlierEvents::Known);
        let outcome = relay.publish_with(rows, deadline, retries, earlier).await;
        report(&outcome);
        (number, outcome)
    }

    /// Returns what becomes of a row that is held back; `None` if it isn't.
    pub(crate) fn outcome_behind(&self, key: &RowKey) -> Option<RowOutcome> {
        let (earlier, row_outcome) = self.held_back.get(&key.aggregate_id)?;
        let is_behind = earlier.precedes(key);
        is_behind.then(|| row_outcome.of_row_behind(earlier))
    }
}
