//! Writes an aggregate and its events in one DynamoDB transaction.

mod aggregate;
mod aggregate_table;
mod atomic_writes;
mod cancellation;
mod check;
mod claim;
mod control_character;
mod database;
mod decimal;
mod error;
mod extensions;
mod finite;
#[cfg(feature = "at-once")]
mod hand_over;
mod item_reader;
mod item_size;
mod item_values;
mod key;
#[cfg(feature = "claim-check")]
mod large_data;
mod outbox;
mod revision;
mod transaction;

pub use aggregate::{AggregateWrite, UnreadableAggregate, Versioned};
pub use aggregate_table::{AggregateTable, FindError};
#[cfg(feature = "inbox")]
pub(crate) use atomic_writes::{AtomicWrites, Attempts, pauses};
#[cfg(feature = "inbox")]
pub(crate) use check::Action;
pub use control_character::ControlCharacter;
#[cfg(any(feature = "inbox", feature = "testing"))]
pub(crate) use database::Database;
pub use error::{
    CommitError, ConditionFailure, FailedCondition, InvalidTransaction, Participant, Problem,
    RejectedAction, Rejection,
};
pub use extensions::ExtensionFault;
#[cfg(feature = "at-once")]
pub use hand_over::HandOver;
pub use key::KeySchema;
pub use outbox::{InvalidSource, Outbox};
pub use revision::Revision;
pub use transaction::{Committed, Transaction};
