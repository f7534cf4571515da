//! What the services store, and how they change it: without I/O, without latency, without
//! faults but those that are passed in.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use outbox::{
    Clock, OutboxRow, Parked, RowKey,
    ports::{CallError, Discard, Edit, PutResult},
};

use crate::{
    bus::Bus,
    change::Change,
    clock::TestClock,
    fault::Fault,
    item::Item,
    items::Items,
    queue::Queue,
    stream::Stream,
    table::Table,
    transaction::{Database, Tokens, TransactionRejected},
};

/// The name of the outbox table.
pub const OUTBOX_TABLE: &str = "outbox";

/// What the services store. A test can read and change everything; the methods do what AWS
/// does.
///
/// Those that change the outbox table add the records to its stream.
#[derive(Debug)]
pub struct Services {
    /// The outbox table.
    pub table: Table,
    /// The other tables.
    pub items: Items,
    /// The stream of the outbox table.
    pub stream: Stream,
    /// The bus.
    pub bus: Bus,
    /// The dead-letter queue.
    pub queue: Queue,
    /// The rows that transactions have written.
    appended: Vec<Arc<OutboxRow>>,
    tokens: Tokens,
    clock: TestClock,
}

impl Services {
    /// Creates services that store nothing yet, by this clock.
    pub fn new(clock: TestClock) -> Self {
        Self {
            table: Table::default(),
            items: Items::default(),
            stream: Stream::default(),
            bus: Bus::default(),
            queue: Queue::default(),
            appended: Vec::new(),
            tokens: Tokens::new(),
            clock,
        }
    }

    /// Returns the time of the services.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Executes a transaction, or rejects it as a whole. Returns the changes of the outbox
    /// table, whose records are **not** in the stream yet: pass them to [`Stream::push`].
    /// DynamoDB adds those of one transaction in any order, and a little later. Returns `None`
    /// if a transaction with this token was executed in the last ten minutes.
    ///
    /// # Errors
    ///
    /// If it is rejected: nothing is changed then.
    ///
    /// # Panics
    ///
    /// If it has an expression that can't be evaluated, or an action on the outbox table that
    /// is not a put.
    pub fn transact(
        &mut self,
        items: &[TransactWriteItem],
        token: &str,
    ) -> Result<Option<Vec<Change>>, TransactionRejected> {
        let now = self.now();
        let mut database = Database {
            outbox: OUTBOX_TABLE,
            table: &mut self.table,
            items: &mut self.items,
            tokens: &mut self.tokens,
        };
        let Some(changes) = database.transact(items, token, now)? else {
            return Ok(None);
        };
        let inserted = changes.iter().filter(|change| change.is_insert());
        let rows = inserted.filter_map(|change| self.table.row(&change.key));
        let rows = rows.filter_map(|row| row.stored().candidate.row.clone().ok());
        self.appended.extend(rows);
        Ok(Some(changes))
    }

    /// Returns the rows that transactions have written, in their order, also those that are
    /// published by now.
    pub fn appended(&self) -> &[Arc<OutboxRow>] {
        &self.appended
    }

    /// Puts an item into the outbox table, as another program might.
    ///
    /// # Panics
    ///
    /// If it lacks the key of a row.
    pub fn put_item(&mut self, item: Item) {
        let change = self
            .table
            .put(item)
            .unwrap_or_else(|error| panic!("{error}"));
        self.record(&change);
    }

    /// Puts a row into the outbox table.
    ///
    /// # Panics
    ///
    /// If the row can't be an item.
    pub fn put_row(&mut self, row: &OutboxRow) {
        self.put_item(serde_dynamo::to_item(row).expect("a row is an item"));
    }

    /// Deletes rows. Returns the keys that were not processed.
    ///
    /// # Errors
    ///
    /// If DynamoDB would reject the request.
    pub fn delete(
        &mut self,
        keys: &[RowKey],
        fault: Option<&Fault>,
    ) -> Result<Vec<RowKey>, CallError> {
        let (unprocessed, changes) = self.table.delete(keys, fault)?;
        for change in &changes {
            self.record(change);
        }
        Ok(unprocessed)
    }

    /// Parks a row, if it is there, not parked yet, and not edited more often. Returns whether
    /// it did.
    pub fn park(&mut self, key: &RowKey, edits: Option<u64>, mark: &Parked) -> bool {
        let change = self.table.park(key, edits, mark);
        self.record_if(change)
    }

    /// Unparks a row. Returns whether it was parked.
    pub fn unpark(&mut self, key: &RowKey) -> bool {
        let change = self.table.unpark(key);
        self.record_if(change)
    }

    /// Replaces the `detail` of a row that is parked with this mark, and unparks it, if the
    /// detail is as it was seen. Returns whether it did.
    pub fn replace_detail(&mut self, key: &RowKey, mark: &Parked, edit: &Edit) -> bool {
        let changes = self.table.replace_detail(key, mark, edit);
        self.record_all(changes)
    }

    /// Discards a row that is parked with this mark. Returns whether it did.
    pub fn discard(&mut self, key: &RowKey, mark: &Parked, discard: &Discard) -> bool {
        let changes = self.table.discard(key, mark, discard);
        self.record_all(changes)
    }

    /// Puts events on the bus, which rejects the entries that the fault says. Returns a result
    /// for each, or for fewer if the fault says so.
    ///
    /// # Errors
    ///
    /// If EventBridge would reject the request.
    pub fn put_events(
        &mut self,
        rows: &[Arc<OutboxRow>],
        fault: Option<&Fault>,
    ) -> Result<Vec<PutResult>, CallError> {
        let now = self.now();
        let rejected = match fault {
            Some(Fault::Rejected(entries)) => entries.clone(),
            _ => BTreeMap::new(),
        };
        let mut results = self.bus.put(rows, &rejected, now)?;
        if let Some(Fault::ShortResults(count)) = fault {
            results.truncate(*count);
        }
        Ok(results)
    }

    fn record_all(&mut self, changes: Option<[Change; 2]>) -> bool {
        let Some(changes) = changes else {
            return false;
        };
        for change in &changes {
            self.record(change);
        }
        true
    }

    fn record_if(&mut self, change: Option<Change>) -> bool {
        change.inspect(|change| self.record(change)).is_some()
    }

    fn record(&mut self, change: &Change) {
        let now = self.now();
        self.stream.push(change, now);
    }
}
