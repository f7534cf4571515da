//! Fixing what the relay could not: replaying dead letters, and settling parked rows.
//!
//! A dead letter is a hint and no more: what is published comes from the rows of the
//! outbox's own table, and a letter is deleted when nothing it names is still pending. So a
//! replay can be stopped anywhere and run again, and two at once cost a duplicate at worst.
//!
//! [`Replay`] goes through the dead-letter queue;
//! [`ParkedRows`](crate::ports::ParkedRows) is what an operator can do about a single row.
//! [`Relay`](crate::relay::Relay) publishes for both.

mod detail;
mod letter;
mod publish_through;
mod range;
mod replay_letter;
mod replay_queue;
mod survey;

pub use detail::{InvalidDetail, check_detail};
pub use letter::{Letter, NotADeadLetter, Pointer};
pub use publish_through::Through;
pub use replay_letter::{Named, Replay, Unsettled, Verdict};
pub use replay_queue::{Selection, Summary};
