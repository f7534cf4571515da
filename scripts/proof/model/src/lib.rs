//! Checks the protocol in every order of its steps.
//!
//! Three events of two aggregates are committed; at most one of them is poison. From
//! there the model checker `stateright` tries every sequence of actions by stream,
//! sweeper, replay and operators, and a writer that publishes at once, with faults. A fault is one of these: a crash, a call
//! that fails before or after its effect, a lost pointer of Lambda's, records too old
//! for the mapping, an early sweep or replay, a poison row made pending without a
//! change. The number of faults on a path is limited, so each path ends, and then
//! table and queue must be empty.
//!
//! | file | contents |
//! |---|---|
//! | `event` | the events, and sets of them |
//! | `state` | table, bus, queue and processes; and the history, which only properties read |
//! | `mapping` | the progress of the stream mapping |
//! | `process`, `run` | the publishers' processes, and the progress of one run |
//! | `action` | the actions, one effect each |
//! | `relay` | the steps of a run |
//! | `publishers` | when sweeper and replay begin, and which events each publisher reads |
//! | `lambda` | how Lambda delivers the stream's records, and gives them up |
//! | `operators` | what operators do with parked rows |
//! | `protocol` | all actions together |
//! | `checker` | the protocol in the form that stateright needs |
//! | `properties`, `property_names` | what holds in every state, and what occurs in some |
//! | `mistake` | deliberate mistakes, each of which must be found |
//!
//! What the model simplifies, and why that hides no loss:
//!
//! - Time is only young or old: a young record is not looked up, and only the stream
//!   publishes it. A wait of minutes or hours may end at any time, so that the model has
//!   more histories than the code.
//! - A read is one step. Its result may be outdated by the next step.
//! - A call that is retried until the deadline counts as one failure.
//! - A writer publishes at once two of the events, in one run; it may be frozen before.
//! - A put without a response is repeated once, as in the code, whether it timed out or its
//!   connection broke.
//! - An aggregate's events are put on the bus one by one, those of different aggregates
//!   in any order. What a bus does with several of them in one request is left out: it may
//!   accept a later entry and reject an earlier one, which is documented.
//! - What a parked row held is published by the next sweep. In the code, the operator's command
//!   does it at once.
//! - Poison is recognised when a row is read; when the relay acts on it depends on what
//!   else the bus accepts.
//! - Published rows are deleted in one step, at any time. A crash between two deletes
//!   leaves the same state as a run that put the second event after the first delete.
//! - The stream is one shard, read as one batch. Bisecting creates smaller batches.
//! - The configuration is correct, the bus exists, rows can be read, and the stream
//!   still has the records of a pointer. `scripts/proof/simulate` tests the opposite,
//!   with the code itself.

mod action;
mod checker;
mod event;
mod lambda;
mod mapping;
mod mistake;
mod operators;
mod process;
mod properties;
mod property_names;
mod protocol;
mod publishers;
mod relay;
mod run;
mod state;

pub use action::{Action, PutOutcome, Step};
pub use event::Event;
pub use mistake::Mistake;
pub use process::Publisher;
pub use protocol::Protocol;
pub use state::State;
