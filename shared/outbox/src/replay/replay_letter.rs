use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    RowKey,
    handlers::{CutShort, sweeper::sweep},
    ports::{DeadLetters, EventBus, Message, OutboxTable, RowState, StreamError, StreamReader},
    relay::{Failure, Fate, Relay, Settled, budget::Budget, look_up::look_up, patience::PATIENCE},
    replay::{
        letter::{Letter, Pointer},
        range::rows_in_range,
    },
};

/// How far the clock of a writer may be off: what a trimmed part of the stream
/// held was committed at most so long after the stream had it.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long one pass over the table may take before it is begun anew.
const ONE_SWEEP: Duration = Duration::from_mins(5);

/// Replays dead letters: publishes what they name and is still pending.
pub struct Replay<B, T, D, S, Q> {
    pub(super) relay: Relay<B, T, D>,
    pub(super) stream: S,
    pub(super) queue: Q,
    table_arn: String,
}

/// What a dead letter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// These rows.
    Rows(Vec<RowKey>),
    /// Rows that nobody knows any more, because the stream no longer has them.
    /// They are among those committed until then.
    CommittedUntil {
        /// Until when.
        until: Timestamp,
        /// Why they are not known.
        reason: String,
    },
}

/// What became of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing it names is still pending: the letter is deleted.
    Settled {
        /// How many rows it names that are published now.
        published: usize,
        /// How many rows it names that were settled before.
        before: usize,
        /// Why it was settled from the table rather than the stream, if it was.
        from_table: Option<String>,
    },
    /// Some of what it names is still there: the letter stays.
    Pending {
        /// Rows that are set aside, until a person decides.
        parked: Vec<RowKey>,
        /// Rows that could not be published, and why.
        failed: Vec<(RowKey, Failure)>,
    },
    /// It could not be settled: the letter stays.
    Unsettled(Unsettled),
}

/// Why a dead letter could not be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsettled {
    /// The message is no dead letter.
    #[error("no dead letter: {0}")]
    NotADeadLetter(String),
    /// It is about something else than this outbox.
    #[error("of another outbox: {0}")]
    Foreign(String),
    /// What it names cannot be found out for now.
    #[error("the stream could not be read: {0}")]
    Stream(String),
    /// The table could not be gone through.
    #[error("the table could not be settled: {0}")]
    Table(String),
    /// Everything it names is settled, but the letter could not be deleted.
    #[error("settled, but the letter could not be deleted: {0}")]
    NotDeleted(String),
}

/// What is known while dead letters are settled, one batch after another.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Nothing pending was committed until then.
    settled_until: Option<Timestamp>,
    /// Why nothing can be published until somebody mends the set-up, if so.
    pub(super) halted: Option<String>,
    /// Rows that were published.
    pub(super) published: usize,
}

impl<B, T, D, S, Q> Replay<B, T, D, S, Q>
where
    B: EventBus,
    T: OutboxTable,
    D: DeadLetters,
    S: StreamReader,
{
    /// Replays the letters of this queue. `table_arn` is the ARN of the relay's
    /// outbox table, by which letters of other tables are told.
    pub fn new(relay: Relay<B, T, D>, stream: S, queue: Q, table_arn: impl Into<String>) -> Self {
        Self {
            relay,
            stream,
            queue,
            table_arn: table_arn.into(),
        }
    }

    /// What publishes.
    pub fn relay(&self) -> &Relay<B, T, D> {
        &self.relay
    }

    /// Where the letters are.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    /// Finds out what a letter names.
    ///
    /// # Errors
    ///
    /// If it is about another table, or the stream cannot be read.
    pub async fn named(&self, letter: &Letter) -> Result<Named, Unsettled> {
        match letter {
            Letter::Reference(letter) if letter.table == self.relay.table().name() => {
                Ok(Named::Rows(vec![letter.key.clone()]))
            }
            Letter::Reference(letter) => Err(Unsettled::Foreign(format!(
                "its table is {:?}",
                letter.table
            ))),
            Letter::Pointer(pointer) => self.named_by(pointer).await,
        }
    }

    async fn named_by(&self, pointer: &Pointer) -> Result<Named, Unsettled> {
        let our_streams = format!("{}/stream/", self.table_arn);
        if !pointer.stream_arn.starts_with(&our_streams) {
            let problem = format!("its stream is {:?}", pointer.stream_arn);
            return Err(Unsettled::Foreign(problem));
        }
        let deadline = Instant::now() + PATIENCE;
        match rows_in_range(&self.stream, self.relay.pauses(), pointer, deadline).await {
            Ok(rows) => Ok(Named::Rows(rows)),
            Err(StreamError::Gone(reason)) => Ok(Named::CommittedUntil {
                until: pointer
                    .last_arrival
                    .checked_add(CLOCK_SKEW)
                    .unwrap_or(Timestamp::MAX),
                reason,
            }),
            Err(error) => Err(Unsettled::Stream(error.to_string())),
        }
    }

    /// What has become of rows; a row nobody told of has the reason.
    pub async fn states(&self, rows: &[RowKey]) -> HashMap<RowKey, Result<RowState, String>> {
        let budget = Budget::until(Instant::now() + PATIENCE);
        look_up(self.relay.table(), self.relay.pauses(), rows, &budget).await
    }

    /// Settles messages together. Nothing is deleted from the queue here.
    pub(super) async fn settle(
        &self,
        messages: &[Message],
        progress: &mut Progress,
    ) -> Vec<Verdict> {
        let mut named = Vec::new();
        for message in messages {
            named.push(self.read(message).await);
        }
        let known = named.iter().filter_map(|named| match named {
            Ok(Named::Rows(rows)) => Some(rows),
            _ => None,
        });
        let rows: BTreeSet<RowKey> = known.flatten().cloned().collect();
        let fates = self.settle_rows(&rows, progress).await;
        let mut verdicts = Vec::new();
        for named in named {
            verdicts.push(match named {
                Ok(Named::Rows(rows)) => verdict(&rows, &fates),
                Ok(Named::CommittedUntil { until, reason }) => {
                    self.settle_table(until, reason, progress).await
                }
                Err(unsettled) => Verdict::Unsettled(unsettled),
            });
        }
        verdicts
    }

    /// What settling messages would come to. Nothing is published.
    pub(super) async fn foresee(&self, messages: &[Message]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for message in messages {
            verdicts.push(match self.read(message).await {
                Ok(Named::Rows(rows)) => {
                    let states = self.states(&rows).await;
                    let published = Fate::Settled(Settled::Published);
                    let fates = states.into_iter().map(|(key, state)| {
                        (key, fate(state).unwrap_or_else(|| published.clone()))
                    });
                    verdict(&rows, &fates.collect())
                }
                Ok(Named::CommittedUntil { reason, .. }) => Verdict::Settled {
                    published: 0,
                    before: 0,
                    from_table: Some(reason),
                },
                Err(unsettled) => Verdict::Unsettled(unsettled),
            });
        }
        verdicts
    }

    async fn read(&self, message: &Message) -> Result<Named, Unsettled> {
        let letter = Letter::parse(&message.body)
            .map_err(|error| Unsettled::NotADeadLetter(error.to_string()))?;
        self.named(&letter).await
    }

    async fn settle_rows(
        &self,
        rows: &BTreeSet<RowKey>,
        progress: &mut Progress,
    ) -> HashMap<RowKey, Fate> {
        let rows: Vec<RowKey> = rows.iter().cloned().collect();
        let mut fates = HashMap::new();
        let mut pending = BTreeSet::new();
        for (key, state) in self.states(&rows).await {
            if let Some(fate) = fate(state) {
                fates.insert(key, fate);
            } else {
                pending.insert(key);
            }
        }
        if !pending.is_empty() {
            let through = self.relay.publish_through(&pending).await;
            progress.published += through.published;
            progress.halted = progress.halted.take().or(through.halted);
            fates.extend(through.fates);
        }
        fates
    }

    /// Settles rows that nobody knows: everything pending that was committed
    /// until then is published.
    async fn settle_table(
        &self,
        until: Timestamp,
        reason: String,
        progress: &mut Progress,
    ) -> Verdict {
        let mut published = 0;
        while progress.settled_until.is_none_or(|settled| settled < until) {
            let swept = sweep(&self.relay, until, Instant::now() + ONE_SWEEP).await;
            published += swept.published;
            progress.published += swept.published;
            let problem = match swept.cut_short {
                // They would count as published with every pass.
                _ if swept.undeleted > 0 => {
                    format!(
                        "{} rows are published, but could not be deleted",
                        swept.undeleted
                    )
                }
                None if swept.failed == 0 => {
                    progress.settled_until = Some(until);
                    continue;
                }
                None => format!("{} rows could not be published", swept.failed),
                // What was published is no longer there, so the next pass gets on.
                Some(CutShort::OutOfTime) if swept.published > 0 => continue,
                Some(CutShort::SetUp(reason)) => {
                    progress.halted = Some(reason.clone());
                    reason
                }
                Some(cut_short) => cut_short.to_string(),
            };
            return Verdict::Unsettled(Unsettled::Table(problem));
        }
        Verdict::Settled {
            published,
            before: 0,
            from_table: Some(reason),
        }
    }
}

/// What became of a row in this state; nothing yet, if it is pending.
fn fate(state: Result<RowState, String>) -> Option<Fate> {
    match state {
        Ok(RowState::Pending | RowState::Edited(_)) => None,
        Ok(RowState::Absent) => Some(Fate::Settled(Settled::Absent)),
        Ok(RowState::Parked) => Some(Fate::Settled(Settled::AlreadyParked)),
        Err(error) => Some(Fate::Failed(Failure::LookUp(error))),
    }
}

/// What a letter comes to that names these rows. A row without a fate is
/// pending.
fn verdict(rows: &[RowKey], fates: &HashMap<RowKey, Fate>) -> Verdict {
    let mut published = 0;
    let mut before = 0;
    let mut parked = Vec::new();
    let mut failed = Vec::new();
    for key in rows {
        match fates.get(key) {
            Some(Fate::Settled(Settled::Published)) => published += 1,
            Some(Fate::Settled(Settled::Absent)) => before += 1,
            Some(Fate::Settled(Settled::AlreadyParked | Settled::Parked(_))) => {
                parked.push(key.clone());
            }
            Some(Fate::Settled(Settled::LeftToSweeper(failure)) | Fate::Failed(failure)) => {
                failed.push((key.clone(), failure.clone()));
            }
            Some(Fate::Settled(Settled::Edited)) => {
                failed.push((key.clone(), Failure::Edited));
            }
            None => failed.push((key.clone(), Failure::OutOfTime)),
        }
    }
    if parked.is_empty() && failed.is_empty() {
        Verdict::Settled {
            published,
            before,
            from_table: None,
        }
    } else {
        Verdict::Pending { parked, failed }
    }
}
