//! What became of the rows that were passed to the relay, and why some failed.

use std::collections::BTreeMap;

use crate::{
    RowKey, Unreadable,
    ports::{CallError, Poison},
};
use jiff::SignedDuration;

/// What became of the rows that were passed to the relay.
#[derive(Debug, Default)]
pub struct Outcome {
    row_outcomes: BTreeMap<RowKey, RowOutcome>,
    /// Rows that are published but could not be deleted. The next call deletes them; until
    /// then a look-up finds them pending.
    pub undeleted: Vec<RowKey>,
    /// The time from commit to acceptance by the bus, of each published event. It is
    /// measured with two clocks and may be negative.
    pub commit_to_publish: Vec<SignedDuration>,
    /// Why nothing can be published until permissions or configuration are fixed, if so.
    pub halted: Option<Halt>,
    /// How many events were sent in requests to which the bus didn't respond in time. It may have
    /// accepted them, so each may be published once more than the table shows.
    pub unanswered: usize,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// Nothing is left to do.
    Settled(Settled),
    /// It has to be retried.
    Failed(Failure),
}

/// Why nothing is left to do for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The bus exists and accepted the event.
    Published,
    /// The row is gone: it was published or discarded before.
    Absent,
    /// The row was parked before, with a dead letter.
    AlreadyParked,
    /// An operator has edited the row since it was read. The sweeper, or the operator's
    /// command, publishes the current row from the table.
    Edited,
    /// A dead letter was sent, then the row was parked.
    Parked(Poison),
    /// It failed while other events were accepted. The row stays in the table, where the
    /// sweeper tries it again, and doesn't block its shard.
    LeftToSweeper(Failure),
    /// It is behind this parked event of its aggregate. An operator's command that unparks,
    /// edits or discards that one publishes this one, too; otherwise the sweeper does.
    Held(RowKey),
}

/// Why a row has to be retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The row can't be read by this relay; a newer one may be able to.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] Unreadable),
    /// The events before it could not be read, and it may overtake one.
    #[error("the events before it could not be read: {0}")]
    Predecessors(#[source] CallError),
    /// It may have been published before, and the look-up failed.
    #[error("could not be looked up: {0}")]
    LookUp(#[source] CallError),
    /// Nothing can be published until permissions or configuration are fixed.
    #[error("not published: {0}")]
    Halted(#[source] Halt),
    /// The bus rejected it for missing permissions or wrong configuration, and only it.
    #[error("rejected because of permissions or configuration: {0}")]
    Configuration(String),
    /// The bus did not accept it before the deadline.
    #[error("not accepted in time: {0}")]
    NotAccepted(String),
    /// The bus did not respond in time, and may have accepted it.
    #[error("no response in time: the bus may have accepted it")]
    Unanswered,
    /// The bus rejected it again and again, and accepted others meanwhile.
    #[error("rejected again and again while others were accepted: {0}")]
    RejectedAmongOthers(String),
    /// An operator has edited the row since it was read.
    #[error("edited since it was read; retry with the current row")]
    Edited,
    /// It was not attempted before the deadline.
    #[error("not attempted before the deadline")]
    OutOfTime,
    /// An earlier event of the same aggregate failed.
    #[error("held back behind {0}")]
    HeldBack(RowKey),
    /// The bus rejected it for its content, but accepted no other event either: the bus may
    /// be at fault.
    #[error("rejected for its content, but so far nothing else was accepted: {0}")]
    Suspected(Poison),
    /// Too many rows are poison at once: a common cause is more likely.
    #[error("rejected for its content, like too many others at once: {0}")]
    TooManyPoisoned(Poison),
    /// The dead letter could not be sent.
    #[error("the dead letter could not be sent: {0}")]
    DeadLetter(#[source] CallError),
    /// The dead letter was sent, but the row could not be parked.
    #[error("could not be parked: {0}")]
    Park(#[source] CallError),
    /// The bus accepted the event, but the row is still there and would be published again.
    #[error("published, but could not be deleted")]
    Undeleted,
}

/// Why nothing can be published until permissions or configuration are fixed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Halt {
    /// The bus is not known to exist.
    #[error("could not confirm that the bus exists: {0}")]
    Bus(#[source] BusError),
    /// The bus rejects every request.
    #[error("the bus rejects every request: {0}")]
    Put(#[source] CallError),
    /// Published rows can't be deleted, so every event would be published again and again.
    #[error("published rows can't be deleted: {0}")]
    Delete(#[source] CallError),
    /// A row could not be parked although its dead letter was sent: each further attempt
    /// would send another.
    #[error("{0} could not be parked: {1}")]
    Park(RowKey, #[source] CallError),
}

/// Why the bus is not known to exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It doesn't exist.
    #[error("there is no such bus")]
    Missing,
    /// The call that asks for it failed.
    #[error(transparent)]
    Call(CallError),
}

impl RowOutcome {
    /// Returns whether the event isn't on the bus yet, and was not discarded.
    pub(crate) fn is_unpublished(&self) -> bool {
        !matches!(self, Self::Settled(Settled::Published | Settled::Absent))
    }

    /// Returns what becomes of a row that is held back by `earlier`, which has this outcome.
    pub(crate) fn of_row_behind(&self, earlier: &RowKey) -> Self {
        let held_back = Failure::HeldBack(earlier.clone());
        match self {
            Self::Settled(Settled::Parked(_) | Settled::AlreadyParked) => {
                Self::Settled(Settled::Held(earlier.clone()))
            }
            Self::Settled(Settled::Held(parked)) => Self::Settled(Settled::Held(parked.clone())),
            // The operator's command that edited it publishes what follows, and so does the sweeper.
            Self::Settled(Settled::LeftToSweeper(_) | Settled::Edited) => {
                Self::Settled(Settled::LeftToSweeper(held_back))
            }
            Self::Settled(Settled::Published | Settled::Absent) | Self::Failed(_) => {
                Self::Failed(held_back)
            }
        }
    }
}

impl Outcome {
    /// Returns what became of a row; `None` if it was not passed to the relay.
    pub fn of(&self, key: &RowKey) -> Option<&RowOutcome> {
        self.row_outcomes.get(key)
    }

    /// Returns every row, and what became of it.
    pub fn rows(&self) -> impl Iterator<Item = (&RowKey, &RowOutcome)> {
        self.row_outcomes.iter()
    }

    pub(crate) fn settle(&mut self, key: RowKey, settled: Settled) {
        self.row_outcomes.insert(key, RowOutcome::Settled(settled));
    }

    pub(crate) fn fail(&mut self, key: RowKey, failure: Failure) {
        self.row_outcomes.insert(key, RowOutcome::Failed(failure));
    }

    /// Leaves to the sweeper the rows whose failures `is_left` chooses. A row that is held back
    /// follows the one that holds it: it is left as well, or held behind a parked one.
    pub(crate) fn leave(&mut self, is_left: impl Fn(&Failure) -> bool) {
        let mut decided: BTreeMap<RowKey, RowOutcome> = BTreeMap::new();
        // In ascending order, so an event comes before those that it holds back.
        for (key, row_outcome) in &mut self.row_outcomes {
            match row_outcome {
                RowOutcome::Failed(Failure::HeldBack(earlier)) => {
                    if let Some(of_earlier) = decided.get(earlier) {
                        *row_outcome = of_earlier.of_row_behind(earlier);
                    }
                }
                RowOutcome::Failed(failure) if is_left(failure) => {
                    *row_outcome = RowOutcome::Settled(Settled::LeftToSweeper(failure.clone()));
                }
                _ => {}
            }
            decided.insert(key.clone(), row_outcome.clone());
        }
    }

    /// Adds the rows of another outcome.
    pub(crate) fn add(&mut self, rows: Self) {
        self.row_outcomes.extend(rows.row_outcomes);
    }

    /// Counts the rows of which `is` holds.
    pub fn count(&self, is: impl Fn(&RowOutcome) -> bool) -> usize {
        self.row_outcomes
            .values()
            .filter(|row_outcome| is(row_outcome))
            .count()
    }
}
