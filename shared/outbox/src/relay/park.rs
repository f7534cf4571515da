//! Parks rows that can never be published: a dead letter first, then the mark on the row.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    Parked,
    ports::{DeadLetter, DeadLetters, OutboxTable, RowState},
    relay::{
        Failure, Settled,
        budget::Budget,
        look_up::look_up,
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

/// Sends the dead letter, then parks the row. Returns what became of it: another process may have
/// published it meanwhile, or an operator edited it, and then it is not parked.
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
) -> Result<Settled, Failure> {
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
    // The judgement is about the row as it was read; an edited one is left pending.
    let edits = row.row.as_ref().map(|row| row.edits);
    let is_parked = retry(pauses, budget.settle_until, || {
        table.park(&row.key, edits, &mark)
    });
    if is_parked.await.map_err(Failure::Park)? {
        return Ok(Settled::Parked(row.poison.clone()));
    }
    found(table, pauses, row, budget).await
}

/// Returns what became of a row that was not parked. It holds those behind it only if it is.
async fn found<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    row: &PoisonedRow,
    budget: &Budget,
) -> Result<Settled, Failure> {
    let budget = Budget {
        put_until: budget.settle_until,
        ..*budget
    };
    let keys = std::slice::from_ref(&row.key);
    let state = look_up(table, pauses, keys, &budget).await.remove(&row.key);
    match state {
        // By an attempt whose response was lost, or by another process.
        Some(Ok(RowState::Parked)) => Ok(Settled::Parked(row.poison.clone())),
        Some(Ok(RowState::Absent)) => Ok(Settled::Absent),
        // The operator's command publishes what was edited or unparked, and so does the sweeper.
        Some(Ok(RowState::Edited(_) | RowState::Pending)) => Ok(Settled::Edited),
        Some(Err(error)) => Err(Failure::LookUp(error)),
        None => Err(Failure::OutOfTime),
    }
}
