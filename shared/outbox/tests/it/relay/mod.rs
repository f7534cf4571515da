//! The relay: from rows of the table to events on the bus.

mod bounds;
mod bus_check;
mod failing_event;
mod faults;
mod held_back;
mod look_up;
mod look_up_pauses;
pub(crate) mod on_aws;
mod order;
mod order_of_sweeps;
mod order_on_aws;
mod overlap;
mod park;
pub(crate) mod publish;
mod resumed_sweep;
mod sources;
mod stream;
mod sweep;
