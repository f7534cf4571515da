//! The bus, as the relay sees it.

use std::{future::Future, sync::Arc};

use crate::{OutboxRow, ports::CallError};

/// The bus that events are published on.
///
/// ```
/// use std::sync::Arc;
///
/// use outbox::{
///     OutboxRow, limits,
///     ports::{BusLimits, CallError, EventBus, PutResult},
/// };
///
/// /// A bus that prints its events.
/// struct Printer;
///
/// impl EventBus for Printer {
///     fn limits(&self) -> BusLimits {
///         BusLimits {
///             entries: 10,
///             bytes: limits::MAX_REQUEST_BYTES,
///             several_of_aggregate: true,
///         }
///     }
///
///     fn entry_bytes(&self, row: &OutboxRow) -> usize {
///         limits::entry_bytes(row)
///     }
///
///     async fn exists(&self) -> Result<bool, CallError> {
///         Ok(true)
///     }
///
///     async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
///         for row in rows {
///             println!("{}", row.detail);
///         }
///         Ok(vec![PutResult::Accepted; rows.len()])
///     }
/// }
/// ```
pub trait EventBus: Send + Sync {
    /// Returns the limits of one request.
    fn limits(&self) -> BusLimits;

    /// Returns the size of a row's event in bytes, as the bus counts it.
    fn entry_bytes(&self, row: &OutboxRow) -> usize;

    /// Returns whether the bus exists. A bus that doesn't may accept events nevertheless,
    /// and they are lost.
    fn exists(&self) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Puts events on the bus, in the given order. Returns a result for each row, at the
    /// row's index; a row without a result counts as not accepted.
    fn put(
        &self,
        rows: &[Arc<OutboxRow>],
    ) -> impl Future<Output = Result<Vec<PutResult>, CallError>> + Send;
}

/// The limits of one request to a bus; see [`EventBus`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusLimits {
    /// The most entries.
    pub entries: usize,
    /// The most bytes, of one entry and of all entries together.
    pub bytes: usize,
    /// Whether a request may have several events of an aggregate. The bus may accept a later one
    /// and reject an earlier one then. A bus that keeps order should say false: an aggregate's
    /// events are put one after the other, which takes longer and needs no more requests if
    /// there are many aggregates.
    pub several_of_aggregate: bool,
}

/// The result of one event in a request; see [`EventBus`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutResult {
    /// The bus accepted it.
    Accepted,
    /// The bus rejected it.
    Rejected(EntryError),
    /// The response doesn't say what became of it: the bus may have accepted it.
    Unanswered,
}

/// Why the bus rejected an event. The relay parks it, fails it, or retries it.
///
/// ```
/// use outbox::ports::{EntryError, PutResult};
///
/// let throttled = EntryError::Transient("ThrottlingException".into());
/// assert_ne!(PutResult::Rejected(throttled), PutResult::Accepted);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// The content of the event is at fault; it would never be accepted.
    Content(Poison),
    /// Permissions or configuration are at fault; once they are fixed, the event is accepted.
    Configuration(String),
    /// A retry may succeed. Unknown errors are among these.
    Transient(String),
}

/// Why a row can never be published: its content is at fault, so a retry can't help.
///
/// ```
/// use outbox::ports::Poison;
///
/// let poison = Poison {
///     code: "MalformedDetail".into(),
///     message: "detail is no JSON object".into(),
/// };
/// assert_eq!(poison.to_string(), "MalformedDetail: detail is no JSON object");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Poison {
    /// The kind of fault, for alarms and filters: `Undecodable`, `TooLarge`, or the bus's own
    /// error code.
    pub code: String,
    /// The fault, for the operator. Never contains a part of the event.
    pub message: String,
}

impl Poison {
    /// Creates the poison with this code.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}
