//! What the simulation puts in the place of the world: DynamoDB's transactions, the
//! chance in event ids, and deliberate mistakes that it has to find. The feature
//! that compiles this in is the simulation's alone.

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
    /// Failures are answered at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
}

#[derive(Clone, Copy)]
struct Simulation {
    mistake: Option<Mistake>,
}

thread_local! {
    static RUNNING: Cell<Option<Simulation>> = const { Cell::new(None) };
}

/// From now on this thread makes the same ids of the same seed of `fastrand`, and
/// this mistake, if one is given.
pub fn begin(mistake: Option<Mistake>) {
    RUNNING.set(Some(Simulation { mistake }));
}

pub(crate) fn is_planted(mistake: Mistake) -> bool {
    RUNNING
        .get()
        .is_some_and(|running| running.mistake == Some(mistake))
}

/// The id of an event of this time, if a simulation runs.
pub(crate) fn event_id(milliseconds: u64) -> Option<Uuid> {
    RUNNING.get()?;
    let random = fastrand::u128(..).to_be_bytes();
    let random = random.first_chunk()?;
    Some(uuid::Builder::from_unix_timestamp_millis(milliseconds, random).into_uuid())
}

/// What became of a transaction, as the SDK tells it.
pub type Transacted = Result<(), SdkError<TransactWriteItemsError>>;

/// Stands in for DynamoDB's `TransactWriteItems`.
pub trait Transact: Send + Sync {
    /// Carries out a transaction, or not. Those with the same token are one.
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
    /// The same outbox on another database.
    #[must_use]
    pub fn on(self, database: Arc<dyn Transact>) -> Self {
        self.with_database(Database::Simulated(database))
    }
}

impl crate::inbox::Inbox {
    /// The same inbox on another database.
    #[must_use]
    pub fn on(self, database: Arc<dyn Transact>) -> Self {
        self.with_database(Database::Simulated(database))
    }
}
