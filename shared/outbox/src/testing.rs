//! Seams for tests: a database in the place of DynamoDB, and event ids that don't differ
//! from run to run. The crate `outbox-testing` builds on them.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use aws_sdk_dynamodb::{
    error::SdkError, operation::transact_write_items::TransactWriteItemsError,
    types::TransactWriteItem,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::append::Database;

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
