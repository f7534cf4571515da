use std::fmt;

use clap::ValueEnum;

/// A deliberate mistake, of the kind other implementations make. The checks are
/// worth something only if they find every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    /// Rows are deleted, then published.
    DeleteBeforePublish,
    /// Whatever `PutEvents` answers, all entries count as accepted.
    IgnoreFailedEntryCount,
    /// The bus is taken to exist.
    NoBusCheck,
    /// The batch is cut behind the record that failed.
    CheckpointPastFailure,
    /// A failure is answered with `null`.
    NullResponse,
    /// Rows are looked up in a copy that lags behind.
    EventuallyConsistentLookUp,
    /// A key the table left unprocessed counts as absent.
    UnprocessedIsAbsent,
    /// Parking writes the row anew if it is gone.
    UnconditionalPark,
    /// Rows are parked, then the dead letter is sent.
    ParkBeforeDeadLetter,
    /// Missing rights count as a fault of the event.
    AccessDeniedParks,
    /// Messages are deleted when they are received.
    DeleteMessageFirst,
    /// A pointer's range is read for as many records as were given up.
    BatchSizeAsStop,
    /// A pointer to what the stream no longer has counts as settled.
    TrimmedIsSettled,
    /// Parked rows are swept like others; their marks are not looked at.
    SweepParkedRows,
    /// What was edited is published, or set aside, as the stream shows it.
    IgnoreEdits,
    /// What was left to the sweeper is swept by nobody.
    NoSweeper,
    /// Sequence numbers are compared as text.
    SequenceNumbersAsText,
    /// Failures are answered at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
    /// A transaction without an answer counts as not written.
    SilenceIsRefusal,
    /// A consumer handles whatever comes.
    NoInbox,
    /// A consumer records that it has handled an event, then handles it.
    RecordBeforeEffect,
}

impl Bug {
    /// All of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
