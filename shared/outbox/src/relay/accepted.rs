//! What this process has published, as far as it matters to later events.

use std::collections::{HashMap, HashSet};

use crate::{
    RowKey,
    relay::{Outcome, RowOutcome, Settled, recent::Recent},
};

/// What this process has published, which stays true for ever: what is forgotten costs a read or a
/// duplicate, and nothing else.
#[derive(Default)]
pub(super) struct Accepted {
    /// The last event of each aggregate, if all earlier ones are published or discarded.
    last: Recent<String, RowKey>,
    /// Rows that were found in the table and settled before their records arrived.
    ahead: Recent<RowKey, Ahead>,
}

/// What became of a row before its record arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Published,
    /// An operator may have released it since, so its record is looked up, however young it is.
    Parked,
}

impl Accepted {
    /// Returns the sequence of the last event of an aggregate; `None` if it isn't known that all
    /// earlier ones are settled.
    pub(super) fn last_sequence(&self, aggregate_id: &str) -> Option<u64> {
        self.last.get(aggregate_id)?.sequence()
    }

    /// Returns whether a row was published before its record arrived.
    pub(super) fn was_published_ahead(&self, key: &RowKey) -> bool {
        self.ahead.get(key) == Some(&Ahead::Published)
    }

    /// Returns whether a row was parked before its record arrived.
    pub(super) fn was_parked_ahead(&self, key: &RowKey) -> bool {
        self.ahead.get(key) == Some(&Ahead::Parked)
    }

    /// Takes in what became of the rows that were not in the batch.
    pub(super) fn take_ahead(&mut self, in_batch: &HashSet<RowKey>, outcome: &Outcome) {
        for (key, row_outcome) in outcome.rows() {
            let settled = match row_outcome {
                RowOutcome::Settled(Settled::Published) => Ahead::Published,
                RowOutcome::Settled(Settled::Parked(_)) => Ahead::Parked,
                _ => continue,
            };
            if !in_batch.contains(key) {
                self.ahead.insert(key.clone(), settled);
            }
        }
    }

    /// Takes in what a call has published: these rows. An aggregate of which another row isn't
    /// published is forgotten: what was published may have overtaken it.
    pub(super) fn take(&mut self, published: &[RowKey], outcome: &Outcome) {
        let mut unsettled: HashSet<&str> = HashSet::new();
        for (key, row_outcome) in outcome.rows() {
            let is_settled = matches!(
                row_outcome,
                RowOutcome::Settled(Settled::Published | Settled::Absent)
            );
            if !is_settled {
                unsettled.insert(&key.aggregate_id);
            }
        }
        for aggregate in &unsettled {
            self.last.remove(*aggregate);
        }
        // The last one of each aggregate.
        let mut last_of: HashMap<&str, &RowKey> = HashMap::new();
        for key in published {
            let last = last_of.entry(&key.aggregate_id).or_insert(key);
            *last = key.max(*last);
        }
        for key in last_of.into_values() {
            let is_later = self
                .last
                .get(&key.aggregate_id)
                .is_none_or(|last| last < key);
            if is_later && !unsettled.contains(key.aggregate_id.as_str()) {
                self.last.insert(key.aggregate_id.clone(), key.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::relay::Failure;

    fn key(aggregate: &str, sequence: u64) -> RowKey {
        RowKey::new(aggregate, sequence, Uuid::nil())
    }

    /// Returns the outcome of a call that published these rows.
    fn published(keys: &[RowKey]) -> Outcome {
        let mut outcome = Outcome::default();
        for key in keys {
            outcome.settle(key.clone(), Settled::Published);
        }
        outcome
    }

    #[test]
    fn the_last_published_event_is_remembered() {
        let mut accepted = Accepted::default();
        assert_eq!(accepted.last_sequence("a"), None);
        let keys = [key("a", 2), key("a", 1), key("b", 7)];
        accepted.take(&keys, &published(&keys));
        assert_eq!(accepted.last_sequence("a"), Some(2));
        assert_eq!(accepted.last_sequence("b"), Some(7));
    }

    #[test]
    fn an_aggregate_with_an_unpublished_row_is_forgotten() {
        let keys = [key("a", 1), key("a", 3)];
        for unsettled in [
            RowOutcome::Failed(Failure::OutOfTime),
            RowOutcome::Settled(Settled::AlreadyParked),
            RowOutcome::Settled(Settled::Edited),
        ] {
            let mut accepted = Accepted::default();
            accepted.take(&keys[..1], &published(&keys[..1]));
            let mut outcome = published(&keys);
            match unsettled {
                RowOutcome::Failed(failure) => outcome.fail(key("a", 2), failure),
                RowOutcome::Settled(settled) => outcome.settle(key("a", 2), settled),
            }
            accepted.take(&keys, &outcome);
            assert_eq!(accepted.last_sequence("a"), None);
        }
    }

    #[test]
    fn rows_published_by_others_are_settled_too() {
        let mut accepted = Accepted::default();
        let keys = [key("a", 2)];
        let mut outcome = published(&keys);
        outcome.settle(key("a", 1), Settled::Absent);
        accepted.take(&keys, &outcome);
        assert_eq!(accepted.last_sequence("a"), Some(2));
    }
}
