//! Appending: an aggregate and its events in one transaction.

mod commit;
mod errors;
mod fixture;
mod identity;
mod limits;
mod numbers;
mod read_back;
mod values;

pub(crate) use fixture::renamed;
