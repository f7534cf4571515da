//! Publishes what the same process has committed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::time::Instant;

use super::leaves_parking::LeavesParking;
use crate::{
    Candidate, Clock, HandOver, OutboxRow, RowKey,
    ports::{EventBus, OutboxTable},
    relay::{
        Failure, Order, Outcome, Relay, RowOutcome, Settled, moment::Moment,
        predecessors::EarlierEvents, retry::Retries,
    },
};

/// How long everything is left to the stream after the bus or the table did not keep up. Requests
/// with one event each use up a quota ten times as fast as those of the relay.
const PAUSE: Duration = Duration::from_secs(10);

/// Publishes what this process has committed, right after the commit.
///
/// Create one for each process and keep it: like a [`Relay`], it remembers that the bus exists,
/// what it has published in sequence, and which rows it could not delete.
///
/// ```no_run
/// # use std::time::Duration;
/// use outbox::{
///     Outbox,
///     at_once::AtOnce,
///     aws::{DynamoDbTable, EventBridgeBus},
/// };
/// # use tokio::time::Instant;
///
/// # async fn start(
/// #     events: aws_sdk_eventbridge::Client,
/// #     dynamodb: aws_sdk_dynamodb::Client,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let bus = EventBridgeBus::new(events, "orders");
/// let at_once = AtOnce::new(bus, DynamoDbTable::new(dynamodb.clone(), "outbox"));
/// let outbox = Outbox::new(dynamodb, "outbox", "orders")?.with_hand_over(at_once.hand_over());
/// // For each command: commit, respond, and then
/// at_once.publish(Instant::now() + Duration::from_secs(2)).await;
/// # Ok(())
/// # }
/// ```
pub struct AtOnce<B, T> {
    relay: Relay<B, T, LeavesParking>,
    hand_over: HandOver,
    /// When something last did not keep up.
    overloaded: Mutex<Option<Moment>>,
}

/// What became of the rows that were handed over; see [`AtOnce::publish`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtOnceReport {
    /// Events that the bus accepted: those that were handed over, and those that preceded them.
    pub published: usize,
    /// How many of the rows that were handed over are left to the stream.
    pub left: usize,
    /// Why one of them is left; `None` if none is, or if all are after an earlier failure.
    pub why_left: Option<Failure>,
    /// Events in requests to which the bus didn't respond in time. They are left to the
    /// stream, and may be published twice.
    pub unanswered: usize,
    /// The time from commit to acceptance by the bus, of each published event.
    pub commit_to_publish: Vec<SignedDuration>,
}

impl<B: EventBus, T: OutboxTable> AtOnce<B, T> {
    /// Creates a publisher from a table to a bus. See [`AtOnce`] for an example.
    pub fn new(bus: B, table: T) -> Self {
        Self {
            relay: Relay::new(bus, table, LeavesParking),
            hand_over: HandOver::default(),
            overloaded: Mutex::default(),
        }
    }

    /// Returns the publisher for an outbox that keeps this order: that of its relay.
    #[must_use]
    pub fn with_order(self, order: Order) -> Self {
        Self {
            relay: self.relay.with_order(order),
            ..self
        }
    }

    /// Returns the publisher with another clock and with chosen random numbers.
    #[must_use]
    pub fn with_time_and_chance(self, clock: Arc<dyn Clock>, random: fastrand::Rng) -> Self {
        Self {
            relay: self.relay.with_time_and_chance(clock, random),
            ..self
        }
    }

    /// Returns where the outbox of the same process hands over its rows.
    pub fn hand_over(&self) -> HandOver {
        self.hand_over.clone()
    }

    /// Publishes the rows that were handed over since the last call, each in one attempt, and
    /// deletes those that the bus accepted. Returns before the deadline. What isn't published by
    /// then is left to the stream; so is all for 10 s after the bus or the table did not keep up.
    pub async fn publish(&self, deadline: Instant) -> AtOnceReport {
        let rows = self.hand_over.take();
        if rows.is_empty() {
            return AtOnceReport::default();
        }
        if self.is_overloaded() {
            return AtOnceReport {
                left: rows.len(),
                ..AtOnceReport::default()
            };
        }
        let candidates: Vec<Candidate> = rows.into_iter().map(candidate).collect();
        let handed_over: Vec<RowKey> = candidates.iter().map(|row| row.key.clone()).collect();
        let outcome = self
            .relay
            .publish_with(candidates, deadline, Retries::Never, EarlierEvents::Unknown)
            .await;
        if outcome.count(is_overload) > 0 || !outcome.undeleted.is_empty() {
            *self.overloaded() = Some(Moment::now(self.relay.clock()));
        }
        report(&handed_over, outcome)
    }

    fn is_overloaded(&self) -> bool {
        let since = *self.overloaded();
        since.is_some_and(|since| since.age(self.relay.clock()) < PAUSE)
    }

    fn overloaded(&self) -> MutexGuard<'_, Option<Moment>> {
        self.overloaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the row as a candidate. It is looked up only if the commit was a while ago: until then
/// the relay behind the stream has hardly published it.
fn candidate(row: OutboxRow) -> Candidate {
    Candidate {
        key: row.key.clone(),
        written_at: Some(row.committed_at),
        row: Ok(Arc::new(row)),
    }
}

/// Returns whether a row was not published because something is overloaded or out of order, which
/// further requests would make worse.
fn is_overload(row_outcome: &RowOutcome) -> bool {
    matches!(
        row_outcome,
        RowOutcome::Failed(
            Failure::NotAccepted(_)
                | Failure::Unanswered
                | Failure::OutOfTime
                | Failure::LookUp(_)
                | Failure::Predecessors(_)
                | Failure::Halted(_)
        )
    )
}

/// Returns the report. The relay may have published other rows, too: those that precede these.
fn report(handed_over: &[RowKey], outcome: Outcome) -> AtOnceReport {
    let mut report = AtOnceReport {
        published: outcome.commit_to_publish.len(),
        ..AtOnceReport::default()
    };
    for key in handed_over {
        match outcome.of(key) {
            Some(RowOutcome::Settled(Settled::Published | Settled::Absent)) => continue,
            Some(RowOutcome::Failed(failure)) => {
                report.why_left.get_or_insert_with(|| failure.clone());
            }
            _ => {}
        }
        report.left += 1;
    }
    report.unanswered = outcome.unanswered;
    report.commit_to_publish = outcome.commit_to_publish;
    report
}
