use std::collections::BTreeMap;

use crate::{RowKey, ports::Poison};
use jiff::SignedDuration;

/// What became of every row that came to the relay.
#[derive(Debug, Default)]
pub struct Outcome {
    fates: BTreeMap<RowKey, Fate>,
    /// Rows whose events are published but that could not be deleted. They are
    /// tried again with the next call; until then a look-up finds them pending.
    pub undeleted: Vec<RowKey>,
    /// How long each published event took from its commit to the bus. The clocks
    /// are two: it may be negative.
    pub commit_to_publish: Vec<SignedDuration>,
    /// Why nothing can be published until somebody mends the set-up, if so.
    pub halted: Option<String>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is left to do.
    Settled(Settled),
    /// It must come again.
    Failed(Failure),
}

/// Why nothing is left to do for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The bus, known to exist, has the event.
    Published,
    /// The row is gone: its event was published before.
    Absent,
    /// The row was set aside before, with a dead letter.
    AlreadyParked,
    /// A person has edited the row since: whoever reads it from the table publishes
    /// it as it is now.
    Edited,
    /// A dead letter was sent, then the row was set aside.
    Parked(Poison),
    /// It has failed for long while others got through. The row is still there,
    /// and the sweeper goes on with it.
    LeftToSweeper(Failure),
}

/// Why a row must come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The record cannot be read, and that is not proof that it never can.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It may have been published before, and the table did not say.
    #[error("could not be looked up: {0}")]
    LookUp(String),
    /// The bus is not known to exist.
    #[error("the bus is not known to exist: {0}")]
    Bus(String),
    /// The bus refused it because of the set-up.
    #[error("refused because of the set-up: {0}")]
    SetUp(String),
    /// It kept failing until the time was up.
    #[error("not accepted in time: {0}")]
    NotAccepted(String),
    /// A person has edited the row meanwhile.
    #[error("edited meanwhile: it is to be tried again as it is now")]
    Edited,
    /// The time was up before it was tried.
    #[error("the time was up before it was tried")]
    OutOfTime,
    /// An earlier event of the same aggregate failed.
    #[error("held back behind {0}")]
    HeldBack(RowKey),
    /// The bus refused it for its content, but accepted no other event either:
    /// the fault may be elsewhere.
    #[error("refused for its content, but so far nothing else was accepted: {0}")]
    Suspected(Poison),
    /// More rows than usual are at fault: more likely the fault is elsewhere.
    #[error("refused for its content like too many others at once: {0}")]
    TooManyPoisoned(Poison),
    /// The dead letter could not be sent.
    #[error("the dead letter could not be sent: {0}")]
    DeadLetter(String),
    /// The dead letter is sent, but the row could not be set aside.
    #[error("could not be parked: {0}")]
    Park(String),
    /// The bus has the event, but the row is still there: it would be published
    /// again.
    #[error("published, but could not be deleted")]
    Undeleted,
    /// The relay itself panicked over it.
    #[error("the relay panicked over it")]
    Panicked,
}

impl Outcome {
    /// What became of a row; `None` if it never came.
    pub fn fate(&self, key: &RowKey) -> Option<&Fate> {
        self.fates.get(key)
    }

    /// Every row and what became of it.
    pub fn fates(&self) -> impl Iterator<Item = (&RowKey, &Fate)> {
        self.fates.iter()
    }

    pub(crate) fn settle(&mut self, key: RowKey, settled: Settled) {
        self.fates.insert(key, Fate::Settled(settled));
    }

    pub(crate) fn fail(&mut self, key: RowKey, failure: Failure) {
        self.fates.insert(key, Fate::Failed(failure));
    }

    /// Leaves rows that failed to the sweeper.
    pub(crate) fn leave(&mut self, may_be_left: impl Fn(&RowKey) -> bool) {
        for (key, fate) in &mut self.fates {
            if let Fate::Failed(failure) = fate
                && may_be_left(key)
            {
                *fate = Fate::Settled(Settled::LeftToSweeper(failure.clone()));
            }
        }
    }

    /// How many rows were settled or failed the way `is` tells.
    pub fn count(&self, is: impl Fn(&Fate) -> bool) -> usize {
        self.fates.values().filter(|fate| is(fate)).count()
    }
}
