//! What has happened, in order.

use std::collections::HashSet;

use jiff::Timestamp;
use outbox::RowKey;
use tokio::time::Instant;

use crate::operation::Operation;

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The bus has accepted the event of a row.
    Accepted(RowKey),
    /// The row was deleted.
    Deleted(RowKey),
    /// The relay has sent the dead letter of a row.
    LetterSent(RowKey),
    /// The row was parked.
    Parked(RowKey),
    /// The message with this id was deleted from the dead-letter queue.
    MessageDeleted(String),
    /// AWS would have rejected a request as invalid: the caller has a bug.
    InvalidRequest(String),
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeCall {
    /// The operation.
    pub operation: Operation,
    /// When it began, by tokio's time.
    pub began: Instant,
    /// When it began, by the clock of the services.
    pub at: Timestamp,
    /// The rows that the request names.
    pub rows: Vec<RowKey>,
}

/// What has happened, and which calls were made.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) happened: Vec<Happened>,
    pub(crate) calls: Vec<MadeCall>,
}

impl Journal {
    /// Returns how the promises of an outbox were broken, if they were.
    pub(crate) fn broken_promise(&self) -> Option<String> {
        let (mut accepted, mut letters) = (HashSet::new(), HashSet::new());
        for happened in &self.happened {
            match happened {
                Happened::Accepted(key) => {
                    accepted.insert(key);
                }
                Happened::LetterSent(key) => {
                    letters.insert(key);
                }
                Happened::Deleted(key) if !accepted.contains(key) => {
                    return Some(format!("{key} was deleted, but the bus never accepted it"));
                }
                Happened::Parked(key) if !letters.contains(key) => {
                    return Some(format!("{key} was parked without a dead letter"));
                }
                Happened::InvalidRequest(reason) => return Some(reason.clone()),
                _ => {}
            }
        }
        None
    }
}
