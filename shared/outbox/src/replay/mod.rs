//! Handles what the relay could not: replays dead letters, and settles parked rows.
//!
//! A dead letter is only a hint: events are published from the rows of the outbox's own
//! table, and a letter is deleted when nothing that it names is still pending. So a
//! replay can be stopped anywhere and run again, and two replays at once cause a
//! duplicate at worst.
//!
//! [`Replay`] processes the dead-letter queue; [`ParkedRows`](crate::ports::ParkedRows) is what
//! an operator can do about a single row. [`Relay`](crate::relay::Relay) publishes for both.

mod dead_letter;
mod detail;
mod publish_rows;
mod range;
mod replay_letter;
mod replay_queue;
mod survey;

pub use dead_letter::{Letter, NotADeadLetter, Pointer};
pub use detail::{InvalidDetail, check_detail};
pub use publish_rows::WantedOutcome;
pub use replay_letter::{LetterOutcome, NamedRows, Replay, SettleError};
pub use replay_queue::{Selection, Summary};
