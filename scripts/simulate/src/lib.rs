//! Tries to lose an event.
//!
//! The real relay, sweeper and replay, and Lambda's stream mapping as the crate
//! `stream-mapping` has it, run in a world of simulated services: a table with a
//! stream whose shards split, a bus, a dead-letter queue, operators. Time is
//! simulated, and everything random comes from one seed, so that a seed always
//! makes the same history. Faults strike at every call, and functions die at
//! any of them. What must hold is checked at every step ([`World`]), and what
//! must hold in the end once the faults have stopped.
//!
//! | file | what it is |
//! |---|---|
//! | `world` | all that is shared: time, chance, what really happened, what went wrong |
//! | `weather` | which faults strike when |
//! | `truth` | what is known of each event, and what may be done with it |
//! | `caller` | a process of ours and its calls, faults included |
//! | `bus`, `table`, `queue`, `stream_reader` | the services as such a process sees them |
//! | `commands` | who commits events |
//! | `stream` | the shards of the table's stream |
//! | `mapping` | Lambda's stream mapping, or two of them |
//! | `functions` | processes that are invoked, and die |
//! | `operators` | who replays, edits, discards, and forgets to |
//! | `bugs` | deliberate mistakes, each of which must be found |
//! | `run` | one history, from its seed to its verdict |

mod bugs;
mod bus;
mod caller;
mod checks;
mod commands;
#[cfg(test)]
mod conformance;
mod consumer;
mod functions;
mod mapping;
mod operators;
mod parked_rows;
mod queue;
mod rows;
mod run;
mod stream;
mod stream_reader;
mod table;
mod transactions;
mod truth;
mod weather;
mod world;

pub use bugs::Bug;
pub use run::{Plan, Report, Seed, run};
pub use weather::{Fault, Operation};
pub use world::World;
