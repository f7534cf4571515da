//! The inbox: each event is handled once, and in sequence if that is required.

mod any_order;
mod fixture;
mod once;
mod order;
mod refused;
mod trouble;

pub(crate) use fixture::event;
