//! The relay: from rows of the table to events on the bus.

pub(crate) mod adapters;
mod bounds;
mod bus_check;
mod faults;
mod look_up;
mod publish;
mod resumed_sweep;
mod stream;
mod sweep;
