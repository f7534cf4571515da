//! The actions of the model: one effect each, so that a crash can come between any two.

use std::fmt;

use crate::{event::Event, process::Publisher};

/// An atomic action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Seconds pass, so that records and rows are no longer young.
    TimePasses,
    /// A publisher begins a run, and reads what it is to publish.
    Begin(Publisher),
    /// A publisher continues its run.
    Continue(Publisher, Step),
    /// A publisher's process crashes.
    Crash(Publisher),
    /// The mapping gives up its current batch, because the records are too old.
    Expire,
    /// Lambda sends a pointer to the records that the mapping has given up.
    SendPointer,
    /// That pointer is lost.
    LosePointer,
    /// An operator fixes a parked row, which makes it pending.
    Edit(Event),
    /// An operator discards a parked row.
    Discard(Event),
    /// An operator makes a parked row pending without a change.
    Unpark(Event),
}

/// A step of a publisher: one effect, or its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Puts an event on the bus.
    Put(Event, PutOutcome),
    /// Puts an event without a response no more, because there is no time left.
    GiveUp(Event),
    /// Deletes the rows of published events.
    Delete,
    /// Fails to delete these rows until the deadline.
    FailToDelete,
    /// Retries a poison row later: no other event was accepted, so the fault may not be
    /// the row's. Or leaves it to the stream, if a writer publishes.
    Suspect(Event),
    /// Sends the dead letter of a row.
    SendDeadLetter(Event),
    /// Parks a row.
    Park(Event),
    /// Fails to send the dead letter, or to park the row.
    FailToPark(Event),
    /// Leaves the failed events to the sweeper, and ends the run.
    LeaveToSweeper,
    /// Ends the run: returns the failures to the mapping; a replay deletes the settled
    /// messages.
    End,
}

/// The outcome of putting an event on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The bus has accepted the event.
    Accepted,
    /// The bus has accepted the event, but its response is lost.
    ResponseLost,
    /// The bus has rejected the event until the deadline.
    Rejected,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(publisher) => write!(f, "{publisher:?}: Begin"),
            Self::Continue(publisher, step) => write!(f, "{publisher:?}: {step:?}"),
            Self::Crash(publisher) => write!(f, "{publisher:?}: Crash"),
            Self::Expire | Self::SendPointer | Self::LosePointer => write!(f, "Mapping: {self:?}"),
            Self::Edit(_) | Self::Discard(_) | Self::Unpark(_) => write!(f, "Operator: {self:?}"),
            Self::TimePasses => write!(f, "{self:?}"),
        }
    }
}
