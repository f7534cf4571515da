//! The relay: from rows of the table to events on the bus.

mod bounds;
mod bus_check;
mod failing_event;
mod faults;
mod look_up;
pub(crate) mod on_aws;
mod publish;
mod stream;
mod sweep;
