//! The inbox: each event is handled once.

mod fixture;
mod once;
mod refused;
mod trouble;

pub(crate) use fixture::event;
