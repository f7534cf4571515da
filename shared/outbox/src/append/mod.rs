//! Writing an aggregate and its events in one DynamoDB transaction.

mod aggregate;
mod cancellation;
mod check;
mod error;
mod item_size;
mod key;
mod outbox;
mod transaction;

pub use aggregate::{AggregateWrite, Revision};
pub use error::{CommitError, FailedCondition, InvalidTransaction, Participant, Problem};
pub use key::KeySchema;
pub use outbox::{InvalidSource, Outbox};
pub use transaction::{Committed, Transaction};
