//! Splits a batch into parts, so that the next part is looked up while the first is
//! published.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use crate::{
    RowKey,
    ports::{LOOK_UP_KEYS, RowState},
    relay::{Arrival, Failure, Outcome, Settled},
};

/// Some aggregates with all of their rows in the batch. An aggregate is never split: its
/// rows are published in order, so they have to be known together.
#[derive(Default)]
pub(super) struct Part {
    pub(super) arrivals: Vec<Arrival>,
    /// Those that may have been published before.
    pub(super) uncertain: Vec<RowKey>,
}

/// A part, with the states of its rows in the table.
pub(super) struct LookedUp {
    pub(super) arrivals: Vec<Arrival>,
    /// The state of each uncertain row, or why the look-up failed.
    pub(super) states: HashMap<RowKey, Result<RowState, String>>,
}

/// Splits a batch. The first part needs no look-up, so it can be published at once. Each
/// other part has as many uncertain rows as one request looks up, or is one aggregate
/// that has more.
pub(super) fn parts(arrivals: Vec<Arrival>, is_uncertain: impl Fn(&Arrival) -> bool) -> Vec<Part> {
    let mut certain = Part::default();
    let mut looked_up = Vec::new();
    let mut last = Part::default();
    for aggregate in aggregates(arrivals, is_uncertain) {
        if aggregate.uncertain.is_empty() {
            certain.add(aggregate);
            continue;
        }
        let together = last.uncertain.len() + aggregate.uncertain.len();
        // A part beyond one request would wait for two of them.
        if together > LOOK_UP_KEYS {
            looked_up.push(mem::take(&mut last));
        }
        last.add(aggregate);
    }
    looked_up.push(last);
    let mut parts = vec![certain];
    parts.extend(looked_up);
    parts.retain(|part| !part.arrivals.is_empty());
    parts
}

/// Groups a batch by aggregate: one part each, in the order of arrival.
fn aggregates(arrivals: Vec<Arrival>, is_uncertain: impl Fn(&Arrival) -> bool) -> Vec<Part> {
    let mut aggregates: Vec<Part> = Vec::new();
    let mut index_of = HashMap::new();
    for arrival in arrivals {
        let index = match index_of.entry(arrival.key.aggregate_id.clone()) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(index) => {
                aggregates.push(Part::default());
                *index.insert(aggregates.len() - 1)
            }
        };
        let aggregate = &mut aggregates[index];
        if is_uncertain(&arrival) {
            aggregate.uncertain.push(arrival.key.clone());
        }
        aggregate.arrivals.push(arrival);
    }
    aggregates
}

impl Part {
    fn add(&mut self, other: Self) {
        self.arrivals.extend(other.arrivals);
        self.uncertain.extend(other.uncertain);
    }
}

impl LookedUp {
    /// Returns the rows to publish. The outcome gets the rows that need no publishing, and
    /// as failed those whose state is unknown: they may be published already.
    pub(super) fn unsettled(self, outcome: &mut Outcome) -> Vec<Arrival> {
        let Self {
            mut arrivals,
            states,
        } = self;
        arrivals.retain(|arrival| {
            let key = &arrival.key;
            match states.get(key) {
                None | Some(Ok(RowState::Pending)) => return true,
                Some(Ok(RowState::Edited(edits))) if arrival.shows_edit(*edits) => return true,
                // The stream shows the row before the edit. The sweeper, or the operator
                // who edited it, publishes the current one from the table.
                Some(Ok(RowState::Edited(_))) => outcome.settle(key.clone(), Settled::Edited),
                Some(Ok(RowState::Absent)) => outcome.settle(key.clone(), Settled::Absent),
                Some(Ok(RowState::Parked)) => outcome.settle(key.clone(), Settled::AlreadyParked),
                Some(Err(error)) => outcome.fail(key.clone(), Failure::LookUp(error.clone())),
            }
            false
        });
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::relay::Unreadable;

    fn arrival(aggregate: u32, position: u32) -> Arrival {
        Arrival {
            key: RowKey {
                aggregate_id: format!("order#{aggregate}"),
                position: format!("{position:020}"),
            },
            row: Err(Unreadable::NewerFormat(2)),
            written_at: Some(Timestamp::UNIX_EPOCH),
        }
    }

    fn sizes(parts: &[Part]) -> Vec<(usize, usize)> {
        let size = |part: &Part| (part.arrivals.len(), part.uncertain.len());
        parts.iter().map(size).collect()
    }

    #[test]
    fn rows_that_need_no_look_up_are_one_part_of_any_size() {
        let arrivals = (0..1_000).map(|index| arrival(index % 7, index)).collect();
        assert_eq!(sizes(&parts(arrivals, |_| false)), [(1_000, 0)]);
    }

    #[test]
    fn an_empty_batch_has_no_parts() {
        assert!(parts(Vec::new(), |_| true).is_empty());
    }

    #[test]
    fn a_part_has_as_many_rows_as_one_request_looks_up() {
        let arrivals = (0..250).map(|index| arrival(index % 50, index)).collect();
        let parts = parts(arrivals, |_| true);
        assert_eq!(sizes(&parts), [(100, 100), (100, 100), (50, 50)]);
    }

    #[test]
    fn an_aggregate_is_in_one_part_in_the_order_of_arrival() {
        let small = (0..90).map(|index| arrival(index, 0));
        let large = (0..150).map(|index| arrival(1_000, index));
        let more = (90..95).map(|index| arrival(index, 0));
        let parts = parts(small.chain(large).chain(more).collect(), |_| true);
        assert_eq!(sizes(&parts), [(90, 90), (150, 150), (5, 5)]);
        assert!(parts[1].uncertain.is_sorted());
    }

    #[test]
    fn a_certain_row_waits_for_an_uncertain_one_of_its_aggregate() {
        let arrivals = vec![arrival(1, 1), arrival(2, 1), arrival(1, 2)];
        let old = |arrival: &Arrival| arrival.key == arrivals[0].key;
        let parts = parts(arrivals.clone(), old);
        assert_eq!(sizes(&parts), [(1, 0), (2, 1)]);
    }
}
