use std::fmt;

use crate::{event::Event, state::Publisher};

/// Something that happens at once. A crash may come between any two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Seconds go by.
    GrowOld,
    /// A publisher begins, and finds out what is to be published.
    Begin(Publisher),
    /// A publisher goes on.
    Go(Publisher, Step),
    /// A publisher's process dies.
    Crash(Publisher),
    /// The mapping gives up what it tries now: the records are too old.
    Expire,
    /// Lambda sends a pointer to what the mapping has given up.
    SendPointer,
    /// That pointer gets lost.
    LosePointer,
    /// An operator corrects a parked row, which makes it pending.
    Mend(Event),
    /// An operator discards a parked row.
    Discard(Event),
    /// An operator makes a parked row pending as it is.
    Unpark(Event),
}

/// A step of a publisher: one effect, or its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Puts an event on the bus.
    Put(Event, Answer),
    /// Deletes the rows of what it has published.
    Delete,
    /// The table deletes nothing until the time is up.
    FailToDelete,
    /// Does not believe that a row is poison, because nothing else was accepted.
    Suspect(Event),
    /// Sends the dead letter of a row.
    SendLetter(Event),
    /// Sets a row aside.
    Park(Event),
    /// The dead letter cannot be sent, or the row not set aside.
    FailToPark(Event),
    /// Leaves what failed to the sweeper, and ends.
    LeaveToSweeper,
    /// Answers the mapping; as a replay, deletes the messages that are settled.
    End,
}

/// What the bus does with an event, and what the relay hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The bus has it.
    Accepted,
    /// The bus has it, and nobody is told.
    Lost,
    /// The bus does not take it until the time is up.
    Refused,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(publisher) => write!(f, "{publisher:?}: Begin"),
            Self::Go(publisher, step) => write!(f, "{publisher:?}: {step:?}"),
            Self::Crash(publisher) => write!(f, "{publisher:?}: Crash"),
            Self::Expire | Self::SendPointer | Self::LosePointer => write!(f, "Mapping: {self:?}"),
            Self::Mend(_) | Self::Discard(_) | Self::Unpark(_) => write!(f, "Operator: {self:?}"),
            Self::GrowOld => write!(f, "{self:?}"),
        }
    }
}
