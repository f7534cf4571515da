//! Dead letters, as the relay sends them.

use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{RowKey, ports::CallError};

/// A queue that notifies operators of rows that can't be published.
///
/// ```
/// use outbox::ports::{CallError, DeadLetter, DeadLetters};
///
/// /// Dead letters as lines of a log.
/// struct Log;
///
/// impl DeadLetters for Log {
///     async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
///         eprintln!("{}: {}", letter.key, letter.code);
///         Ok(())
///     }
/// }
/// ```
pub trait DeadLetters: Send + Sync {
    /// Sends the letter of a row that is about to be parked.
    fn send(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A reference to a row that can't be published, with the reason; see [`DeadLetters`] for an
/// example.
///
/// It never contains the event: more people can read queues than tables, and a replay trusts
/// only the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The outbox table.
    pub table: String,
    /// The row.
    #[serde(flatten)]
    pub key: RowKey,
    /// The event's id, from the row's key.
    pub event_id: Option<String>,
    /// The kind of fault, see [`Poison`](super::Poison).
    pub code: String,
    /// The fault, for the operator.
    pub message: String,
    /// The size of the event's `detail`; 0 if the row has none.
    pub bytes: usize,
    /// SHA-256 of the event's `detail`, in hex.
    pub sha256: String,
    /// When the relay gave the row up.
    pub at: Timestamp,
}
