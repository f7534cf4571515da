use std::collections::HashMap;

use tokio::time::Instant;

use crate::{
    RowKey,
    ports::{DeadLetters, EventBus, OutboxTable},
    relay::{Arrival, Fate, Outcome, Relay, log_outcome::report},
};

/// Rows that are published together. They come from all over the table, so
/// that one at fault is told from a bus that is.
const ROWS_AT_ONCE: usize = 500;

/// Rows that were found in the table, to be published many at a time. What
/// follows an event that failed waits, however much later it is found.
#[derive(Default)]
pub(crate) struct Backlog {
    /// An aggregate's rows in sequence.
    due: Vec<Arrival>,
    /// Aggregates with an event that failed, and which.
    held_back: HashMap<String, RowKey>,
}

impl Backlog {
    /// Adds rows; an aggregate's must be added in sequence.
    pub(crate) fn add(&mut self, rows: impl IntoIterator<Item = Arrival>) {
        self.due.extend(rows);
    }

    /// Whether it is time to publish.
    pub(crate) fn is_full(&self) -> bool {
        self.due.len() >= ROWS_AT_ONCE
    }

    /// Publishes what was added so far. Rows that wait for another have no fate.
    pub(crate) async fn publish<B: EventBus, T: OutboxTable, D: DeadLetters>(
        &mut self,
        relay: &Relay<B, T, D>,
        deadline: Instant,
    ) -> Outcome {
        let mut due = std::mem::take(&mut self.due);
        due.retain(|arrival| self.held_back_by(&arrival.key).is_none());
        if due.is_empty() {
            return Outcome::default();
        }
        let outcome = relay.publish(due, deadline).await;
        report(&outcome);
        for (key, fate) in outcome.fates() {
            if matches!(fate, Fate::Failed(_)) {
                self.held_back.insert(key.aggregate_id.clone(), key.clone());
            }
        }
        outcome
    }

    /// The event that failed and that a row waits for.
    pub(crate) fn held_back_by(&self, key: &RowKey) -> Option<&RowKey> {
        self.held_back.get(&key.aggregate_id)
    }
}
