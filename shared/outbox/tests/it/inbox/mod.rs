//! The inbox: each event is handled once.

mod once;
mod refused;
mod trouble;
mod world;

pub(crate) use world::event;
