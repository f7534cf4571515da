//! Looks up in the table the rows that may have been published before. A batch is split into
//! parts, so that the next part is looked up while the first is published.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use futures::{Stream, StreamExt, stream};

use crate::{
    Candidate, RowKey,
    ports::{CallError, LOOK_UP_KEYS, OutboxTable, RowState},
    relay::{
        Failure, Outcome, Settled,
        budget::Budget,
        retry::{Pauses, within},
    },
};

/// Look-ups in flight at once: parts of a batch, and requests of one part. A part is one
/// request, unless an aggregate has more rows than one request looks up.
const LOOK_UPS_AT_ONCE: usize = 10;

/// Some aggregates with all of their rows in the batch. An aggregate is never split: its
/// rows are published in order, so they have to be known together.
#[derive(Default)]
pub(super) struct Part {
    pub(super) candidates: Vec<Candidate>,
    /// Those that may have been published before.
    pub(super) uncertain: Vec<RowKey>,
}

/// A part, with the states of its rows in the table.
pub(super) struct LookedUpPart {
    pub(super) candidates: Vec<Candidate>,
    /// The state of each uncertain row, or why the look-up failed.
    pub(super) states: HashMap<RowKey, Result<RowState, CallError>>,
}

/// Splits a batch. The first part needs no look-up, so it can be published at once. Each
/// other part has as many uncertain rows as one request looks up, or is one aggregate
/// that has more.
pub(super) fn split(
    candidates: Vec<Candidate>,
    is_uncertain: impl Fn(&Candidate) -> bool,
) -> Vec<Part> {
    let mut certain = Part::default();
    let mut looked_up = Vec::new();
    let mut last = Part::default();
    for aggregate in aggregates(candidates, is_uncertain) {
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
    parts.retain(|part| !part.candidates.is_empty());
    parts
}

/// Groups a batch by aggregate: one part each, in the order of arrival.
fn aggregates(candidates: Vec<Candidate>, is_uncertain: impl Fn(&Candidate) -> bool) -> Vec<Part> {
    let mut aggregates: Vec<Part> = Vec::new();
    let mut index_of = HashMap::new();
    for candidate in candidates {
        let index = match index_of.entry(candidate.key.aggregate_id.clone()) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(index) => {
                aggregates.push(Part::default());
                *index.insert(aggregates.len() - 1)
            }
        };
        let aggregate = &mut aggregates[index];
        if is_uncertain(&candidate) {
            aggregate.uncertain.push(candidate.key.clone());
        }
        aggregate.candidates.push(candidate);
    }
    aggregates
}

impl Part {
    fn add(&mut self, other: Self) {
        self.candidates.extend(other.candidates);
        self.uncertain.extend(other.uncertain);
    }
}

impl LookedUpPart {
    /// Creates a part of rows that were read from the table just now.
    pub(super) fn pending_now(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            states: HashMap::new(),
        }
    }

    /// Returns the rows that are pending. The outcome gets the rows that are settled, and as
    /// failed those whose state is unknown: they may be published already.
    pub(super) fn pending(self, outcome: &mut Outcome) -> Vec<Candidate> {
        let Self {
            mut candidates,
            states,
        } = self;
        candidates.retain(|candidate| {
            let key = &candidate.key;
            match states.get(key) {
                // Rows that are certain, or were just read, have no state: they were not looked up.
                None | Some(Ok(RowState::Pending)) => return true,
                Some(Ok(RowState::Edited(edits))) if candidate.shows_edit(*edits) => return true,
                // The stream shows the row before the edit. The sweeper, or the operator
                // who edited it, publishes the current one from the table.
                Some(Ok(RowState::Edited(_))) => outcome.settle(key.clone(), Settled::Edited),
                Some(Ok(RowState::Absent)) => outcome.settle(key.clone(), Settled::Absent),
                Some(Ok(RowState::Parked)) => outcome.settle(key.clone(), Settled::AlreadyParked),
                Some(Err(error)) => outcome.fail(key.clone(), Failure::LookUp(error.clone())),
            }
            false
        });
        candidates
    }
}

/// Looks up several parts at once, and yields each as soon as its states are known, so that
/// the next are looked up while the first are published. The part that needs no look-up comes
/// first.
pub(super) fn look_up_parts<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    parts: Vec<Part>,
    budget: &Budget,
) -> impl Stream<Item = LookedUpPart> {
    let looked_up = parts.into_iter().map(async |part| LookedUpPart {
        states: look_up(table, pauses, &part.uncertain, budget).await,
        candidates: part.candidates,
    });
    stream::iter(looked_up).buffer_unordered(LOOK_UPS_AT_ONCE)
}

/// Returns the state of each row, or why it could not be looked up in time.
pub(crate) async fn look_up<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> HashMap<RowKey, Result<RowState, CallError>> {
    let chunks = keys.chunks(LOOK_UP_KEYS).map(async |keys| {
        let (known, error) = look_up_chunk(table, pauses, keys, budget).await;
        let state = |key| known.get(key).copied().ok_or_else(|| error.clone());
        keys.iter()
            .map(|key| (key.clone(), state(key)))
            .collect::<Vec<_>>()
    });
    let mut states = HashMap::with_capacity(keys.len());
    let mut answers = stream::iter(chunks).buffered(LOOK_UPS_AT_ONCE);
    while let Some(answer) = answers.next().await {
        states.extend(answer);
    }
    states
}

/// Looks up as many keys as one request takes. Returns the states that are known in the
/// end, and why the others are not.
async fn look_up_chunk<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> (HashMap<RowKey, RowState>, CallError) {
    let mut known = HashMap::new();
    let mut failures = 0;
    loop {
        // DynamoDB may answer for a part of the keys only; only the others are retried.
        let is_unknown = |key: &&RowKey| !known.contains_key(*key);
        let unknown: Vec<RowKey> = keys.iter().filter(is_unknown).cloned().collect();
        let unprocessed = || CallError::Transient("the table left keys unprocessed".to_owned());
        if unknown.is_empty() {
            return (known, unprocessed());
        }
        let error = match within(budget.put_until, table.look_up(&unknown)).await {
            Ok(answer) => {
                known.extend(answer);
                unprocessed()
            }
            Err(error @ CallError::Transient(_)) => error,
            // Permissions or configuration: a retry can't help.
            Err(error) => return (known, error),
        };
        failures += 1;
        if known.len() < keys.len() && !pauses.pause(failures, budget.put_until).await {
            return (known, error);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Unreadable;

    fn candidate(aggregate: u32, position: u32) -> Candidate {
        Candidate {
            key: RowKey {
                aggregate_id: format!("order#{aggregate}"),
                position: format!("{position:020}"),
            },
            row: Err(Unreadable::NewerFormat(2)),
            written_at: Some(Timestamp::UNIX_EPOCH),
        }
    }

    fn sizes(parts: &[Part]) -> Vec<(usize, usize)> {
        let size = |part: &Part| (part.candidates.len(), part.uncertain.len());
        parts.iter().map(size).collect()
    }

    #[test]
    fn rows_that_need_no_look_up_are_one_part_of_any_size() {
        let candidates = (0..1_000)
            .map(|index| candidate(index % 7, index))
            .collect();
        assert_eq!(sizes(&split(candidates, |_| false)), [(1_000, 0)]);
    }

    #[test]
    fn an_empty_batch_has_no_split() {
        assert!(split(Vec::new(), |_| true).is_empty());
    }

    #[test]
    fn a_part_has_as_many_rows_as_one_request_looks_up() {
        let candidates = (0..250).map(|index| candidate(index % 50, index)).collect();
        let parts = split(candidates, |_| true);
        assert_eq!(sizes(&parts), [(100, 100), (100, 100), (50, 50)]);
    }

    #[test]
    fn an_aggregate_is_in_one_part_in_the_order_of_arrival() {
        let small = (0..90).map(|index| candidate(index, 0));
        let large = (0..150).map(|index| candidate(1_000, index));
        let more = (90..95).map(|index| candidate(index, 0));
        let parts = split(small.chain(large).chain(more).collect(), |_| true);
        assert_eq!(sizes(&parts), [(90, 90), (150, 150), (5, 5)]);
        assert!(parts[1].uncertain.is_sorted());
    }

    #[test]
    fn a_certain_row_waits_for_an_uncertain_one_of_its_aggregate() {
        let candidates = vec![candidate(1, 1), candidate(2, 1), candidate(1, 2)];
        let old = |candidate: &Candidate| candidate.key == candidates[0].key;
        let parts = split(candidates.clone(), old);
        assert_eq!(sizes(&parts), [(1, 0), (2, 1)]);
    }
}
