//! The relay: from rows of the table to events on the bus.

pub(crate) mod adapters;
mod bounds;
mod bus_check;
mod faults;
mod held_back;
mod look_up;
mod look_up_pauses;
mod park;
mod publish;
mod stream;
mod sweep;
