//! The outbox table, as the relay sees it.

use std::{collections::HashMap, future::Future};

use crate::{Candidate, Parked, RowKey, ports::CallError};

/// The table that holds the pending events.
///
/// ```no_run
/// use outbox::{
///     RowKey,
///     aws::DynamoDbTable,
///     ports::{CallError, OutboxTable, RowState},
/// };
///
/// /// Returns whether an event was published, or discarded by an operator.
/// async fn is_settled(table: &DynamoDbTable, key: &RowKey) -> Result<bool, CallError> {
///     let states = table.look_up(std::slice::from_ref(key)).await?;
///     Ok(states.get(key) == Some(&RowState::Absent))
/// }
/// ```
pub trait OutboxTable: Send + Sync {
    /// Returns the table's name, for messages and dead letters.
    fn name(&self) -> &str;

    /// Returns the states of rows, read consistently. A key that is missing in the result is
    /// unknown.
    ///
    /// # Errors
    ///
    /// If the call fails, or there are more than [`LOOK_UP_KEYS`] keys.
    fn look_up(
        &self,
        keys: &[RowKey],
    ) -> impl Future<Output = Result<HashMap<RowKey, RowState>, CallError>> + Send;

    /// Deletes rows. Returns the keys that were not deleted.
    ///
    /// # Errors
    ///
    /// If the call fails, or there are more than [`DELETE_KEYS`] keys. None is deleted then.
    fn delete(
        &self,
        keys: &[RowKey],
    ) -> impl Future<Output = Result<Vec<RowKey>, CallError>> + Send;

    /// Parks a row. Returns whether it did: a row that is gone, parked already, or edited more
    /// often than `edits` is left as it is. Without `edits`, which a row that can't be read
    /// doesn't have, edits are not checked.
    fn park(
        &self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Returns the next page of a segment, read consistently, after this key: the end of the
    /// page before, or any key of the segment. There needn't be a row with it. An aggregate's
    /// rows are in one segment, one after the other and in sequence.
    fn scan(
        &self,
        segment: Segment,
        after: Option<&RowKey>,
    ) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// Returns the first rows of an aggregate with lower sequences than this row, `most` at most,
    /// read consistently and in sequence; after a row, if that is given. The key must have a
    /// readable sequence.
    fn read_before(
        &self,
        row: &RowKey,
        after: Option<&RowKey>,
        most: usize,
    ) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// Returns the next page of an aggregate, read consistently and in sequence, after the end
    /// of the page before; up to and including `through`, if that is given.
    fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> impl Future<Output = Result<Page, CallError>> + Send;
}

/// A part of the table that is read on its own.
///
/// ```
/// use outbox::ports::Segment;
///
/// let whole_table = Segment { index: 0, of: 1 };
/// # assert_eq!(whole_table.of, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which segment, from 0.
    pub index: u32,
    /// The number of segments.
    pub of: u32,
}

/// Some rows of the table: what [`OutboxTable::scan`] and [`OutboxTable::query`] return.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<StoredRow>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<RowKey>,
}

/// A row as it is in the table. `Relay::survey` passes every row to its caller; see there for an
/// example.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The row, as it can be passed to the relay.
    pub candidate: Candidate,
    /// Why and since when it is parked, if it is.
    pub parked: Option<Parked>,
}

/// The most keys of one look-up: the limit of `BatchGetItem`.
pub const LOOK_UP_KEYS: usize = 100;

/// The most keys of one delete: the limit of `BatchWriteItem`.
pub const DELETE_KEYS: usize = 25;

/// The state of a row in the table; see [`OutboxTable`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Not published yet.
    Pending,
    /// Not published yet, and edited this often by an operator: the stream's image of it may
    /// be out of date.
    Edited(u64),
    /// Can't be published until an operator decides.
    Parked,
    /// No longer in the table: published, or discarded by an operator.
    Absent,
}
