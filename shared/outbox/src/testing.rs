//! Seams for tests: a database in the place of DynamoDB, event ids that don't differ from
//! run to run, and the reading of a row. The crate `outbox-testing` builds on them.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{get_item::GetItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, TransactWriteItem},
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::append::Database;
#[cfg(feature = "relay")]
use crate::ports::StoredRow;
#[cfg(feature = "replay")]
use crate::{
    RowKey,
    aws::decisions,
    ports::{Decision, Discard, Edit},
};

/// The result of a transaction, in the SDK's terms.
pub type Transacted = Result<(), SdkError<TransactWriteItemsError>>;

/// Executes transactions in the place of DynamoDB's `TransactWriteItems`.
pub trait Transact: Send + Sync {
    /// Executes a transaction, or rejects it. Transactions with the same token are one.
    fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: String,
    ) -> Pin<Box<dyn Future<Output = Transacted> + Send + '_>>;
}

impl fmt::Debug for dyn Transact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transact")
    }
}

/// The result of a read, in the SDK's terms.
pub type Got = Result<Option<HashMap<String, AttributeValue>>, SdkError<GetItemError>>;

/// Reads items in the place of DynamoDB's `GetItem`.
pub trait GetItem: Send + Sync {
    /// Returns the item of a table with this key, if there is one.
    fn get_item(
        &self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Pin<Box<dyn Future<Output = Got> + Send + '_>>;
}

impl fmt::Debug for dyn GetItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GetItem")
    }
}

impl<A: crate::Aggregate> crate::AggregateTable<A> {
    /// Returns the table with another database to read from.
    #[must_use]
    pub fn on(self, database: Arc<dyn GetItem>) -> Self {
        self.with_reader(database)
    }
}

impl crate::Outbox {
    /// Returns the outbox with another database.
    #[must_use]
    pub fn on(self, database: Arc<dyn Transact>) -> Self {
        self.with_database(Database::Testing(database))
    }

    /// Returns the outbox with chosen event ids. `id` returns a UUIDv7 of the time: relays read
    /// the time of an event from its id.
    #[must_use]
    pub fn with_event_ids(self, id: fn(Timestamp) -> Uuid) -> Self {
        self.with_ids(id)
    }
}

impl crate::inbox::Inbox {
    /// Returns the inbox with another database.
    #[must_use]
    pub fn on(self, database: Arc<dyn Transact>) -> Self {
        self.with_database(Database::Testing(database))
    }
}

impl crate::KeySchema {
    /// Returns the names of the key attributes: the partition key's, then the sort key's, if
    /// there is one.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attributes().map(String::as_str)
    }
}

/// Returns the record of an edit: an item of the outbox table.
#[cfg(feature = "replay")]
#[expect(clippy::implicit_hasher, reason = "the item is the SDK's")]
pub fn edit_record(
    before: HashMap<String, AttributeValue>,
    key: &RowKey,
    edit: &Edit,
) -> HashMap<String, AttributeValue> {
    decisions::of_edit(before, key, edit)
}

/// Returns the record of a discard: an item of the outbox table.
#[cfg(feature = "replay")]
#[expect(clippy::implicit_hasher, reason = "the item is the SDK's")]
pub fn discard_record(
    before: HashMap<String, AttributeValue>,
    key: &RowKey,
    discard: &Discard,
) -> HashMap<String, AttributeValue> {
    decisions::of_discard(before, key, discard)
}

/// Reads the record of a decision; `None` if the item is none.
#[cfg(feature = "replay")]
#[expect(clippy::implicit_hasher, reason = "the item is the SDK's")]
pub fn read_decision(item: &HashMap<String, AttributeValue>) -> Option<Decision> {
    decisions::decision(item)
}

/// Reads an item of the outbox table as the relay does; `None` if it lacks the key of a row.
#[cfg(feature = "relay")]
#[expect(clippy::implicit_hasher, reason = "the item is the SDK's")]
pub fn read_row(item: HashMap<String, AttributeValue>) -> Option<StoredRow> {
    crate::aws::dynamodb::stored_row(item)
}
