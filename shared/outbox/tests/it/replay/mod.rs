//! Replaying dead letters, and settling parked rows.

pub(crate) mod adapters;
mod fakes;
mod letters;
mod parked_rows;
mod run;
mod survey;
mod trimmed;
pub(crate) mod world;
