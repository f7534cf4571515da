//! What an operator can do about a row of the outbox.

use std::future::Future;

use super::{CallError, Decision, Discard, Edit, StoredRow};
use crate::RowKey;

/// What an operator can do about a parked row.
///
/// Each method that changes a row returns whether it did. False means that the row is no longer
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

    /// Replaces the `detail` that the operator has seen, and makes the row pending again. The
    /// row as it was is kept for 30 days, with who edited it and when: both are written, or
    /// nothing.
    fn replace_detail(
        &self,
        key: &RowKey,
        edit: &Edit,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Discards a row: its event is never published. Its content is kept for 30 days, with
    /// who discarded it, when, and why.
    fn discard(
        &self,
        key: &RowKey,
        discard: &Discard,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Returns what operators decided about the rows of an aggregate in the past 30 days, in
    /// the order of the rows.
    fn decisions(
        &self,
        aggregate_id: &str,
    ) -> impl Future<Output = Result<Vec<Decision>, CallError>> + Send;
}
