use std::{future::Future, sync::Arc};

use crate::{OutboxRow, ports::CallError};

/// Where events are published.
pub trait EventBus: Send + Sync {
    /// What one request may hold.
    fn limits(&self) -> BusLimits;

    /// Whether the bus exists: a bus that does not may accept events all the
    /// same, and they are gone.
    fn exists(&self) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Puts events on the bus, attempted in the given order. The answer has a
    /// result for each row at the row's index; a row without a result is not
    /// accepted.
    fn put(
        &self,
        rows: &[Arc<OutboxRow>],
    ) -> impl Future<Output = Result<Vec<PutResult>, CallError>> + Send;
}

/// What one request to a bus may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusLimits {
    /// Entries of one request.
    pub entries: usize,
    /// Bytes of one entry and of all entries of one request.
    pub bytes: usize,
}

/// What the bus answered for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutResult {
    /// The bus has it.
    Accepted,
    /// The bus does not have it.
    Refused(EntryError),
}

/// Why the bus does not have an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// The event itself is at fault; as it stands it will never be accepted.
    Content(Poison),
    /// The set-up is at fault; the event is fine once that is mended.
    SetUp(String),
    /// It may work in a moment, or nobody knows.
    Transient(String),
}

/// A fault of a row itself: trying again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Poison {
    /// What kind of fault, for alarms and filters: `Undecodable`, `TooLarge`,
    /// or the bus's own error code.
    pub code: String,
    /// The fault, for a person. Never holds a part of the event.
    pub message: String,
}

impl Poison {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}
