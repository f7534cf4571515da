//! Collects rows read from the table and publishes many of them at a time.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::{
    Candidate, RowKey,
    ports::{DeadLetters, EventBus, OutboxTable},
    relay::{Outcome, Relay, RowOutcome, log_outcome::report},
};

/// How many rows are published together. So many rows of different aggregates show whether
/// one bad event is at fault or the bus: beside a bad event, others are accepted.
const ROWS_AT_ONCE: usize = 500;

/// Rows that were read from the table, to be published many at a time. Rows behind a failed
/// one of their aggregate are held back, however much later they are read.
#[derive(Default)]
pub(crate) struct Backlog {
    /// Rows to publish, those of an aggregate in sequence.
    due: Vec<Candidate>,
    /// Aggregates with a failed event, and that event.
    held_back: HashMap<String, RowKey>,
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

    /// Publishes the rows added so far. The outcome doesn't contain rows that are held back.
    pub(crate) async fn publish<B: EventBus, T: OutboxTable, D: DeadLetters>(
        &mut self,
        relay: &Relay<B, T, D>,
        deadline: Instant,
    ) -> Outcome {
        let mut due = std::mem::take(&mut self.due);
        // The relay holds back rows behind a failure of the same call; this does it across calls.
        due.retain(|candidate| self.held_back_by(&candidate.key).is_none());
        if due.is_empty() {
            return Outcome::default();
        }
        let outcome = relay.publish(due, deadline).await;
        report(&outcome);
        for (key, row_outcome) in outcome.rows() {
            if matches!(row_outcome, RowOutcome::Failed(_)) {
                self.held_back.insert(key.aggregate_id.clone(), key.clone());
            }
        }
        outcome
    }

    /// Returns the failed event that holds a row back, if there is one.
    pub(crate) fn held_back_by(&self, key: &RowKey) -> Option<&RowKey> {
        self.held_back.get(&key.aggregate_id)
    }
}
