//! The command against a real table's stream and a real function process, with
//! Lambda and the queue as stubs.

#![allow(clippy::unwrap_used)]

mod command;
mod destinations;
mod function;
mod lambda;
mod pipe;
mod process;
mod queue;
mod refused;
mod settings;
mod shards;
mod table;
