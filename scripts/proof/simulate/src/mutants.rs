//! Deliberate mistakes.

use std::fmt;

use clap::ValueEnum;

/// A deliberate mistake, of a kind that other implementations make. The checks are only
/// worth something if they find every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mutant {
    /// Rows are deleted before they are published.
    DeleteBeforePublish,
    /// All entries of a `PutEvents` request count as accepted, whatever the response says.
    IgnoreFailedEntryCount,
    /// The bus is assumed to exist.
    NoBusCheck,
    /// The response names the record after the one that failed.
    CheckpointPastFailure,
    /// The response to a failure is `null`.
    NullResponse,
    /// Rows are looked up in a copy that lags behind.
    EventuallyConsistentLookUp,
    /// A key that the table left unprocessed counts as absent.
    UnprocessedIsAbsent,
    /// Parking creates the row if it is gone.
    UnconditionalPark,
    /// Rows are parked before the dead letter is sent.
    ParkBeforeDeadLetter,
    /// Missing permissions count as a fault of the event.
    AccessDeniedParks,
    /// Messages are deleted when they are received.
    DeleteMessageFirst,
    /// A replay reads as many records of a pointer's range as the batch had.
    BatchSizeAsStop,
    /// A pointer to records that the stream has dropped counts as settled.
    TrimmedIsSettled,
    /// The sweeper publishes parked rows, too.
    SweepParkedRows,
    /// An edited row is published, or parked, as the stream shows it.
    IgnoreEdits,
    /// What the relay leaves to the sweeper is never swept.
    NoSweeper,
    /// The response names the record that comes first if sequence numbers are compared as
    /// text.
    SequenceNumbersAsText,
    /// Failures are reported at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
    /// The first events of an aggregate don't claim its id for one item.
    NoClaim,
    /// A transaction without a response counts as not written.
    SilenceIsRefusal,
    /// Nothing is left to the sweeper: what fails blocks its shard.
    LeaveNothing,
    /// The relay finds no other events while it has only failing ones left.
    FindNoOthers,
    /// A put without an answer is sent again after five seconds, three times, as a client
    /// with the SDK's retries does.
    PutRetriedByClient,
    /// A delete that was denied counts as done.
    DenialIsDeleted,
    /// The sweeper doesn't see when a row was parked.
    ForgetParkedAt,
    /// A bus that can't be asked for counts as existing.
    UnavailableBusExists,
    /// The age of a confirmation that the bus exists doesn't contain the time for which Lambda had
    /// frozen the process.
    FrozenClock,
    /// The sweeper retries what the bus rejects for now before it goes on.
    RetryInFront,
    /// The events before one are read in a copy that lags behind.
    EventuallyConsistentPredecessors,
    /// A process that has put an event of an aggregate reads nothing before later ones.
    TrustOldAcceptance,
    /// What a parked row held is not published when that row is discarded.
    ForgetHeldRows,
    /// The sweeper publishes rows behind a parked one.
    SweepBehindParkedRows,
    /// A row that is unparked or edited is published without what it held.
    PublishOneRow,
    /// A writer that publishes at once reads nothing before its events.
    UnorderedWriter,
    /// The relay beside writers that publish at once looks up old records only.
    YoungNotLookedUp,
    /// A writer that publishes at once begins only when its invocation has ended. Lambda may freeze
    /// it at any step then.
    PublishAfterInvocation,
    /// A consumer handles every delivery.
    NoInbox,
    /// A consumer records that it has handled an event before it handles it.
    RecordBeforeEffect,
}

impl Mutant {
    /// Returns all of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
