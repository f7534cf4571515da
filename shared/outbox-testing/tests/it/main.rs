//! The services in memory behave as AWS's do, and their helpers as they say. One binary, so
//! that it links once.

#![allow(clippy::unwrap_used)]

mod aggregate_table;
mod conformance;
mod expressions;
mod faults;
mod step_by_step;
