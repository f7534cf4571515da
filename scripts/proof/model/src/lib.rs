//! Checks the protocol in every order of its steps.
//!
//! Three events of two aggregates are committed, one of them poison or none. From
//! there the model checker `stateright` tries everything that stream, sweeper, replay,
//! operators and troubles can make of it. A trouble is a crash, a call that fails
//! before or after its effect, a pointer of Lambda's that gets lost, records too old
//! for the mapping, a sweep or a replay before its time, a row made pending as bad as
//! it was. A path has only so many of them, so each ends; then nothing may be left.
//!
//! | file | what it is |
//! |---|---|
//! | `event` | the events, and sets of them |
//! | `state` | table, bus, queue, processes; and what nobody in the system knows of |
//! | `action` | what can happen, one effect at a time |
//! | `relay` | a call of the relay, step by step |
//! | `publishers` | when stream, sweeper and replay begin, and what they find |
//! | `mapping` | how Lambda brings the stream's records, and gives them up |
//! | `operators` | what people decide of parked rows |
//! | `protocol` | all of it together, as the checker takes it |
//! | `properties` | what must hold, and what must be seen |
//! | `mistake` | deliberate mistakes, each of which must be found |
//!
//! What is simpler here than it is, and why that hides nothing:
//!
//! - There is no time but young and old: a record that is young is not looked up, and
//!   nobody but the stream publishes it. Of what takes minutes or hours, each may be
//!   over or not. More can happen so than does.
//! - Reading is one step. What was read may be out of date with the next.
//! - A call that is tried again until the time is up has failed once.
//! - An aggregate's events go to the bus one by one, different aggregates' in any
//!   order. That the bus may take the later entry of a request and refuse the earlier
//!   one is said among the causes of disorder.
//! - Poison is told when a row is read; when that is believed, the bus decides.
//! - What is published is deleted in one step, at any time. Whoever dies between two
//!   deletes might as well have put the second event later.
//! - The stream is one shard, read as one batch. Bisecting makes the smaller ones.
//! - The set-up is well, the bus exists, rows can be read, the stream still has what a
//!   pointer names. `scripts/proof/simulate` tries the opposite, with the code itself.

mod action;
mod event;
mod mapping;
mod mistake;
mod operators;
mod properties;
mod protocol;
mod publishers;
mod relay;
mod state;

pub use action::{Action, Answer, Step};
pub use event::Event;
pub use mistake::Mistake;
pub use protocol::Protocol;
pub use state::{Publisher, State};
