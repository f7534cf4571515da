//! What an operator can do about a row of the outbox.

use std::future::Future;

use jiff::Timestamp;

use super::{CallError, StoredRow};
use crate::RowKey;

/// Characters of the reason why a row is discarded: items have room for it.
const MOST_REASON_CHARS: usize = 500;

/// What a person can do about a row that is set aside.
///
/// Each answers whether it was done: false if the row is no longer set aside,
/// or not as it was seen. Nothing is changed then.
pub trait ParkedRows {
    /// Reads a row, consistently; `None` if it is gone.
    fn read(
        &self,
        key: &RowKey,
    ) -> impl Future<Output = Result<Option<StoredRow>, CallError>> + Send;

    /// Makes a row pending again.
    fn unpark(&self, key: &RowKey) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Replaces the `detail` that was seen and makes the row pending again.
    fn replace_detail(
        &self,
        key: &RowKey,
        seen: &str,
        detail: &str,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Discards a row: its event will never be published. What it held is kept
    /// for 30 days, with who discarded it, when, and why.
    fn discard(
        &self,
        key: &RowKey,
        discard: &Discard,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// Who discards a row, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
}

impl Discard {
    /// By this principal, for this reason: 1 to 500 characters, else `None`.
    pub fn new(by: impl Into<String>, at: Timestamp, reason: &str) -> Option<Self> {
        let reason = reason.trim();
        let fits = (1..=MOST_REASON_CHARS).contains(&reason.chars().count());
        fits.then(|| Self {
            by: by.into(),
            at,
            reason: reason.to_owned(),
        })
    }
}
