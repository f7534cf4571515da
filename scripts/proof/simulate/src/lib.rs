//! Tries to lose an event.
//!
//! The library's own append, inbox, relay, sweeper and replay, what the operators'
//! tool is made of, and Lambda's stream mapping as the crate `stream-mapping` has it,
//! run in a world of simulated services: a table with a stream whose shards split, a
//! bus, queues, people. Time is simulated, and everything random comes from one seed,
//! so that a seed always makes the same history. Faults strike at every call, and
//! processes die at any of them and in between. What must hold is checked at every
//! step (`checks`), and what must hold in the end once the faults have stopped.
//!
//! | file | what it is |
//! |---|---|
//! | `world` | all that is shared: time, chance, what services hold, what really happened |
//! | `weather` | which faults strike when |
//! | `trouble` | what weather, people and AWS do to the set-up |
//! | `truth` | what really became of each event |
//! | `checks` | what must hold at every step |
//! | `caller` | a process of ours and its calls, faults included |
//! | `transactions`, `table`, `parked_rows`, `bus`, `queue`, `stream_reader` | the services as such a process sees them |
//! | `rows`, `stream` | the rows of the outbox, and the shards of the table's stream |
//! | `commands` | who commits events |
//! | `consumer` | who handles them, with an inbox |
//! | `mapping` | Lambda's stream mapping, or two of them |
//! | `functions` | processes that are invoked, and die |
//! | `operators` | who replays, edits, discards, and forgets to |
//! | `bugs` | deliberate mistakes, each of which must be found |
//! | `designs` | what people write instead |
//! | `report` | what became of it, in numbers |
//! | `run` | one history, from its seed to its verdict |
//!
//! That the simulated services do what AWS's do is held by the suites of
//! `outbox-conformance`, which the adapters to AWS run, too.

mod bugs;
mod bus;
mod caller;
mod checks;
mod commands;
#[cfg(test)]
mod conformance;
mod consumer;
mod designs;
mod functions;
mod mapping;
mod operators;
mod parked_rows;
mod queue;
mod report;
mod rows;
mod run;
mod stream;
mod stream_reader;
mod table;
mod transactions;
mod trouble;
mod truth;
mod weather;
mod world;

pub use bugs::Bug;
pub use designs::Design;
pub use report::Report;
pub use run::{Plan, Seed, run};
pub use weather::{Fault, Operation};
pub use world::World;
