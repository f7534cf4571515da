//! What must hold of the order of an aggregate's events.

use std::sync::Arc;

use outbox::{OutboxRow, RowKey, ports::PutResult, relay::Order};

use crate::{
    oracle::{Actor, EventRecord},
    state::{State, is_before},
};

impl State {
    /// Checks that no event overtakes an earlier one of its aggregate.
    pub(crate) fn check_sequence(&mut self, rows: &[Arc<OutboxRow>], results: &[PutResult]) {
        if !self.order.is_kept() || self.bus_gone_since.is_some() {
            return;
        }
        let limits = self.services.bus.limits;
        let several = limits.several_of_aggregate && self.order != Order::Strict;
        let entries = rows.iter().zip(results);
        let accepted = entries.filter(|(_, result)| **result == PutResult::Accepted);
        for (row, _) in accepted {
            let key = &row.key;
            if self.events.get(key).is_none_or(EventRecord::is_settled) {
                // A duplicate.
                continue;
            }
            // In one request, the bus may reject an earlier entry and accept a later one.
            let is_with_it = |earlier: &RowKey| {
                rows.iter()
                    .take_while(|other| other.key != *key)
                    .any(|other| other.key == *earlier)
            };
            let overtaken = self.events.iter().find(|(earlier, event)| {
                let is_first = is_before(earlier, key) && !event.is_settled();
                is_first && !is_with_it(earlier)
            });
            if let Some(overtaken) = overtaken.map(|(overtaken, _)| overtaken.clone()) {
                self.note(format!("{key} overtakes {overtaken}"));
                self.violate("published an event before an earlier one", Some(key));
            } else if !several && rows.iter().any(|other| is_before(&other.key, key)) {
                self.violate("put several events of an aggregate at once", Some(key));
            }
        }
    }

    /// Checks that a command that has dealt with a parked row has also attempted what it held.
    pub(crate) fn check_held_are_published(&mut self, key: &RowKey, by: Actor) {
        if !self.is_over || !self.order.is_kept() {
            // Any call may have failed.
            return;
        }
        let begun = self.actors[by as usize].begun;
        let parked = self.keys_of_rows(true);
        let forgotten = self.keys_of_free_rows().into_iter().find(|held| {
            let event = self.events.get(held);
            let was_held = event.is_some_and(|event| {
                event.is_committed_before(begun) && !event.attempts.contains_key(&by)
            });
            // One that fails holds the rest.
            let is_held = |event: &(&RowKey, &EventRecord)| {
                is_before(event.0, held) && event.1.attempts.contains_key(&by)
            };
            is_before(key, held)
                && was_held
                && !parked.iter().any(|parked| is_before(parked, held))
                && !self
                    .events
                    .iter()
                    .any(|event| is_held(&event) && !event.1.is_settled())
        });
        if let Some(forgotten) = forgotten {
            self.violate("forgot an event that a parked one held", Some(&forgotten));
        }
    }

    pub(crate) fn check_order(&mut self, row: &OutboxRow, by: Actor) {
        let aggregate = row.key.aggregate_id.clone();
        let event = self.events.get(&row.key);
        let is_first = event.is_some_and(|event| event.accepted.is_empty());
        let latest = self.latest_on_bus.entry(aggregate).or_default();
        if is_first && *latest > row.sequence {
            self.counts.out_of_order += 1;
        }
        *latest = row.sequence.max(*latest);
        // An event that was parked, or rejected alone of a request, may be late, as
        // docs/guarantees.md says. A repetition is a duplicate, not disorder.
        // So may one that was found in the table beside the batch.
        let is_found = self.found_by_search.contains(&(by, row.key.clone()));
        let is_late = |event: &EventRecord| {
            is_found || event.released_at.is_some() || event.was_rejected_for_now
        };
        let event = self.events.get(&row.key);
        if event.is_some_and(|event| is_late(event) || !event.accepted.is_empty()) {
            return;
        }
        let aggregate = row.key.aggregate_id.clone();
        let last = self
            .published_by
            .insert((by, aggregate.clone()), row.sequence);
        if last.is_some_and(|last| last > row.sequence) {
            self.violate(
                "published out of order within an invocation",
                Some(&row.key),
            );
        }
        let last = self.last_on_bus.insert(aggregate, row.sequence);
        if self.is_fault_free
            && !self.has_bad_events
            && last.is_some_and(|last| last > row.sequence)
        {
            self.violate("published out of order without any fault", Some(&row.key));
        }
    }
}
