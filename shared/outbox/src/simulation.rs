//! What the simulation replaces: DynamoDB's transactions, the random part of event ids, and
//! correct code by deliberate mistakes that it has to find. Only the simulation
//! enables the feature for it.

use std::{cell::Cell, fmt, future::Future, pin::Pin, sync::Arc};

use aws_sdk_dynamodb::{
    error::SdkError, operation::transact_write_items::TransactWriteItemsError,
    types::TransactWriteItem,
};
use uuid::Uuid;

use crate::append::Database;

/// A mistake that other implementations make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Sequence numbers are compared as text.
    SequenceNumbersAsText,
    /// A response with failures is returned at once, while published records are too young to
    /// be looked up.
    AnswerTooEarly,
}

#[derive(Clone, Copy)]
struct Simulation {
    /// The mistake that the code makes, if any.
    mistake: Option<Mistake>,
}

thread_local! {
    static RUNNING: Cell<Option<Simulation>> = const { Cell::new(None) };
}

/// From now on this thread generates event ids from the seed of `fastrand`, and makes this
/// mistake, if one is given.
pub fn begin(mistake: Option<Mistake>) {
    RUNNING.set(Some(Simulation { mistake }));
}

pub(crate) fn is_planted(mistake: Mistake) -> bool {
    RUNNING
        .get()
        .is_some_and(|running| running.mistake == Some(mistake))
}

/// Returns the id of an event of this time, if a simulation runs.
pub(crate) fn event_id(milliseconds: u64) -> Option<Uuid> {
    RUNNING.get()?;
    let random = fastrand::u128(..).to_be_bytes();
    let random = random.first_chunk()?;
    Some(uuid::Builder::from_unix_timestamp_millis(milliseconds, random).into_uuid())
}

/// The result of a transaction, in the SDK's terms.
pub type Transacted = Result<(), SdkError<TransactWriteItemsError>>;

/// Replaces DynamoDB's `TransactWriteItems`.
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
        self.with_database(Database::Simulated(database))
    }
}

impl crate::inbox::Inbox {
    /// Returns the inbox with another database.
    #[must_use]
    pub fn on(self, database: Arc<dyn Transact>) -> Self {
        self.with_database(Database::Simulated(database))
    }
}
