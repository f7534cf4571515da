//! Replaying dead letters, and settling parked rows.

pub(crate) mod dead_letters;
mod letters;
mod parked_rows;
mod publish_rows;
mod run;
mod survey;
mod trimmed;
