//! Putting right what the relay could not: replaying dead letters, and settling
//! rows that are set aside.
//!
//! A dead letter is a hint and no more: what is published comes from the rows
//! of the outbox's own table, and a letter is deleted when nothing it names is
//! still pending. So a replay can be stopped anywhere and run again, and two at
//! once are worth a duplicate at worst.
//!
//! [`Replay`] goes through the dead-letter queue; [`ParkedRows`] is what a
//! person can do about a single row. [`Relay`](crate::relay::Relay) publishes
//! for both.

mod dead_letter_queue;
mod dynamodb_stream;
mod letter;
mod parked_rows;
mod patience;
mod publish_through;
mod range;
mod run;
mod settle;
mod sqs;
mod stream_reader;
mod survey;

pub use dead_letter_queue::{DeadLetterQueue, Depth, Message};
pub use dynamodb_stream::DynamoDbStreams;
pub use letter::{Letter, NotADeadLetter, Pointer};
pub use parked_rows::{Discard, InvalidDetail, ParkedRows, check_detail};
pub use publish_through::Through;
pub use run::{Selection, Summary};
pub use settle::{Named, Replay, Unsettled, Verdict};
pub use stream_reader::{From, Place, StreamError, StreamPage, StreamReader, StreamRecord};
