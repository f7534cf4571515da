//! The relay: from rows of the table to events on the bus.

pub(crate) mod adapters;
mod bounds;
mod bus_check;
mod failing_event;
mod faults;
mod look_up;
mod publish;
mod stream;
mod sweep;
