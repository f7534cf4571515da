use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    arrival::Arrival,
    budget::{Budget, known_deadline},
    dead_letters::DeadLetters,
    event_bus::EventBus,
    fate::{Fate, Outcome, Settled},
    outbox_table::{OutboxTable, RowState, Segment},
    publish::Relay,
    report::report,
    retry::retry,
};
use crate::RowKey;

/// How old a row is that the stream is taken to have left behind. The stream
/// publishes within seconds, and a batch of it takes a minute at most.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// Parts the table is read in. Each sweep begins with a random one, so that
/// none is starved when sweeps are cut short.
const SEGMENTS: u32 = 8;

/// Rows that are published together. They come from all over the table, so
/// that one at fault is told from a bus that is.
const ROWS_AT_ONCE: usize = 500;

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
struct Sweep {
    deadline: Instant,
    /// Nothing more is read after this.
    read_until: Instant,
    /// To be published, an aggregate's rows in sequence.
    due: Vec<Arrival>,
    /// Aggregates with an event that failed: the later ones wait for it.
    held_back: HashSet<String>,
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
        let deadline = known_deadline(deadline);
        let mut sweep = Sweep {
            deadline,
            read_until: Budget::until(deadline).put_until,
            due: Vec::new(),
            held_back: HashSet::new(),
            swept: Swept::default(),
        };
        if let Err(reason) = self.sweep_table(&mut sweep).await {
            sweep.swept.cut_short = Some(reason);
        }
        sweep.swept
    }

    async fn sweep_table(&self, sweep: &mut Sweep) -> Result<(), CutShort> {
        let first = self.relay.random_below(SEGMENTS);
        for index in (0..SEGMENTS).map(|offset| (first + offset) % SEGMENTS) {
            let segment = Segment {
                index,
                of: SEGMENTS,
            };
            if let Err(reason) = self.sweep_segment(segment, sweep).await {
                // What was found so far has its turn all the same.
                self.publish_due(sweep).await?;
                return Err(reason);
            }
        }
        self.publish_due(sweep).await
    }

    async fn sweep_segment(&self, segment: Segment, sweep: &mut Sweep) -> Result<(), CutShort> {
        let mut after: Option<RowKey> = None;
        loop {
            if Instant::now() >= sweep.read_until {
                return Err(CutShort::OutOfTime);
            }
            let scan = || self.relay.table().scan(segment, after.as_ref());
            let page = retry(self.relay.pauses(), sweep.read_until, scan)
                .await
                .map_err(|error| CutShort::Scan(error.to_string()))?;
            let pending = count(page.rows, self.relay.clock().now(), &mut sweep.swept);
            sweep.due.extend(self.due(pending));
            if sweep.due.len() >= ROWS_AT_ONCE {
                self.publish_due(sweep).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn publish_due(&self, sweep: &mut Sweep) -> Result<(), CutShort> {
        let mut due = std::mem::take(&mut sweep.due);
        due.retain(|arrival| !sweep.held_back.contains(&arrival.key.aggregate_id));
        if due.is_empty() {
            return Ok(());
        }
        let outcome = self.relay.publish(due, sweep.deadline).await;
        report(&outcome);
        sweep.take(&outcome)
    }

    /// What is old enough, and what precedes it in its aggregate.
    fn due(&self, mut pending: Vec<Arrival>) -> Vec<Arrival> {
        let now = self.relay.clock().now();
        let is_old = |arrival: &Arrival| match &arrival.row {
            Ok(row) => now.duration_since(row.committed_at) >= self.grace,
            // Of a row that cannot be read nobody knows the age; the relay
            // parks it, whoever comes first.
            Err(_) => true,
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
}

/// Counts what was found. Answers what is not set aside.
fn count(rows: Vec<(Arrival, RowState)>, now: Timestamp, swept: &mut Swept) -> Vec<Arrival> {
    let mut pending = Vec::new();
    for (arrival, state) in rows {
        if state == RowState::Parked {
            swept.parked += 1;
            continue;
        }
        swept.pending += 1;
        if let Ok(row) = &arrival.row {
            let age = now.duration_since(row.committed_at);
            swept.oldest_age = swept.oldest_age.max(age);
        }
        pending.push(arrival);
    }
    pending
}

impl Sweep {
    /// Takes in what became of rows.
    fn take(&mut self, outcome: &Outcome) -> Result<(), CutShort> {
        for (key, fate) in outcome.fates() {
            match fate {
                Fate::Settled(Settled::Published) => self.swept.published += 1,
                Fate::Settled(Settled::Parked(_)) => self.swept.newly_parked += 1,
                Fate::Settled(_) => {}
                Fate::Failed(_) => {
                    self.swept.failed += 1;
                    self.held_back.insert(key.aggregate_id.clone());
                }
            }
        }
        match &outcome.halted {
            Some(reason) => Err(CutShort::SetUp(reason.clone())),
            None => Ok(()),
        }
    }
}
