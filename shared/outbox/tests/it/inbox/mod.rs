//! The inbox: each event is handled once.

mod fixture;
mod once;
mod refused;
mod trouble;
