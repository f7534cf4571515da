//! The command with a real table's stream and a real function process; Lambda and the
//! queue are stubs.

#![allow(clippy::unwrap_used)]

mod command;
mod destinations;
mod function;
mod generate;
mod lambda;
mod pipe;
mod process;
mod queue;
mod rejected;
mod settings;
mod shards;
mod table;
