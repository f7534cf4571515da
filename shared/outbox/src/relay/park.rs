//! Parks rows that can never be published: a dead letter first, then the mark on the row.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    OutboxRow, Parked, RowKey,
    ports::{DeadLetter, DeadLetters, OutboxTable, Poison},
    relay::{
        Failure,
        budget::Budget,
        retry::{Pauses, retry},
    },
};

/// A row that can never be published as it stands.
pub(super) struct Poisoned {
    pub(super) key: RowKey,
    /// The row, if it can be read.
    pub(super) row: Option<Arc<OutboxRow>>,
    /// Why it can't be published.
    pub(super) poison: Poison,
}

impl Poisoned {
    pub(super) fn of(row: Arc<OutboxRow>, poison: Poison) -> Self {
        Self {
            key: row.key.clone(),
            row: Some(row),
            poison,
        }
    }

    fn letter(&self, table: &str, at: Timestamp) -> DeadLetter {
        let detail = self.row.as_ref().map_or("", |row| &row.detail);
        let digest = Sha256::digest(detail.as_bytes());
        DeadLetter {
            table: table.to_owned(),
            key: self.key.clone(),
            event_id: self.key.event_id().map(str::to_owned),
            code: self.poison.code.clone(),
            message: self.poison.message.clone(),
            bytes: detail.len(),
            sha256: HEXLOWER.encode(&digest),
            at,
        }
    }
}

/// Sends the dead letter, then parks the row.
///
/// # Errors
///
/// If either can't be done by the deadline of the budget. The row then stays pending.
pub(super) async fn park<T: OutboxTable, D: DeadLetters>(
    table: &T,
    dead_letters: &D,
    pauses: &Pauses,
    poisoned: &Poisoned,
    now: Timestamp,
    budget: &Budget,
) -> Result<(), Failure> {
    // The letter first. After a crash in between, the row is still pending, and the retry
    // sends a second letter. The other way round the row would be parked without a letter,
    // and the operator would not learn of it.
    let letter = poisoned.letter(table.name(), now);
    retry(pauses, budget.settle_until, || dead_letters.send(&letter))
        .await
        .map_err(|error| Failure::DeadLetter(error.to_string()))?;

    let mark = Parked {
        reason: poisoned.poison.to_string(),
        at: now,
    };
    retry(pauses, budget.settle_until, || {
        // The verdict is about the row as it was read; an edited one is left pending.
        let edits = poisoned.row.as_ref().map(|row| row.edits);
        table.park(&poisoned.key, edits, &mark)
    })
    .await
    .map_err(|error| Failure::Park(error.to_string()))
}
