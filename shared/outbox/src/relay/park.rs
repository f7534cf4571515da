//! Parks rows that can never be published: a dead letter first, then the mark on the row.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    Parked,
    ports::{DeadLetter, DeadLetters, OutboxTable},
    relay::{
        Failure,
        budget::Budget,
        poison::PoisonedRow,
        retry::{Pauses, retry},
    },
};

impl PoisonedRow {
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
    row: &PoisonedRow,
    now: Timestamp,
    budget: &Budget,
) -> Result<(), Failure> {
    // The letter first. After a crash in between, the row is still pending, and the retry
    // sends a second letter. The other way round the row would be parked without a letter,
    // and the operator would not learn of it.
    let letter = row.letter(table.name(), now);
    retry(pauses, budget.settle_until, || dead_letters.send(&letter))
        .await
        .map_err(Failure::DeadLetter)?;

    let mark = Parked {
        reason: row.poison.to_string(),
        at: now,
    };
    retry(pauses, budget.settle_until, || {
        // The judgement is about the row as it was read; an edited one is left pending.
        let edits = row.row.as_ref().map(|row| row.edits);
        table.park(&row.key, edits, &mark)
    })
    .await
    .map_err(Failure::Park)
}
