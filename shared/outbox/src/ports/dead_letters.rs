use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RowKey, ports::CallError};

/// Where operators learn of rows that cannot be published.
pub trait DeadLetters: Send + Sync {
    /// Tells of a row that is about to be parked.
    fn send(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A reference to a row that cannot be published, and why.
///
/// It never holds the event: queues are read by more people than tables, and
/// the table alone is trusted when the event is replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The outbox table.
    pub table: String,
    /// The row.
    #[serde(flatten)]
    pub key: RowKey,
    /// The event's id, as the row's key tells it.
    pub event_id: Option<String>,
    /// What kind of fault.
    pub code: String,
    /// The fault, for a person.
    pub message: String,
    /// The size of the event's `detail`; 0 if the row has none.
    pub bytes: usize,
    /// SHA-256 of the event's `detail`, in hex.
    pub sha256: String,
    /// When the relay gave up on it.
    pub at: Timestamp,
}
