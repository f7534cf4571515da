//! Deliberate mistakes in the protocol.

use std::fmt;

use clap::ValueEnum;

use crate::property_names;

/// A deliberate mistake. The properties are only worth something if each mistake is
/// found, by the property that is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mistake {
    /// Rows are deleted before they are published.
    DeleteBeforePublish,
    /// Rows are parked before the dead letter is sent.
    ParkBeforeLetter,
    /// Parking creates the row if it is gone.
    UnconditionalPark,
    /// The response names the record after the one that failed.
    CheckpointPastFailure,
    /// Failures are reported at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
    /// An event that failed does not hold back the later ones of its aggregate.
    NoHoldingBack,
    /// The stream does not read the events before those of its batch.
    NoPredecessorCheck,
    /// A writer publishes at once without reading the events before its own.
    WriterWithoutPredecessors,
    /// A writer publishes at once, and the stream does not look up young records.
    YoungNotLookedUp,
    /// The sweeper publishes events behind a parked row.
    SweepBehindParked,
    /// An event without a response is put on the bus until there is one.
    UnboundedPuts,
    /// Messages are deleted when they are received.
    DeleteMessageFirst,
    /// What the relay leaves to the sweeper is never swept.
    NoSweeper,
}

impl Mistake {
    /// Returns all of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns whether it is about a writer that publishes at once.
    pub fn is_of_writer(self) -> bool {
        matches!(
            self,
            Self::WriterWithoutPredecessors | Self::YoungNotLookedUp
        )
    }

    /// Returns the name of the property that is about it.
    pub fn violates(self) -> &'static str {
        match self {
            Self::DeleteBeforePublish => property_names::NOTHING_IS_LOST,
            Self::ParkBeforeLetter => property_names::PARKED_HAS_LETTER,
            Self::UnconditionalPark => property_names::GONE_STAYS_GONE,
            Self::CheckpointPastFailure => property_names::DONE_IS_DONE,
            Self::AnswerTooEarly | Self::YoungNotLookedUp => property_names::DUPLICATES_HAVE_CAUSES,
            Self::NoHoldingBack
            | Self::NoPredecessorCheck
            | Self::WriterWithoutPredecessors
            | Self::SweepBehindParked => property_names::ORDER,
            Self::UnboundedPuts => property_names::COPIES_ARE_BOUNDED,
            Self::DeleteMessageFirst => property_names::MESSAGES_STAY,
            Self::NoSweeper => property_names::EVERY_PATH_DRAINS,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
