//! Looks up in the table the rows that may have been published before, and reads the events
//! before those of the batch. A batch is split into parts, so that the next part is looked up
//! while the first is published.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
};

use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;

use crate::{
    Candidate, RowKey,
    ports::{CallError, LOOK_UP_KEYS, OutboxTable, RowState},
    relay::{
        Failure, Outcome, Settled,
        budget::Budget,
        predecessors::{FoundRow, Predecessors, ReadBefore, read_predecessors},
        retry::{Pauses, within},
    },
};

/// Look-ups in flight at once: parts of a batch, and requests of one part. A part is one
/// request, unless an aggregate has more rows than one request looks up.
const LOOK_UPS_AT_ONCE: usize = 10;

/// How many aggregates of a part are read for earlier events, at once.
const AGGREGATES_READ_AT_ONCE: usize = 10;

/// Some aggregates with all of their rows in the batch. An aggregate is never split: its
/// rows are published in order, so they have to be known together.
#[derive(Default)]
pub(super) struct Part {
    pub(super) candidates: Vec<Candidate>,
    /// Those that may have been published before.
    pub(super) uncertain: Vec<RowKey>,
    /// What to read of the aggregates: one range of each at most.
    pub(super) read_before: Vec<ReadBefore>,
}

/// A part, with what the table says of its rows.
pub(super) struct LookedUpPart {
    pub(super) candidates: Vec<Candidate>,
    /// The state of each uncertain row, or why the look-up failed.
    states: HashMap<RowKey, Result<RowState, CallError>>,
    /// The rows of an aggregate before this one, or why they could not be read.
    predecessors: Vec<(RowKey, Result<Predecessors, CallError>)>,
}

/// The rows of a part that are pending.
#[derive(Default)]
pub(super) struct PendingRows {
    /// Those of the batch.
    pub(super) candidates: Vec<Candidate>,
    /// Those that are published before them.
    pub(super) found: Vec<FoundRow>,
}

/// Splits a batch. The first part needs no read, so it can be published at once. Each other
/// part has as many rows as one request looks up, and as many aggregates as are read at once;
/// or it is one aggregate that has more.
pub(super) fn split(
    candidates: Vec<Candidate>,
    is_uncertain: impl Fn(&Candidate) -> bool,
    read_before: impl Fn(&[Candidate]) -> Option<ReadBefore>,
) -> Vec<Part> {
    let mut certain = Part::default();
    let mut read = Vec::new();
    let mut last = Part::default();
    for candidates in aggregates(candidates) {
        let uncertain = candidates.iter().filter(|row| is_uncertain(row));
        let aggregate = Part {
            uncertain: uncertain.map(|row| row.key.clone()).collect(),
            read_before: read_before(&candidates).into_iter().collect(),
            candidates,
        };
        if aggregate.is_certain() {
            certain.add(aggregate);
            continue;
        }
        if !last.has_room_for(&aggregate) {
            read.push(mem::take(&mut last));
        }
        last.add(aggregate);
    }
    read.push(last);
    let mut parts = vec![certain];
    parts.extend(read);
    parts.retain(|part| !part.candidates.is_empty());
    parts
}

/// Groups a batch by aggregate, in the order of arrival.
fn aggregates(candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut aggregates: Vec<Vec<Candidate>> = Vec::new();
    let mut index_of = HashMap::new();
    for candidate in candidates {
        let index = match index_of.entry(candidate.key.aggregate_id.clone()) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(index) => {
                aggregates.push(Vec::new());
                *index.insert(aggregates.len() - 1)
            }
        };
        aggregates[index].push(candidate);
    }
    aggregates
}

impl Part {
    /// Returns whether nothing has to be read.
    fn is_certain(&self) -> bool {
        self.uncertain.is_empty() && self.read_before.is_empty()
    }

    /// Returns whether the part with another one needs no further request for look-ups, and no
    /// more reads than are made at once: all of its rows would wait for them.
    fn has_room_for(&self, other: &Self) -> bool {
        self.uncertain.len() + other.uncertain.len() <= LOOK_UP_KEYS
            && self.read_before.len() + other.read_before.len() <= AGGREGATES_READ_AT_ONCE
    }

    fn add(&mut self, other: Self) {
        self.candidates.extend(other.candidates);
        self.uncertain.extend(other.uncertain);
        self.read_before.extend(other.read_before);
    }
}

impl LookedUpPart {
    /// Creates a part of rows that were read from the table just now, each the first of its
    /// aggregate.
    pub(super) fn pending_now(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            states: HashMap::new(),
            predecessors: Vec::new(),
        }
    }

    /// Returns the rows that are pending, and those to publish before them. The outcome gets the
    /// rows that are settled, and as failed those of which that is unknown: they may be published
    /// already, or overtake another. `published`: rows that this process has published, and that
    /// the table may still contain.
    pub(super) fn pending(
        self,
        published: &HashSet<RowKey>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> PendingRows {
        let Self {
            mut candidates,
            states,
            predecessors,
        } = self;
        let in_batch: HashSet<RowKey> = candidates.iter().map(|row| row.key.clone()).collect();
        let is_unknown = |key: &RowKey| !in_batch.contains(key) && !published.contains(key);
        candidates.retain(|candidate| is_pending(candidate, &states, outcome));
        let mut found = Vec::new();
        for (before, read) in predecessors {
            let is_of_aggregate = |row: &Candidate| row.key.aggregate_id == before.aggregate_id;
            match read {
                Ok(predecessors) => {
                    leave_unread(&mut candidates, &predecessors, outcome);
                    // Nothing is published before rows that are settled, or left.
                    if candidates.iter().any(is_of_aggregate) {
                        found.extend(predecessors.into_found(is_unknown, now, outcome));
                        // A row of the batch may be parked by another process.
                        candidates.retain(|candidate| outcome.of(&candidate.key).is_none());
                    }
                }
                Err(error) => candidates.retain(|candidate| {
                    let fails = is_of_aggregate(candidate);
                    if fails {
                        let failure = Failure::Predecessors(error.clone());
                        outcome.fail(candidate.key.clone(), failure);
                    }
                    !fails
                }),
            }
        }
        PendingRows { candidates, found }
    }
}

/// Returns whether a row is pending. If not, the outcome gets it.
fn is_pending(
    candidate: &Candidate,
    states: &HashMap<RowKey, Result<RowState, CallError>>,
    outcome: &mut Outcome,
) -> bool {
    let key = &candidate.key;
    match states.get(key) {
        // Rows that are certain, or were just read, have no state: they were not looked up.
        None | Some(Ok(RowState::Pending)) => return true,
        Some(Ok(RowState::Edited(edits))) if candidate.shows_edit(*edits) => return true,
        // The stream shows the row before the edit. The sweeper, or the operator who edited it,
        // publishes the current one from the table.
        Some(Ok(RowState::Edited(_))) => outcome.settle(key.clone(), Settled::Edited),
        Some(Ok(RowState::Absent)) => outcome.settle(key.clone(), Settled::Absent),
        Some(Ok(RowState::Parked)) => outcome.settle(key.clone(), Settled::AlreadyParked),
        Some(Err(error)) => outcome.fail(key.clone(), Failure::LookUp(error.clone())),
    }
    false
}

/// Leaves to the sweeper the rows before which not everything was read.
fn leave_unread(
    candidates: &mut Vec<Candidate>,
    predecessors: &Predecessors,
    outcome: &mut Outcome,
) {
    let Some(last_read) = predecessors.unread_behind() else {
        return;
    };
    candidates.retain(|candidate| {
        let key = &candidate.key;
        let is_behind = key.aggregate_id == last_read.aggregate_id && key > last_read;
        if is_behind {
            let failure = Failure::HeldBack(last_read.clone());
            outcome.settle(key.clone(), Settled::LeftToSweeper(failure));
        }
        !is_behind
    });
}

/// Looks up several parts at once, and yields each as soon as all is read, so that the next are
/// read while the first are published. The part that needs no read comes first.
pub(super) fn look_up_parts<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    parts: Vec<Part>,
    budget: &Budget,
) -> impl Stream<Item = LookedUpPart> {
    let looked_up = parts.into_iter().map(async |part| {
        let (states, predecessors) = tokio::join!(
            look_up(table, pauses, &part.uncertain, budget),
            read_all_predecessors(table, pauses, part.read_before, budget),
        );
        LookedUpPart {
            candidates: part.candidates,
            states,
            predecessors,
        }
    });
    stream::iter(looked_up).buffer_unordered(LOOK_UPS_AT_ONCE)
}

/// Reads what precedes each of these rows in its aggregate.
async fn read_all_predecessors<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    reads: Vec<ReadBefore>,
    budget: &Budget,
) -> Vec<(RowKey, Result<Predecessors, CallError>)> {
    let reads = reads.into_iter().map(async |read| {
        let predecessors = read_predecessors(table, pauses, &read, budget).await;
        (read.row, predecessors)
    });
    stream::iter(reads)
        .buffered(AGGREGATES_READ_AT_ONCE)
        .collect()
        .await
}

/// Returns the state of each row, or why it could not be looked up in time.
pub(crate) async fn look_up<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> HashMap<RowKey, Result<RowState, CallError>> {
    let chunks = keys.chunks(LOOK_UP_KEYS);
    // Collected, because a stream of the closure's results would not be `Send` for the compiler.
    let chunks: Vec<_> = chunks
        .map(|keys| look_up_chunk(table, pauses, keys, budget))
        .collect();
    let mut states = HashMap::with_capacity(keys.len());
    let mut looked_up = stream::iter(chunks).buffered(LOOK_UPS_AT_ONCE);
    while let Some(LookedUpKeys { known, unknown }) = looked_up.next().await {
        states.extend(known.into_iter().map(|(key, state)| (key, Ok(state))));
        if let Some(Unknown { keys, error }) = unknown {
            states.extend(keys.into_iter().map(|key| (key, Err(error.clone()))));
        }
    }
    states
}

/// What is known of the keys of one request in the end.
struct LookedUpKeys {
    known: HashMap<RowKey, RowState>,
    /// The other keys, if there are any.
    unknown: Option<Unknown>,
}

/// The keys of which nothing is known, and why.
struct Unknown {
    keys: Vec<RowKey>,
    error: CallError,
}

/// Looks up as many keys as one request takes. What is unprocessed or has failed for now is
/// retried, as long as there is time.
async fn look_up_chunk<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> LookedUpKeys {
    let mut known = HashMap::new();
    let mut keys = keys.to_vec();
    let mut failures = 0;
    let error = loop {
        let (error, may_retry) = match within(budget.put_until, table.look_up(&keys)).await {
            Ok(states) => {
                // DynamoDB may return a part of the keys only; only the others are retried.
                keys.retain(|key| !states.contains_key(key));
                known.extend(states);
                if keys.is_empty() {
                    let unknown = None;
                    return LookedUpKeys { known, unknown };
                }
                let unprocessed = "the table left keys unprocessed".to_owned();
                (CallError::Transient(unprocessed), true)
            }
            // A retry can't help with permissions or configuration.
            Err(error) => {
                let is_transient = error.is_transient();
                (error, is_transient)
            }
        };
        failures += 1;
        if !may_retry || !pauses.pause(failures, budget.put_until).await {
            break error;
        }
    };
    let unknown = Some(Unknown { keys, error });
    LookedUpKeys { known, unknown }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(sizes(&split(candidates, |_| false, |_| None)), [(1_000, 0)]);
    }

    #[test]
    fn an_empty_batch_has_no_split() {
        assert!(split(Vec::new(), |_| true, |_| None).is_empty());
    }

    #[test]
    fn a_part_has_as_many_rows_as_one_request_looks_up() {
        let candidates = (0..250).map(|index| candidate(index % 50, index)).collect();
        let parts = split(candidates, |_| true, |_| None);
        assert_eq!(sizes(&parts), [(100, 100), (100, 100), (50, 50)]);
    }

    #[test]
    fn an_aggregate_is_in_one_part_in_the_order_of_arrival() {
        let small = (0..90).map(|index| candidate(index, 0));
        let large = (0..150).map(|index| candidate(1_000, index));
        let more = (90..95).map(|index| candidate(index, 0));
        let parts = split(small.chain(large).chain(more).collect(), |_| true, |_| None);
        assert_eq!(sizes(&parts), [(90, 90), (150, 150), (5, 5)]);
        assert!(parts[1].uncertain.is_sorted());
    }

    #[test]
    fn a_part_has_as_many_aggregates_as_are_read_at_once() {
        let candidates = (0..25).map(|index| candidate(index, 2)).collect();
        let last = |aggregate: &[Candidate]| {
            let row = aggregate.last()?.key.clone();
            Some(ReadBefore { row, after: None })
        };
        let parts = split(candidates, |_| false, last);
        let reads: Vec<usize> = parts.iter().map(|part| part.read_before.len()).collect();
        assert_eq!(reads, [10, 10, 5]);
    }

    #[test]
    fn a_certain_row_waits_for_an_uncertain_one_of_its_aggregate() {
        let candidates = vec![candidate(1, 1), candidate(2, 1), candidate(1, 2)];
        let old = |candidate: &Candidate| candidate.key == candidates[0].key;
        let parts = split(candidates.clone(), old, |_| None);
        assert_eq!(sizes(&parts), [(1, 0), (2, 1)]);
    }
}
