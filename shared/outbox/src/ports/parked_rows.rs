//! What an operator can do about a row of the outbox.

use std::future::Future;

use jiff::Timestamp;

use super::{CallError, StoredRow};
use crate::RowKey;

/// The most characters of the reason for discarding a row. The limit of items leaves room for
/// it.
const MOST_REASON_CHARS: usize = 500;

/// What an operator can do about a parked row.
///
/// Each method returns whether it changed the row. False means that the row is no longer
/// parked, or has changed since the operator saw it; it is left as it is then.
///
/// ```no_run
/// use outbox::{
///     RowKey,
///     aws::DynamoDbTable,
///     ports::{CallError, ParkedRows},
/// };
///
/// # async fn unpark(table: DynamoDbTable, key: RowKey) -> Result<(), CallError> {
/// if table.unpark(&key).await? {
///     println!("{key} is pending: publish it, or leave it to the sweeper");
/// } else {
///     println!("{key} was not parked any more");
/// }
/// # Ok(())
/// # }
/// ```
pub trait ParkedRows {
    /// Reads a row, consistently; `None` if it is gone.
    fn read(
        &self,
        key: &RowKey,
    ) -> impl Future<Output = Result<Option<StoredRow>, CallError>> + Send;

    /// Makes a row pending again.
    fn unpark(&self, key: &RowKey) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Replaces the `detail` that the operator has seen, and makes the row pending again.
    fn replace_detail(
        &self,
        key: &RowKey,
        seen: &str,
        detail: &str,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Discards a row: its event is never published. Its content is kept for 30 days, with
    /// who discarded it, when, and why.
    fn discard(
        &self,
        key: &RowKey,
        discard: &Discard,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// Who discards a row, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    /// The principal who discards it.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    /// 1 to 500 characters, for operators who look at the record later.
    pub(crate) reason: String,
}

impl Discard {
    /// Creates the record of who discards a row. `None` unless the reason has 1 to 500
    /// characters.
    ///
    /// ```
    /// use jiff::Timestamp;
    /// use outbox::ports::Discard;
    ///
    /// assert!(Discard::new("alice", Timestamp::now(), "sent by mail, ticket 1234").is_some());
    /// assert!(Discard::new("alice", Timestamp::now(), " ").is_none());
    /// ```
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
