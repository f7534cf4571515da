//! A row that may be published: as the stream or the table shows it, before anything else is
//! known of it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::row::{OutboxRow, RowKey};

/// A row that may be published, as it was read from the stream or from the table.
///
/// The stream handler and the sweeper create candidates themselves. A program that publishes
/// rows of its own choice passes them to [`Relay::publish`](crate::relay::Relay::publish):
///
/// ```
/// use std::sync::Arc;
///
/// use outbox::{Candidate, OutboxRow};
///
/// fn candidate(row: OutboxRow) -> Candidate {
///     Candidate {
///         key: row.key.clone(),
///         row: Ok(Arc::new(row)),
///         // Unknown, so the relay looks it up first.
///         written_at: None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which row.
    pub key: RowKey,
    /// The row, or why it can't be read.
    pub row: Result<Arc<OutboxRow>, Unreadable>,
    /// When the row was written, by DynamoDB's clock in whole seconds. `None` if unknown;
    /// the row is then looked up before it is published.
    pub written_at: Option<Timestamp>,
}

/// Why a row can't be read; see [`Candidate`] for where it occurs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The row has a newer format; a newer relay can read it.
    #[error("row format {0} is newer than this relay")]
    NewerFormat(u64),
    /// The row doesn't have the format that it claims to have.
    #[error("{0}")]
    Malformed(String),
}

impl Candidate {
    /// Returns when the event was committed. If the row can't be read, the time comes from
    /// the event id in its key.
    pub fn committed_at(&self) -> Option<Timestamp> {
        match &self.row {
            Ok(row) => Some(row.committed_at),
            Err(_) => self.key.event_time(),
        }
    }

    /// Returns whether this is the row after so many edits.
    pub(crate) fn shows_edit(&self, edits: u64) -> bool {
        match &self.row {
            Ok(row) => row.edits == edits,
            // Its count can't be read. If it was read from the table rather than from the
            // stream, it is the current row, and is parked again.
            Err(_) => self.written_at.is_none(),
        }
    }
}
