//! Appending: an aggregate and its events in one transaction.

mod aggregate_table;
mod commit;
mod errors;
mod extensions;
mod fixture;
mod identity;
mod limits;
mod names;
mod numbers;
mod quoted;
mod read_back;
mod values;

pub(crate) use fixture::renamed;
