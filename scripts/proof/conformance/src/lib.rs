//! Checks what the relay relies on: one suite for each trait, which both the adapters to AWS
//! and the simulated services pass. A simulated service that behaves differently from AWS
//! would make the simulation's results worthless.
//!
//! | suite | trait | its fixture |
//! |---|---|---|
//! | [`table`] | `OutboxTable` | [`table::Fixture`] |
//! | [`bus`] | `EventBus` | [`bus::Fixture`] |
//! | [`dead_letters`] | `DeadLetters` | [`dead_letters::Fixture`] |
//! | [`queue`] | `DeadLetterQueue` | [`queue::Fixture`] |
//! | [`stream`] | `StreamReader` | [`stream::Fixture`] |
//!
//! A fixture does what a check needs and the adapter can't do: write a row, delete the bus, let
//! time pass. Each check gets a fixture of its own. Where a service is known to differ from
//! AWS, the check that it fails is named, with what the service does instead: see
//! [`Difference`].
//!
//! [`aws`] has fixtures that use the AWS SDK, for every service with AWS's protocols.

// A failing check panics.
#![allow(clippy::missing_panics_doc)]

mod check;

pub mod aws;
pub mod bus;
pub mod dead_letters;
pub mod queue;
mod rows;
pub mod stream;
pub mod table;

pub use check::Difference;
pub use rows::{row, row_with_detail};
