use std::{collections::HashMap, future::Future};

use crate::{Parked, RowKey, ports::CallError, relay::Arrival};

/// The table the events wait in.
pub trait OutboxTable: Send + Sync {
    /// The table's name, for messages.
    fn name(&self) -> &str;

    /// What has become of rows, read consistently; at most
    /// [`LOOK_UP_KEYS`] at once, and none if there are more. A key without an
    /// answer is unknown.
    fn look_up(
        &self,
        keys: &[RowKey],
    ) -> impl Future<Output = Result<HashMap<RowKey, RowState>, CallError>> + Send;

    /// Deletes rows, at most [`DELETE_KEYS`] at once, and none if there are
    /// more. Answers the keys that were not deleted.
    fn delete(
        &self,
        keys: &[RowKey],
    ) -> impl Future<Output = Result<Vec<RowKey>, CallError>> + Send;

    /// Sets a row aside. A row that is gone, set aside already, or was edited more
    /// often than `edits` tells is left as it is, and that is success; a row that
    /// cannot be read tells nothing of that.
    fn park(
        &self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Reads on in a segment of the table, consistently, from where the page
    /// before ended. An aggregate's rows are in one segment, in sequence.
    fn scan(
        &self,
        segment: Segment,
        after: Option<&RowKey>,
    ) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// Reads on in an aggregate, consistently and in sequence, from where the
    /// page before ended; up to and with `through`, if that is given.
    fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> impl Future<Output = Result<Page, CallError>> + Send;
}

/// A part of the table that is read on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// Some rows of the table.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<StoredRow>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<RowKey>,
}

/// A row as it lies in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The row, as the relay takes it.
    pub arrival: Arrival,
    /// Whether it is set aside, and why.
    pub parked: Option<Parked>,
}

/// Keys of one look-up: what `BatchGetItem` takes.
pub const LOOK_UP_KEYS: usize = 100;

/// Keys of one delete: what `BatchWriteItem` takes.
pub const DELETE_KEYS: usize = 25;

/// What has become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Waiting to be published.
    Pending,
    /// It waits to be published, and a person has edited it so often: what the
    /// stream shows of it is out of date.
    Edited(u64),
    /// Set aside.
    Parked,
    /// No longer there: published by somebody, or settled by a person.
    Absent,
}
