use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    RowKey,
    ports::{DeadLetters, EventBus, OutboxTable, Segment, StoredRow},
    relay::{
        Arrival, Fate, Outcome, Relay, Settled,
        backlog::Backlog,
        budget::{Budget, known_deadline},
        retry::retry,
    },
};

/// How old a row is that the stream is taken to have left behind. The stream
/// publishes within seconds, and a batch of it takes a minute at most.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// Parts the table is read in. Each sweep begins with a random one, so that
/// none is starved when sweeps are cut short.
const SEGMENTS: u32 = 8;

/// Publishes what the stream has left behind: the second way out of the table.
///
/// It reads the whole table, which holds only what is not settled. Rows younger
/// than the grace period are left to the stream, but for those that precede an
/// older one of their aggregate. Any number of sweepers may run at once, and
/// beside the stream: the worst of it is a duplicate.
pub struct Sweeper<B, T, D> {
    relay: Relay<B, T, D>,
    grace: SignedDuration,
}

/// What a sweep has seen and done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows that wait to be published, as they were found.
    pub pending: usize,
    /// How long ago the oldest of them was committed; nothing if there is none.
    pub oldest_age: SignedDuration,
    /// Rows that are set aside, as they were found.
    pub parked: usize,
    /// Rows that are published now.
    pub published: usize,
    /// Rows that were set aside now.
    pub newly_parked: usize,
    /// Rows that could not be published.
    pub failed: usize,
    /// Rows that are published, but still there.
    pub undeleted: usize,
    /// Why the table was not read to its end. The numbers are "at least" then.
    pub cut_short: Option<CutShort>,
}

/// Why a sweep did not read the whole table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutShort {
    /// The time was up.
    #[error("the time was up")]
    OutOfTime,
    /// The table could not be read.
    #[error("the table could not be read: {0}")]
    Scan(String),
    /// The bus takes nothing until somebody mends the set-up.
    #[error("nothing can be published: {0}")]
    SetUp(String),
}

/// A sweep under way.
struct Sweep<'r, B, T, D> {
    relay: &'r Relay<B, T, D>,
    /// Rows committed later are left to the stream.
    committed_until: Timestamp,
    deadline: Instant,
    /// Nothing more is read after this.
    read_until: Instant,
    backlog: Backlog,
    swept: Swept,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Sweeper<B, T, D> {
    /// A sweeper that leaves rows younger than `grace` to the stream.
    pub fn new(relay: Relay<B, T, D>, grace: SignedDuration) -> Self {
        Self { relay, grace }
    }

    /// Reads the table once, as far as it comes before the deadline, and
    /// publishes what is old. A deadline already past is taken for unknown.
    pub async fn sweep(&self, deadline: Instant) -> Swept {
        let now = self.relay.clock().now();
        let until = now.checked_sub(self.grace).unwrap_or(Timestamp::MIN);
        sweep(&self.relay, until, deadline).await
    }
}

/// Publishes what was committed until then, and what precedes it in its
/// aggregate.
pub(crate) async fn sweep<B: EventBus, T: OutboxTable, D: DeadLetters>(
    relay: &Relay<B, T, D>,
    committed_until: Timestamp,
    deadline: Instant,
) -> Swept {
    let deadline = known_deadline(deadline);
    let mut sweep = Sweep {
        relay,
        committed_until,
        deadline,
        read_until: Budget::until(deadline).put_until,
        backlog: Backlog::default(),
        swept: Swept::default(),
    };
    if let Err(reason) = sweep.table().await {
        sweep.swept.cut_short = Some(reason);
    }
    sweep.swept
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Sweep<'_, B, T, D> {
    async fn table(&mut self) -> Result<(), CutShort> {
        let first = self.relay.random_below(SEGMENTS);
        for index in (0..SEGMENTS).map(|offset| (first + offset) % SEGMENTS) {
            let segment = Segment {
                index,
                of: SEGMENTS,
            };
            if let Err(reason) = self.segment(segment).await {
                // What was found so far has its turn all the same.
                self.publish_due().await?;
                return Err(reason);
            }
        }
        self.publish_due().await
    }

    async fn segment(&mut self, segment: Segment) -> Result<(), CutShort> {
        let mut after: Option<RowKey> = None;
        loop {
            if Instant::now() >= self.read_until {
                return Err(CutShort::OutOfTime);
            }
            let scan = || self.relay.table().scan(segment, after.as_ref());
            let page = retry(self.relay.pauses(), self.read_until, scan)
                .await
                .map_err(|error| CutShort::Scan(error.to_string()))?;
            let pending = self.count(page.rows);
            let due = self.due(pending);
            self.backlog.add(due);
            if self.backlog.is_full() {
                self.publish_due().await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn publish_due(&mut self) -> Result<(), CutShort> {
        let outcome = self.backlog.publish(self.relay, self.deadline).await;
        self.take(&outcome)
    }

    /// Counts what was found. Answers what is not set aside.
    fn count(&mut self, rows: Vec<StoredRow>) -> Vec<Arrival> {
        let now = self.relay.clock().now();
        let mut pending = Vec::new();
        for StoredRow { arrival, parked } in rows {
            if parked.is_some() {
                self.swept.parked += 1;
                continue;
            }
            self.swept.pending += 1;
            if let Some(committed_at) = arrival.committed_at() {
                let age = now.duration_since(committed_at);
                self.swept.oldest_age = self.swept.oldest_age.max(age);
            }
            pending.push(arrival);
        }
        pending
    }

    /// What is old enough, and what precedes it in its aggregate.
    fn due(&self, mut pending: Vec<Arrival>) -> Vec<Arrival> {
        // Of a row that tells no time at all nobody knows the age; the relay parks
        // it, whoever comes first.
        let is_old = |arrival: &Arrival| {
            let committed_at = arrival.committed_at();
            committed_at.is_none_or(|committed_at| committed_at <= self.committed_until)
        };
        let mut wanted: HashSet<String> = HashSet::new();
        pending.reverse();
        pending.retain(|arrival| {
            let aggregate = &arrival.key.aggregate_id;
            if is_old(arrival) {
                wanted.insert(aggregate.clone());
            }
            wanted.contains(aggregate)
        });
        pending.reverse();
        pending
    }

    /// Takes in what became of rows.
    fn take(&mut self, outcome: &Outcome) -> Result<(), CutShort> {
        self.swept.undeleted += outcome.undeleted.len();
        for (_, fate) in outcome.fates() {
            match fate {
                Fate::Settled(Settled::Published) => self.swept.published += 1,
                Fate::Settled(Settled::Parked(_)) => self.swept.newly_parked += 1,
                // It is still there, and was not published as it is now.
                Fate::Settled(Settled::Edited) | Fate::Failed(_) => self.swept.failed += 1,
                Fate::Settled(_) => {}
            }
        }
        match &outcome.halted {
            Some(reason) => Err(CutShort::SetUp(reason.clone())),
            None => Ok(()),
        }
    }
}
