//! Tries to lose an event.
//!
//! The library's own code runs unchanged: append, inbox, relay, sweeper, replay and what
//! outboxctl is made of; so does the crate `stream-mapping`, which does what Lambda's
//! stream mapping does. The services around it are simulated: a table with a stream whose
//! shards split, a bus, queues, operators. So is time, and everything random comes from
//! one seed, so that a seed always makes the same history.
//!
//! Any call may fail, and a process may die in any call and between two of them. The
//! oracle knows what really happened to each event. The checks compare the two at every
//! step, and once more after the faults have stopped.
//!
//! | file | what is in it |
//! |---|---|
//! | `run` | one history, from its seed to its outcome |
//! | `simulation`, `state` | what everything shares: time, randomness, what the services store |
//! | `fault_plan` | which faults affect which calls, and when |
//! | `incidents` | what operators and AWS do to the deployment while it runs |
//! | `oracle` | what really happened to each event, and to each process |
//! | `checks`, `order` | what must hold at every step |
//! | `mutants` | deliberate mistakes, each of which the checks must find |
//! | `caller` | a process and its calls, with the faults that affect them |
//! | `transactions`, `table`, `parked_rows`, `bus`, `queue`, `stream_reader` | the services, as such a process calls them |
//! | `commits`, `delivery` | how rows are committed, what the consumer's queue holds |
//! | `commands`, `things` | services that commit events, and what they change |
//! | `mapping` | Lambda's stream mapping, or two of them |
//! | `functions` | invocations of the relay and the sweeper |
//! | `consumer` | a consumer with an inbox |
//! | `operators` | operators who replay, edit and discard, at times carelessly |
//! | `design`, `record_by_record` | what one would write without the library |
//! | `bad_event` | one event that fails for ever, and how long others wait because of it |
//! | `outage` | what relay and sweeper do while the bus accepts nothing |
//! | `report` | the numbers of a history |
//!
//! The crate `outbox-testing` has what the services store and do. Here each process calls them
//! with faults, and the oracle watches. Called like that, they behave as AWS's do: they pass the suites of
//! `outbox-conformance`, as the library's adapters to AWS do.

mod bad_event;
mod bus;
mod caller;
mod checks;
mod commands;
mod commits;
#[cfg(test)]
mod conformance;
mod consumer;
mod delivery;
mod design;
mod fault_plan;
mod freeze;
mod functions;
mod incidents;
mod mapping;
mod mutants;
mod operators;
mod oracle;
mod order;
mod outage;
mod parked_rows;
mod process_clock;
mod queue;
mod record_by_record;
mod report;
mod run;
mod simulation;
mod state;
mod stream_reader;
mod table;
mod things;
mod transactions;

pub use bad_event::{OtherEvents, beside_bad_event};
pub use design::Design;
pub use fault_plan::FaultKind;
pub use mutants::Mutant;
pub use outage::{Effort, Outage, outage};
pub use report::Report;
pub use run::{Plan, Seed, run};
