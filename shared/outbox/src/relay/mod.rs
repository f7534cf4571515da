//! What happens to a row of the outbox until its event is on the bus.
//!
//! [`Relay::publish`] returns for each row what became of it. A row counts as done only if
//! its event is on a bus known to exist, was settled before, or is parked with a dead
//! letter sent. Everything else is retried.
//!
//! The relay knows three services by the traits of [`ports`](crate::ports):
//! [`EventBus`](crate::ports::EventBus), [`OutboxTable`](crate::ports::OutboxTable) and
//! [`DeadLetters`](crate::ports::DeadLetters). The Lambda functions around it are in
//! [`handlers`](crate::handlers).

mod accepted;
pub(crate) mod backlog;
pub(crate) mod budget;
mod bus_check;
pub(crate) mod decision;
mod delete_check;
mod deletes;
pub(crate) mod log_outcome;
pub(crate) mod look_up;
mod look_ups;
mod memory;
pub(crate) mod moment;
mod order;
mod outcome;
mod park;
#[cfg(feature = "replay")]
pub(crate) mod patience;
mod poison;
pub(crate) mod predecessors;
pub(crate) mod publication;
mod publish;
mod put_events;
#[cfg(feature = "opentelemetry")]
mod put_spans;
mod recent;
pub(crate) mod redelivery;
pub(crate) mod retry;
mod schedule;
mod sources;
mod waiting_rows;

pub use look_ups::{LookUp, UnknownLookUp};
pub use order::{Order, UnknownOrder};
pub use outcome::{BusError, Failure, Halt, Outcome, RowOutcome, Settled};
pub use publish::Relay;
