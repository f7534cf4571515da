//! Up to where this process has published each aggregate, in sequence.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use crate::{
    RowKey,
    relay::{Outcome, RowOutcome, Settled},
};

/// How many aggregates a generation remembers.
const GENERATION: usize = 5_000;

/// The last event of each aggregate that this process has published, if it is known that all
/// earlier ones are published or discarded. That stays true for ever, so what is forgotten costs
/// a read, and nothing else.
#[derive(Default)]
pub(super) struct Accepted {
    /// Two generations, so that the aggregates of long ago are forgotten.
    recent: HashMap<String, RowKey>,
    older: HashMap<String, RowKey>,
}

impl Accepted {
    /// Returns the sequence of the last event; `None` if it isn't known.
    pub(super) fn last_sequence(&self, aggregate_id: &str) -> Option<u64> {
        let last = self.recent.get(aggregate_id);
        last.or_else(|| self.older.get(aggregate_id))?.sequence()
    }

    /// Returns whether the event may be one that this process has published.
    pub(super) fn may_contain(&self, key: &RowKey) -> bool {
        let last = self.last_sequence(&key.aggregate_id);
        last.is_some_and(|last| key.sequence().is_some_and(|sequence| sequence <= last))
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
            self.recent.remove(*aggregate);
            self.older.remove(*aggregate);
        }
        for key in published {
            if !unsettled.contains(key.aggregate_id.as_str()) {
                self.remember(key);
            }
        }
    }

    fn remember(&mut self, key: &RowKey) {
        let last = self.recent.get(&key.aggregate_id);
        if last.is_some_and(|last| last >= key) {
            return;
        }
        if self.recent.len() >= GENERATION {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(key.aggregate_id.clone(), key.clone());
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

    #[test]
    fn a_bounded_number_of_aggregates_is_remembered() {
        let mut accepted = Accepted::default();
        let aggregates = 2 * GENERATION + 1;
        for index in 0..aggregates {
            let keys = [key(&format!("a{index}"), 1)];
            accepted.take(&keys, &published(&keys));
        }
        assert_eq!(accepted.recent.len() + accepted.older.len(), GENERATION + 1);
        let last = format!("a{}", aggregates - 1);
        assert_eq!(accepted.last_sequence(&last), Some(1));
        assert_eq!(accepted.last_sequence("a0"), None);
    }
}
