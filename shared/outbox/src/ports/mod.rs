//! What the library asks of the services it uses, as traits. [`aws`](crate::aws) has the
//! implementations on AWS; a test can have its own.
//!
//! | trait | what it is | who calls it |
//! |---|---|---|
//! | [`EventBus`] | the bus | [`Relay`](crate::relay::Relay) |
//! | [`OutboxTable`] | the table of rows | the relay, the sweeper, a replay |
//! | [`DeadLetters`] | the dead-letter queue, to send to it | the relay |
//! | `DeadLetterQueue` | the same queue, to read it | a replay |
//! | `StreamReader` | the table's stream | a replay |
//! | `ParkedRows` | the table, for what an operator decides | `outboxctl` |
//!
//! The last three belong to the feature `replay`. [`EventBus`] has an example of an
//! implementation.

mod call_error;
#[cfg(feature = "replay")]
mod dead_letter_queue;
mod dead_letters;
#[cfg(feature = "replay")]
mod decision;
mod event_bus;
mod outbox_table;
#[cfg(feature = "replay")]
mod parked_rows;
pub(crate) mod sequence_number;
#[cfg(feature = "replay")]
mod stream_reader;

pub use call_error::CallError;
#[cfg(feature = "replay")]
pub use dead_letter_queue::{DeadLetterQueue, Depth, Message};
pub use dead_letters::{DeadLetter, DeadLetters};
#[cfg(feature = "replay")]
pub use decision::{Decided, Decision, Discard, Edit};
pub use event_bus::{BusLimits, EntryError, EventBus, Poison, PutResult};
pub use outbox_table::{
    DELETE_KEYS, LOOK_UP_KEYS, OutboxTable, Page, RowState, Segment, StoredRow,
};
#[cfg(feature = "replay")]
pub use parked_rows::ParkedRows;
#[cfg(feature = "replay")]
pub use stream_reader::{
    Place, ShardPosition, StreamError, StreamPage, StreamReader, StreamRecord,
};
