//! What the relay relies on, of every service it knows by a trait: one suite a
//! trait, which the adapters to AWS and their twins in the simulation run alike.
//! A twin that does what AWS does not, or the reverse, makes the simulation prove
//! nothing.
//!
//! | suite | trait | the world behind it |
//! |---|---|---|
//! | [`table`] | `OutboxTable` | [`table::World`] |
//! | [`bus`] | `EventBus` | [`bus::World`] |
//! | [`dead_letters`] | `DeadLetters` | [`dead_letters::World`] |
//! | [`queue`] | `DeadLetterQueue` | [`queue::World`] |
//! | [`stream`] | `StreamReader` | [`stream::World`] |
//!
//! A world is what the adapter cannot do and a check needs: to write a row, to
//! delete the bus, to let time pass. Each check gets one of its own. What a service
//! is known to do otherwise than AWS is named by the check it fails, with what it
//! does instead: see [`Difference`].
//!
//! [`aws`] has the worlds that are made by the AWS SDK, for whatever speaks AWS's
//! protocols.

// A check that fails has nothing else to do.
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
