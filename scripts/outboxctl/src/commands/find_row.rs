//! The lookup of a row by the name that an operator typed.

use outbox::{
    RowKey,
    ports::{OutboxTable, Page},
};

use crate::{
    error::Error,
    outbox_parts::OperatorRelay,
    row_name::{Place, RowName},
};

/// How the ids of the records of decisions begin; no aggregate's does.
const DECIDED: &str = "discarded#";

/// Returns the key of the row with this name.
///
/// # Errors
///
/// If there is no such row, or the table cannot be read.
pub(crate) async fn find_row(relay: &OperatorRelay, name: &RowName) -> Result<RowKey, Error> {
    // The record of an edit or a discard looks like a row, and must stay as it is.
    if name.aggregate_id.starts_with(DECIDED) {
        return Err(Error::NoSuchRow(name.to_string()));
    }
    let key = |position: String| RowKey {
        aggregate_id: name.aggregate_id.clone(),
        position,
    };
    let sequence = match &name.place {
        Place::Sequence(sequence) => sequence,
        Place::Position(position) => return Ok(key(position.clone())),
    };
    // A position is the sequence, '#' and the event's id. The id isn't known here, so
    // the query spans every id: '~' sorts after all characters of an id.
    let before = key(format!("{sequence:020}#"));
    let behind = key(format!("{sequence:020}#~"));
    let table = relay.table();
    let query = || table.query(&name.aggregate_id, Some(&before), Some(&behind));
    let Page { rows, .. } = relay.patiently(query).await.map_err(Error::aws)?;
    let first = rows.into_iter().map(|row| row.candidate.key).next();
    first.ok_or_else(|| Error::NoSuchRow(name.to_string()))
}
