//! The sweeper: the second way out of the table, for rows that the stream has not
//! published.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    due_rows::DueRows,
    sweep_round::{Round, SweepPoint},
};
use crate::{
    Candidate, RowKey,
    ports::{CallError, DeadLetters, EventBus, OutboxTable, StoredRow},
    relay::{
        Failure, Halt, Outcome, Relay, RowOutcome, Settled,
        backlog::Backlog,
        budget::{Budget, known_deadline},
        decision::may_park_without_proof,
        retry::retry,
    },
};

/// The age from which a sweeper publishes a row. The stream publishes within seconds, and
/// one batch takes a minute at most, so a row of this age is one it has left behind.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// Publishes the rows that the stream has not published: the second way out of the table.
///
/// It reads the whole table, which holds only unsettled rows. Rows younger than the grace
/// period are left to the stream, except those that precede an older one of their
/// aggregate. Any number of sweepers may run at once, and beside the stream: a
/// duplicate is the worst that can happen.
///
/// Create one sweeper for each process and keep it: if a sweep is cut short, it remembers where,
/// and begins the next one there. A new one begins at a random place.
///
/// ```no_run
/// use std::time::Duration;
///
/// use outbox::handlers::{DEFAULT_GRACE, Sweeper};
/// # use outbox::{
/// #     aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
/// #     relay::Relay,
/// # };
/// use tokio::time::Instant;
///
/// # async fn sweep(relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>) {
/// let sweeper = Sweeper::new(relay, DEFAULT_GRACE);
/// let report = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
/// println!("{} rows published, {} parked", report.published, report.newly_parked);
/// # }
/// ```
pub struct Sweeper<B, T, D> {
    relay: Relay<B, T, D>,
    /// Younger rows are left to the stream.
    grace: SignedDuration,
    /// Where the next sweep begins, if the last one was cut short. Only an optimisation: from
    /// any other place a sweep does no harm.
    next_begin: Mutex<Option<SweepPoint>>,
}

/// What a sweep found and did; see [`Sweeper`] for an example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Pending rows that it found.
    pub pending: usize,
    /// How long ago the oldest of them was committed; zero if there is none.
    pub oldest_age: SignedDuration,
    /// Rows behind a parked one of their aggregate. They are not among the pending ones.
    pub held: usize,
    /// Parked rows that it found.
    pub parked: usize,
    /// Rows that it published.
    pub published: usize,
    /// Rows that it parked.
    pub newly_parked: usize,
    /// Rows that it could not publish.
    pub failed: usize,
    /// Rows that it published and could not delete.
    pub undeleted: usize,
    /// Why the table was not read to its end. All numbers are lower bounds then.
    pub cut_short: Option<CutShort>,
}

/// Why a sweep did not read the whole table.
///
/// ```
/// use outbox::handlers::CutShort;
///
/// /// Returns whether the function should fail. A sweep that is out of time is no error: the
/// /// next one begins where it ended.
/// fn is_failure(cut_short: Option<&CutShort>) -> bool {
///     !matches!(cut_short, None | Some(CutShort::OutOfTime))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutShort {
    /// The sweep reached its deadline. The next one of the same [`Sweeper`] begins where it ended,
    /// and goes round the whole table.
    #[error("out of time")]
    OutOfTime,
    /// The table could not be read.
    #[error("the table could not be read: {0}")]
    Scan(#[source] CallError),
    /// Nothing is published until the permissions or the configuration are fixed.
    #[error("nothing can be published: {0}")]
    Halted(#[source] Halt),
}

/// A running sweep.
struct Sweep<'r, B, T, D> {
    relay: &'r Relay<B, T, D>,
    /// Publishing ends before this.
    deadline: Instant,
    /// The table is not read after this.
    read_until: Instant,
    /// Rows that were read and are due.
    backlog: Backlog,
    /// When the last of the parked rows was parked.
    last_parked: Option<Timestamp>,
    /// The last parked row that was read. It holds those behind it.
    parked: Option<RowKey>,
    /// Chooses the rows to publish.
    due: DueRows,
    /// Where the table is read.
    round: Round,
    /// The report so far.
    swept: SweepReport,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Sweeper<B, T, D> {
    /// Creates a sweeper that leaves rows younger than `grace` to the stream. See [`Sweeper`]
    /// for an example.
    pub fn new(relay: Relay<B, T, D>, grace: SignedDuration) -> Self {
        Self {
            relay,
            grace,
            next_begin: Mutex::default(),
        }
    }

    /// Reads the table once, as far as the deadline allows, and publishes the old rows. A
    /// deadline in the past is treated as unknown. See [`Sweeper`] for an example.
    pub async fn sweep(&self, deadline: Instant) -> SweepReport {
        let now = self.relay.clock().now();
        let until = now.checked_sub(self.grace).unwrap_or(Timestamp::MIN);
        // Taken: if the table can't be read from there, the next sweep begins elsewhere.
        let begin = self.next_begin().take();
        let (swept, next_begin) = sweep(&self.relay, until, begin, deadline).await;
        *self.next_begin() = next_begin;
        swept
    }

    fn next_begin(&self) -> MutexGuard<'_, Option<SweepPoint>> {
        self.next_begin
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the rows that were committed until then, and the rows before them in their
/// aggregates. Begins there, or at a random place. Returns where the next sweep should begin,
/// too, unless the whole table was read.
pub(crate) async fn sweep<B: EventBus, T: OutboxTable, D: DeadLetters>(
    relay: &Relay<B, T, D>,
    committed_until: Timestamp,
    begin: Option<SweepPoint>,
    deadline: Instant,
) -> (SweepReport, Option<SweepPoint>) {
    let deadline = known_deadline(deadline);
    let begin = begin.unwrap_or_else(|| SweepPoint::random(|below| relay.random_below(below)));
    let mut sweep = Sweep {
        relay,
        deadline,
        read_until: Budget::until(deadline).put_until,
        backlog: Backlog::default(),
        last_parked: None,
        parked: None,
        due: DueRows::new(relay.order(), committed_until),
        round: Round::new(begin),
        swept: SweepReport::default(),
    };
    if let Err(reason) = sweep.table().await {
        sweep.swept.cut_short = Some(reason);
        return (sweep.swept, sweep.round.next_begin());
    }
    (sweep.swept, None)
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Sweep<'_, B, T, D> {
    async fn table(&mut self) -> Result<(), CutShort> {
        for part in self.round.parts() {
            if let Err(reason) = self.part(&part).await {
                // The rows found so far are published nevertheless.
                self.publish_due().await?;
                return Err(reason);
            }
        }
        self.publish_due().await?;
        self.retry_failed().await?;
        self.park_without_proof().await;
        Ok(())
    }

    /// Parks the oldest row that the bus rejected for its content, although the bus accepted
    /// nothing at all in this sweep. Once an hour: the bus may be at fault.
    async fn park_without_proof(&mut self) {
        let Some((row, poison)) = self.backlog.take_suspect() else {
            return;
        };
        let now = self.relay.clock().now();
        let may_park = may_park_without_proof(row.committed_at, self.last_parked, now);
        if self.swept.published > 0 || !may_park {
            return;
        }
        let (aggregate_id, event_id) = (
            row.key.aggregate_id.clone(),
            row.key.event_id().map(str::to_owned),
        );
        match self
            .relay
            .park_without_proof(row, poison.clone(), self.deadline)
            .await
        {
            Ok(Settled::Parked(_)) => {
                tracing::error!(aggregate_id, event_id, %poison, "parked, with a dead letter");
                self.swept.newly_parked += 1;
                self.swept.failed -= 1;
            }
            // The current row, after the edit, is not published yet.
            Ok(Settled::Edited) => {}
            // Another process has published or parked it.
            Ok(_) => self.swept.failed -= 1,
            Err(failure) => {
                tracing::error!(aggregate_id, event_id, %failure, "will be retried");
            }
        }
    }

    /// Attempts once more what the bus rejected for now, with the time that is left.
    async fn retry_failed(&mut self) -> Result<(), CutShort> {
        if self.swept.published == 0 {
            // They were retried already: the bus accepts nothing.
            return Ok(());
        }
        let (retried, outcome) = self.backlog.retry(self.relay, self.deadline).await;
        self.swept.failed -= retried;
        self.take(&outcome)
    }

    /// Reads a part of the round.
    async fn part(&mut self, part: &SweepPoint) -> Result<(), CutShort> {
        self.round.begin(part);
        let mut after = part.key();
        loop {
            if Instant::now() >= self.read_until {
                return Err(CutShort::OutOfTime);
            }
            let scan = || self.relay.table().scan(part.segment(), after.as_ref());
            let mut page = retry(self.relay.pauses(), self.read_until, scan)
                .await
                .map_err(|error| self.unread(error))?;
            self.round.read(part, &mut page);
            let pending = self.count(page.rows);
            let due = self.due.of_page(pending);
            self.backlog.add(due);
            // Published while the table is read, not at its end, so that a sweep of a large
            // backlog uses bounded memory and makes progress before its deadline.
            if self.backlog.is_full() {
                self.publish_due().await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Returns why a page was not read.
    fn unread(&self, error: CallError) -> CutShort {
        let is_late = Instant::now() >= self.read_until;
        match error {
            // Other pages were read, so it is the end of the time that cut it off.
            error if error.is_transient() && is_late && self.round.is_any_read() => {
                CutShort::OutOfTime
            }
            error => CutShort::Scan(error),
        }
    }

    async fn publish_due(&mut self) -> Result<(), CutShort> {
        let mut is_any_out_of_time = false;
        while !self.backlog.is_empty() {
            let outcome = self.backlog.publish_next(self.relay, self.deadline).await;
            is_any_out_of_time |= outcome.count(is_out_of_time) > 0;
            self.take(&outcome)?;
        }
        self.round.publish(is_any_out_of_time);
        Ok(())
    }

    /// Counts the rows of a page. Returns the pending ones.
    fn count(&mut self, rows: Vec<StoredRow>) -> Vec<Candidate> {
        let now = self.relay.clock().now();
        let mut pending = Vec::new();
        for StoredRow { candidate, parked } in rows {
            if let Some(parked) = parked {
                self.swept.parked += 1;
                self.last_parked = self.last_parked.max(Some(parked.at));
                self.parked = Some(candidate.key);
                continue;
            }
            if self.is_held(&candidate.key) {
                self.swept.held += 1;
                continue;
            }
            self.swept.pending += 1;
            if let Some(committed_at) = candidate.committed_at() {
                let age = now.duration_since(committed_at);
                self.swept.oldest_age = self.swept.oldest_age.max(age);
            }
            pending.push(candidate);
        }
        pending
    }

    /// Returns whether a row is behind a parked one. An aggregate's rows are read in sequence,
    /// one after the other.
    fn is_held(&self, key: &RowKey) -> bool {
        self.relay.order().is_kept()
            && self
                .parked
                .as_ref()
                .is_some_and(|parked| parked.precedes(key))
    }

    /// Counts what became of published rows.
    ///
    /// # Errors
    ///
    /// If nothing can be published any more.
    fn take(&mut self, outcome: &Outcome) -> Result<(), CutShort> {
        self.swept.undeleted += outcome.undeleted.len();
        for (_, row_outcome) in outcome.rows() {
            match row_outcome {
                RowOutcome::Settled(Settled::Published) => self.swept.published += 1,
                RowOutcome::Settled(Settled::Parked(_)) => self.swept.newly_parked += 1,
                // The current row, after the edit, is not published yet.
                RowOutcome::Settled(Settled::Edited) | RowOutcome::Failed(_) => {
                    self.swept.failed += 1;
                }
                RowOutcome::Settled(Settled::Held(_)) => {
                    self.swept.held += 1;
                    self.swept.pending -= 1;
                }
                RowOutcome::Settled(_) => {}
            }
        }
        match &outcome.halted {
            Some(halt) => Err(CutShort::Halted(halt.clone())),
            None => Ok(()),
        }
    }
}

fn is_out_of_time(row_outcome: &RowOutcome) -> bool {
    matches!(row_outcome, RowOutcome::Failed(Failure::OutOfTime))
}
