//! DynamoDB's expressions: conditions and updates.
//!
//! What can't be evaluated is an error that says so: a test must not succeed because a
//! condition was ignored.

mod comparison;
mod condition;
mod path;
mod placeholders;
mod tokens;
mod update;

pub(crate) use condition::holds;
pub(crate) use placeholders::Placeholders;
pub(crate) use update::update;
