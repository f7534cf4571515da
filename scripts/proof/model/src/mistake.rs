use std::fmt;

use clap::ValueEnum;

use crate::properties;

/// A deliberate mistake. The properties are worth something only if each is found,
/// and by the property that is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mistake {
    /// Rows are deleted, then published.
    DeleteBeforePublish,
    /// Rows are parked, then the dead letter is sent.
    ParkBeforeLetter,
    /// Parking writes the row anew if it is gone.
    UnconditionalPark,
    /// The batch is cut behind the record that failed.
    CheckpointPastFailure,
    /// Failures are answered at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
    /// An event that failed does not hold back the later ones of its aggregate.
    NoHoldingBack,
    /// Messages are deleted when they are received.
    DeleteMessageFirst,
    /// What was left to the sweeper is swept by nobody.
    NoSweeper,
}

impl Mistake {
    /// All of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The property that is about it.
    pub fn violates(self) -> &'static str {
        match self {
            Self::DeleteBeforePublish => properties::NOTHING_IS_LOST,
            Self::ParkBeforeLetter => properties::PARKED_IS_TOLD,
            Self::UnconditionalPark => properties::REMOVED_FOR_EVER,
            Self::CheckpointPastFailure => properties::DONE_IS_DONE,
            Self::AnswerTooEarly => properties::DUPLICATES_HAVE_CAUSES,
            Self::NoHoldingBack => properties::ORDER,
            Self::DeleteMessageFirst => properties::MESSAGES_STAY,
            Self::NoSweeper => properties::EVERY_PATH_DRAINS,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
