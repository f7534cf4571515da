//! Settles single dead letters: finds out which rows a letter names, and publishes those
//! that are pending.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    RowKey,
    handlers::{CutShort, sweeper::sweep},
    ports::{
        CallError, DeadLetters, EventBus, Message, OutboxTable, RowState, StreamError, StreamReader,
    },
    relay::{
        Failure, Halt, Relay, RowOutcome, Settled, budget::Budget, look_up::look_up,
        patience::PATIENCE,
    },
    replay::{
        dead_letter::{Letter, NotADeadLetter, Pointer},
        range::rows_in_range,
    },
};

/// How far the clock of a writer may be ahead of the stream's: `committedAt` of a row is at
/// most this long after its record was written to the stream.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long one pass over the table may take; if it takes longer, another pass begins.
const ONE_SWEEP: Duration = Duration::from_mins(5);

/// Replays dead letters: publishes the rows that they name and that are still pending.
///
/// ```no_run
/// use outbox::replay::{Replay, Selection};
/// # use outbox::{
/// #     aws::{DynamoDbStreams, DynamoDbTable, EventBridgeBus, SqsQueue},
/// #     ports::CallError,
/// #     relay::Relay,
/// # };
///
/// # async fn replay(
/// #     relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>,
/// #     streams: DynamoDbStreams,
/// #     queue: SqsQueue,
/// # ) -> Result<(), CallError> {
/// let table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/outbox";
/// let replay = Replay::new(relay, streams, queue, table_arn);
///
/// let summary = replay
///     .run(&Selection::default(), || false, |letter, outcome| {
///         println!("{}: {outcome:?}", letter.id);
///     })
///     .await?;
/// println!("{} letters settled, {} left", summary.settled, summary.left);
/// # Ok(())
/// # }
/// ```
pub struct Replay<B, T, D, S, Q> {
    pub(super) relay: Relay<B, T, D>,
    /// Where the rows of Lambda's letters are read.
    pub(super) stream: S,
    /// The letters.
    pub(super) queue: Q,
    /// The ARN of the relay's table.
    table_arn: String,
}

/// The rows that a dead letter names: what [`Replay::named`] returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedRows {
    /// These rows.
    Rows(Vec<RowKey>),
    /// Unknown rows, because the stream no longer contains their records. They are among
    /// the rows committed until then.
    CommittedUntil {
        /// The latest time of their commits.
        until: Timestamp,
        /// Why they are unknown.
        reason: String,
    },
}

/// What became of a dead letter; see [`Replay`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterOutcome {
    /// No row that it names is still pending: the letter is deleted.
    Settled {
        /// How many of its rows were published now.
        published: usize,
        /// How many of its rows were settled before.
        before: usize,
        /// Why it was settled from the table rather than the stream, if it was.
        from_table: Option<String>,
    },
    /// Some rows that it names are still there: the letter stays.
    Pending {
        /// Rows that are parked until an operator decides.
        parked: Vec<RowKey>,
        /// Rows that could not be published, and why.
        failed: Vec<(RowKey, Failure)>,
    },
    /// It could not be settled: the letter stays.
    Unsettled(SettleError),
}

/// Why a dead letter could not be settled; the letter stays in the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The message is not a dead letter.
    #[error("not a dead letter: {0}")]
    NotADeadLetter(#[source] NotADeadLetter),
    /// It is a letter of another outbox: it names this table.
    #[error("of another outbox: its table is {0:?}")]
    OtherTable(String),
    /// It is a letter of another outbox: it names this stream.
    #[error("of another outbox: its stream is {0:?}")]
    OtherStream(String),
    /// The stream could not be read, so its rows are unknown for now.
    #[error("the stream could not be read: {0}")]
    Stream(#[source] StreamError),
    /// Pending rows of the table are published, but could not be deleted, so that another pass
    /// would find them again.
    #[error("the table could not be settled: {0} rows are published, but could not be deleted")]
    Undeleted(usize),
    /// Pending rows of the table could not be published.
    #[error("the table could not be settled: {0} rows could not be published")]
    Unpublished(usize),
    /// The table could not be read to its end, or nothing can be published.
    #[error("the table could not be settled: {0}")]
    CutShort(#[source] CutShort),
    /// All of its rows are settled, but the queue did not delete the letter.
    #[error("settled, but the letter could not be deleted: the queue did not delete it")]
    NotDeleted,
    /// All of its rows are settled, but the call to delete the letter failed.
    #[error("settled, but the letter could not be deleted: {0}")]
    Delete(#[source] CallError),
}

/// The state that batches of one replay share.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// All rows committed until then are settled.
    settled_until: Option<Timestamp>,
    /// Why nothing can be published until permissions or configuration are fixed, if so.
    pub(super) halted: Option<Halt>,
    /// How many rows were published.
    pub(super) published: usize,
    /// Aggregates that are not published again for other letters, and what becomes of their rows:
    /// an event without a response would be put again for each letter, rows behind a parked one
    /// would be read again, and those behind a failed one would wait for it again.
    stuck: HashMap<String, RowOutcome>,
}

impl Progress {
    /// Returns what becomes of a pending row whose aggregate can't be published further.
    fn stuck_with(&self, key: &RowKey) -> Option<RowOutcome> {
        let stuck = self.stuck.get(&key.aggregate_id)?;
        let is_stuck = match stuck {
            RowOutcome::Settled(Settled::Held(first))
            | RowOutcome::Failed(Failure::HeldBack(first)) => first.precedes(key),
            _ => true,
        };
        is_stuck.then(|| stuck.clone())
    }
}

impl<B, T, D, S, Q> Replay<B, T, D, S, Q>
where
    B: EventBus,
    T: OutboxTable,
    D: DeadLetters,
    S: StreamReader,
{
    /// Creates a replay of the letters of this queue. `table_arn` is the ARN of the relay's
    /// table; letters of other tables are not replayed. See [`Replay`] for an example.
    pub fn new(relay: Relay<B, T, D>, stream: S, queue: Q, table_arn: impl Into<String>) -> Self {
        Self {
            relay,
            stream,
            queue,
            table_arn: table_arn.into(),
        }
    }

    /// Returns the relay that publishes.
    pub fn relay(&self) -> &Relay<B, T, D> {
        &self.relay
    }

    /// Returns the dead-letter queue.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    /// Returns the rows that a letter names.
    ///
    /// ```no_run
    /// use outbox::replay::{Letter, NamedRows, SettleError};
    /// # use outbox::{
    /// #     aws::{DynamoDbStreams, DynamoDbTable, EventBridgeBus, SqsQueue},
    /// #     replay::Replay,
    /// # };
    /// # type OperatorReplay =
    /// #     Replay<EventBridgeBus, DynamoDbTable, SqsQueue, DynamoDbStreams, SqsQueue>;
    ///
    /// # async fn show(replay: OperatorReplay, letter: Letter) -> Result<(), SettleError> {
    /// match replay.named(&letter).await? {
    ///     NamedRows::Rows(rows) => println!("{rows:?}"),
    ///     NamedRows::CommittedUntil { until, .. } => println!("committed until {until}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is of another table, or the stream can't be read.
    pub async fn named(&self, letter: &Letter) -> Result<NamedRows, SettleError> {
        match letter {
            Letter::Reference(letter) if letter.table == self.relay.table().name() => {
                Ok(NamedRows::Rows(vec![letter.key.clone()]))
            }
            Letter::Reference(letter) => Err(SettleError::OtherTable(letter.table.clone())),
            Letter::Pointer(pointer) => self.named_by(pointer).await,
        }
    }

    async fn named_by(&self, pointer: &Pointer) -> Result<NamedRows, SettleError> {
        let our_streams = format!("{}/stream/", self.table_arn);
        if !pointer.stream_arn.starts_with(&our_streams) {
            return Err(SettleError::OtherStream(pointer.stream_arn.clone()));
        }
        let deadline = Instant::now() + PATIENCE;
        match rows_in_range(&self.stream, self.relay.pauses(), pointer, deadline).await {
            Ok(rows) => Ok(NamedRows::Rows(rows)),
            // The table still has the rows, if they are pending. The time limits the search.
            Err(StreamError::Gone(reason)) => Ok(NamedRows::CommittedUntil {
                until: pointer
                    .last_arrival
                    .checked_add(CLOCK_SKEW)
                    .unwrap_or(Timestamp::MAX),
                reason,
            }),
            Err(error) => Err(SettleError::Stream(error)),
        }
    }

    /// Returns the state of each row, or why the look-up failed. See
    /// [`OutboxTable`] for an example of states.
    pub async fn states(&self, rows: &[RowKey]) -> HashMap<RowKey, Result<RowState, CallError>> {
        let budget = Budget::until(Instant::now() + PATIENCE);
        look_up(self.relay.table(), self.relay.pauses(), rows, &budget).await
    }

    /// Settles messages together, so that rows which several letters name are published once.
    /// No message is deleted here.
    pub(super) async fn settle(
        &self,
        messages: &[Message],
        progress: &mut Progress,
    ) -> Vec<LetterOutcome> {
        let mut named = Vec::new();
        for message in messages {
            named.push(self.read(message).await);
        }
        let known = named.iter().filter_map(|named| match named {
            Ok(NamedRows::Rows(rows)) => Some(rows),
            _ => None,
        });
        let rows: BTreeSet<RowKey> = known.flatten().cloned().collect();
        let row_outcomes = self.settle_rows(&rows, progress).await;
        let mut outcomes = Vec::new();
        for named in named {
            outcomes.push(match named {
                Ok(NamedRows::Rows(rows)) => outcome(&rows, &row_outcomes),
                Ok(NamedRows::CommittedUntil { until, reason }) => {
                    self.settle_table(until, reason, progress).await
                }
                Err(unsettled) => LetterOutcome::Unsettled(unsettled),
            });
        }
        outcomes
    }

    /// Returns what settling messages would come to. Nothing is published.
    pub(super) async fn foresee(&self, messages: &[Message]) -> Vec<LetterOutcome> {
        let mut outcomes = Vec::new();
        for message in messages {
            outcomes.push(match self.read(message).await {
                Ok(NamedRows::Rows(rows)) => {
                    let states = self.states(&rows).await;
                    let published = RowOutcome::Settled(Settled::Published);
                    let row_outcomes = states.into_iter().map(|(key, state)| {
                        (key, row_outcome(state).unwrap_or_else(|| published.clone()))
                    });
                    outcome(&rows, &row_outcomes.collect())
                }
                Ok(NamedRows::CommittedUntil { reason, .. }) => LetterOutcome::Settled {
                    published: 0,
                    before: 0,
                    from_table: Some(reason),
                },
                Err(unsettled) => LetterOutcome::Unsettled(unsettled),
            });
        }
        outcomes
    }

    async fn read(&self, message: &Message) -> Result<NamedRows, SettleError> {
        let letter = Letter::parse(&message.body).map_err(SettleError::NotADeadLetter)?;
        self.named(&letter).await
    }

    async fn settle_rows(
        &self,
        rows: &BTreeSet<RowKey>,
        progress: &mut Progress,
    ) -> HashMap<RowKey, RowOutcome> {
        let rows: Vec<RowKey> = rows.iter().cloned().collect();
        let mut row_outcomes = HashMap::new();
        let mut pending = BTreeSet::new();
        for (key, state) in self.states(&rows).await {
            if let Some(row_outcome) = row_outcome(state) {
                row_outcomes.insert(key, row_outcome);
            } else if let Some(stuck) = progress.stuck_with(&key) {
                row_outcomes.insert(key, stuck);
            } else {
                pending.insert(key);
            }
        }
        if !pending.is_empty() {
            // Boxed, because it is a large future, and part of larger ones.
            let through = Box::pin(self.relay.publish_rows(&pending)).await;
            progress.published += through.published;
            progress.halted = progress.halted.take().or(through.halted);
            for (key, row_outcome) in &through.row_outcomes {
                if let RowOutcome::Settled(Settled::Held(_))
                | RowOutcome::Failed(Failure::HeldBack(_)) = row_outcome
                {
                    let aggregate = key.aggregate_id.clone();
                    progress.stuck.insert(aggregate, row_outcome.clone());
                }
            }
            // The row without a response need not be named by this letter.
            for aggregate in through.unanswered {
                let unanswered = RowOutcome::Failed(Failure::Unanswered);
                progress.stuck.insert(aggregate, unanswered);
            }
            row_outcomes.extend(through.row_outcomes);
        }
        row_outcomes
    }

    /// Settles unknown rows: publishes all pending rows that were committed until then.
    async fn settle_table(
        &self,
        until: Timestamp,
        reason: String,
        progress: &mut Progress,
    ) -> LetterOutcome {
        let mut published = 0;
        let mut begin = None;
        // A pass for a later time settles earlier letters, too, so many letters of one outage
        // cost one pass.
        while progress.settled_until.is_none_or(|settled| settled < until) {
            let deadline = Instant::now() + ONE_SWEEP;
            let (swept, next_begin) = sweep(&self.relay, until, begin, deadline).await;
            begin = next_begin;
            published += swept.published;
            progress.published += swept.published;
            let problem = match swept.cut_short {
                // Another pass would find and count them again, and so would the next.
                _ if swept.undeleted > 0 => SettleError::Undeleted(swept.undeleted),
                // Rows that are held don't count: the parked ones that hold them have letters of
                // their own.
                None if swept.failed == 0 => {
                    progress.settled_until = Some(until);
                    continue;
                }
                None => SettleError::Unpublished(swept.failed),
                // The published rows are deleted, so the next pass gets further.
                Some(CutShort::OutOfTime) if swept.published > 0 => continue,
                Some(cut_short) => {
                    if let CutShort::Halted(halt) = &cut_short {
                        progress.halted = Some(halt.clone());
                    }
                    SettleError::CutShort(cut_short)
                }
            };
            return LetterOutcome::Unsettled(problem);
        }
        LetterOutcome::Settled {
            published,
            before: 0,
            from_table: Some(reason),
        }
    }
}

/// Returns what became of a row in this state; `None` if it is pending.
fn row_outcome(state: Result<RowState, CallError>) -> Option<RowOutcome> {
    match state {
        Ok(RowState::Pending | RowState::Edited(_)) => None,
        Ok(RowState::Absent) => Some(RowOutcome::Settled(Settled::Absent)),
        Ok(RowState::Parked) => Some(RowOutcome::Settled(Settled::AlreadyParked)),
        Err(error) => Some(RowOutcome::Failed(Failure::LookUp(error))),
    }
}

/// Returns what became of a letter that names these rows. A row without a result is pending.
fn outcome(rows: &[RowKey], row_outcomes: &HashMap<RowKey, RowOutcome>) -> LetterOutcome {
    let mut published = 0;
    let mut before = 0;
    let mut parked = Vec::new();
    let mut failed = Vec::new();
    for key in rows {
        match row_outcomes.get(key) {
            Some(RowOutcome::Settled(Settled::Published)) => published += 1,
            Some(RowOutcome::Settled(Settled::Absent)) => before += 1,
            Some(RowOutcome::Settled(Settled::AlreadyParked | Settled::Parked(_))) => {
                parked.push(key.clone());
            }
            Some(
                RowOutcome::Settled(Settled::LeftToSweeper(failure)) | RowOutcome::Failed(failure),
            ) => {
                failed.push((key.clone(), failure.clone()));
            }
            Some(RowOutcome::Settled(Settled::Held(parked))) => {
                failed.push((key.clone(), Failure::HeldBack(parked.clone())));
            }
            Some(RowOutcome::Settled(Settled::Edited)) => {
                failed.push((key.clone(), Failure::Edited));
            }
            None => failed.push((key.clone(), Failure::OutOfTime)),
        }
    }
    if parked.is_empty() && failed.is_empty() {
        LetterOutcome::Settled {
            published,
            before,
            from_table: None,
        }
    } else {
        LetterOutcome::Pending { parked, failed }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// An operator may unpark a row, or write one before it, while a replay runs.
    #[test]
    fn a_parked_or_failed_row_holds_only_those_behind_it() {
        let key = |sequence| RowKey::new("a", sequence, Uuid::nil());
        let held = RowOutcome::Settled(Settled::Held(key(2)));
        let held_back = RowOutcome::Failed(Failure::HeldBack(key(2)));
        let unanswered = RowOutcome::Failed(Failure::Unanswered);
        for (stuck, sequence, is_stuck) in [
            (&held, 1, false),
            (&held, 2, false),
            (&held, 3, true),
            (&held_back, 2, false),
            (&held_back, 3, true),
            (&unanswered, 1, true),
            (&unanswered, 3, true),
        ] {
            let mut progress = Progress::default();
            progress.stuck.insert("a".to_owned(), stuck.clone());
            let expected = is_stuck.then(|| stuck.clone());
            assert_eq!(progress.stuck_with(&key(sequence)), expected, "{stuck:?}");
            let other = RowKey::new("b", sequence, Uuid::nil());
            assert_eq!(progress.stuck_with(&other), None);
        }
    }
}
