//! Which earlier events of its aggregate are to be published before a row.
//!
//! An event goes to the bus only when the relay knows that every earlier one of its aggregate was
//! accepted or discarded. It knows that of an event that it has published itself, and of the first
//! one of an aggregate. Otherwise it reads the rows before the event, consistently. A row that
//! isn't there is settled for ever, because events are committed in sequence, and a row leaves the
//! table only once it is settled.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    Candidate, RowKey, Unreadable,
    ports::{CallError, OutboxTable, StoredRow},
    relay::{
        Failure, Outcome, Settled,
        budget::Budget,
        retry::{Pauses, retry},
        schedule::REJECTED_FOR,
    },
};

/// How many rows are read at once. Few, because a parked row is mostly the first, and it is read
/// again with each batch that has later events of its aggregate.
const ROWS_AT_ONCE: usize = 25;

/// How many pages are read before a row. Rows of an aggregate with more unpublished ones are left
/// to the sweeper, which reads it page by page.
const MOST_PAGES: usize = 4;

/// How long the rows before one may take to be read. Other aggregates wait with it.
const READ_FOR: Duration = Duration::from_secs(5);

/// The unpublished rows before one of a batch.
#[derive(Debug, Default)]
pub(super) struct Predecessors {
    /// In sequence. A parked one is the last.
    rows: Vec<StoredRow>,
    /// Behind this row there are more than were read.
    unread_behind: Option<RowKey>,
}

/// What the caller of the relay knows of the events before those that it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlierEvents {
    /// Nothing: the relay reads them.
    Unknown,
    /// The caller has read each aggregate from its beginning, and passes all that it found.
    Known,
}

/// A row that isn't in the batch, and that is published before one that is.
pub(super) struct FoundRow {
    pub(super) candidate: Candidate,
    /// It is the first of its aggregate, and has waited for so long that another call has probably
    /// failed to publish it.
    pub(super) failed_before: bool,
}

/// What to read of an aggregate: the rows before one of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadBefore {
    pub(super) row: RowKey,
    /// A row of the batch up to which all is known.
    pub(super) after: Option<RowKey>,
}

/// Returns what has to be read of an aggregate; `None` if all earlier events are known.
/// `last_accepted`: the last event that this process has published in sequence.
pub(super) fn read_before(
    aggregate: &[Candidate],
    last_accepted: Option<u64>,
) -> Option<ReadBefore> {
    if is_continuous(aggregate, last_accepted) {
        return None;
    }
    let mut batch: BTreeMap<u64, &RowKey> = BTreeMap::new();
    for candidate in aggregate {
        batch.extend(
            candidate
                .key
                .sequence()
                .map(|sequence| (sequence, &candidate.key)),
        );
    }
    let is_known = |sequence: u64| match sequence.checked_sub(1) {
        None | Some(0) => true,
        Some(earlier) => batch.contains_key(&earlier) || last_accepted == Some(earlier),
    };
    let unknown = batch.iter().filter(|(sequence, _)| !is_known(**sequence));
    let (first, _) = unknown.clone().next()?;
    let (_, last) = unknown.clone().next_back()?;
    let known = batch.range(..first).next_back();
    Some(ReadBefore {
        row: (*last).clone(),
        after: known.map(|(_, key)| (*key).clone()),
    })
}

/// Returns whether the rows are in sequence, without gaps, from what is known on. Nearly all
/// batches are like that.
fn is_continuous(aggregate: &[Candidate], last_accepted: Option<u64>) -> bool {
    let mut sequences = aggregate.iter().map(|row| row.key.sequence());
    let Some(Some(first)) = sequences.next() else {
        return false;
    };
    let is_known =
        first == 1 || last_accepted.is_some_and(|last| last.checked_add(1) == Some(first));
    let mut last = first;
    is_known
        && sequences.all(|sequence| {
            let follows = sequence.is_some() && sequence == last.checked_add(1);
            last = last.saturating_add(1);
            follows
        })
}

/// Reads the rows before one, up to the first that is parked: it holds all that follow.
pub(super) async fn read_predecessors<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    read: &ReadBefore,
    budget: &Budget,
) -> Result<Predecessors, CallError> {
    let until = budget.put_until.min(Instant::now() + READ_FOR);
    let mut predecessors = Predecessors::default();
    let mut after = read.after.clone();
    for _ in 0..MOST_PAGES {
        let call = || table.read_before(&read.row, after.as_ref(), ROWS_AT_ONCE);
        let page = retry(pauses, until, call).await?;
        for row in page.rows {
            // A row whose sequence can't be read has no place in the order.
            if row.candidate.key.sequence().is_none() {
                continue;
            }
            let is_parked = row.parked.is_some();
            predecessors.rows.push(row);
            if is_parked {
                return Ok(predecessors);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    predecessors.unread_behind = after;
    Ok(predecessors)
}

impl Predecessors {
    /// Returns the row behind which there are more than were read, if so.
    pub(super) fn unread_behind(&self) -> Option<&RowKey> {
        self.unread_behind.as_ref()
    }

    /// Returns the rows to publish first, of those that `is_unknown` chooses. The outcome gets
    /// those that can't be published: they hold the rows behind them. A parked one does whether
    /// or not it is known, because nothing behind it was read.
    pub(super) fn into_found(
        self,
        is_unknown: impl Fn(&RowKey) -> bool,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Vec<FoundRow> {
        let mut found = Vec::new();
        for StoredRow { candidate, parked } in self.rows {
            let key = candidate.key.clone();
            if parked.is_some() {
                outcome.settle(key, Settled::AlreadyParked);
            } else if !is_unknown(&key) {
                // It is published, or the batch has it.
            } else if let Err(newer @ Unreadable::NewerFormat(_)) = &candidate.row {
                // The relay that reads its record leaves it, too.
                let failure = Failure::Unreadable(newer.clone());
                outcome.settle(key, Settled::LeftToSweeper(failure));
            } else {
                // Those behind the first one were held back by it.
                let failed_before = found.is_empty() && is_old(&candidate, now);
                found.push(FoundRow {
                    candidate,
                    failed_before,
                });
            }
        }
        found
    }
}

/// Returns whether a row has waited for as long as it takes until a failing one is left.
fn is_old(candidate: &Candidate, now: Timestamp) -> bool {
    let waited = |committed_at| Duration::try_from(now.duration_since(committed_at));
    let committed_at = candidate.committed_at();
    committed_at.is_none_or(|at| waited(at).is_ok_and(|waited| waited >= REJECTED_FOR))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn candidate(sequence: u64) -> Candidate {
        Candidate {
            key: RowKey::new("a", sequence, Uuid::nil()),
            row: Err(Unreadable::NewerFormat(2)),
            written_at: None,
        }
    }

    #[test]
    fn the_table_is_read_before_the_last_row_with_an_unknown_predecessor() {
        for (in_batch, last_accepted, read) in [
            (&[1][..], None, None),
            (&[1, 2, 3], None, None),
            (&[2], None, Some((None, 2))),
            (&[2], Some(1), None),
            (&[2, 3], Some(1), None),
            (&[2, 3], None, Some((None, 2))),
            // The row in between may be left, or arrive later.
            (&[1, 3], None, Some((Some(1), 3))),
            (&[2, 3, 5, 6, 8], Some(1), Some((Some(3), 8))),
            // An aggregate that was deleted and created again: sequences say nothing.
            (&[2], Some(7), Some((None, 2))),
            (&[0, 1], None, None),
            (&[u64::MAX], None, Some((None, u64::MAX))),
        ] {
            let batch: Vec<Candidate> = in_batch.iter().copied().map(candidate).collect();
            let expected = read.map(|(after, row): (Option<u64>, u64)| ReadBefore {
                row: candidate(row).key,
                after: after.map(|after| candidate(after).key),
            });
            assert_eq!(read_before(&batch, last_accepted), expected, "{in_batch:?}");
        }
    }

    #[test]
    fn a_row_without_a_readable_sequence_has_no_predecessor() {
        let mut row = candidate(1);
        row.key.position = "first".to_owned();
        assert_eq!(read_before(&[row], None), None);
    }
}
