//! Rows that a check writes, and how a table returns them.

use jiff::Timestamp;
use outbox::{Candidate, OutboxRow, Parked, RowKey, ports::StoredRow};

use super::Fixture;
use crate::rows::{row, row_with_detail};

/// Returns a mark with this reason.
pub(super) fn mark(reason: &str) -> Parked {
    Parked {
        reason: format!("{reason}: for this check"),
        at: Timestamp::constant(1_795_510_900, 0),
    }
}

/// Returns a row as a page contains it.
pub(super) fn stored(row: &OutboxRow, parked: Option<Parked>) -> StoredRow {
    let mut row = row.clone();
    row.parked.clone_from(&parked);
    StoredRow {
        candidate: Candidate {
            key: row.key.clone(),
            row: Ok(row.into()),
            written_at: None,
        },
        parked,
    }
}

/// Writes rows of an aggregate.
pub(super) async fn put_rows(
    fixture: &impl Fixture,
    aggregate: &str,
    sequences: &[u64],
) -> Vec<OutboxRow> {
    let rows = sequences.iter().map(|sequence| row(aggregate, *sequence));
    let rows: Vec<OutboxRow> = rows.collect();
    for row in &rows {
        fixture.put(row).await;
    }
    rows
}

/// Writes rows of more than one page: a page ends after 1 MB.
pub(super) async fn put_pages(fixture: &impl Fixture) -> Vec<RowKey> {
    let detail = format!("{{\"text\":\"{}\"}}", "x".repeat(40_000));
    let mut keys = Vec::new();
    for sequence in 1..=60 {
        let row = row_with_detail("a", sequence, &detail);
        fixture.put(&row).await;
        keys.push(row.key);
    }
    keys
}

pub(super) fn keys(rows: &[OutboxRow]) -> Vec<RowKey> {
    rows.iter().map(|row| row.key.clone()).collect()
}

pub(super) fn keys_of(rows: &[StoredRow]) -> Vec<RowKey> {
    rows.iter().map(|row| row.candidate.key.clone()).collect()
}
