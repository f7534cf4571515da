//! Publishes rows: looks up those that may be published already, sends the others to the
//! bus, deletes what the bus accepted, and parks what can never be published.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt, future::join_all, stream};
use jiff::SignedDuration;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    Clock, OutboxRow, RowKey, SystemClock,
    ports::{DeadLetters, EventBus, OutboxTable},
    relay::{
        Arrival, Failure, Fate, Outcome, Settled,
        budget::Budget,
        bus_check::BusCheck,
        candidate::Triage,
        deletes::delete_published,
        look_up::{LOOK_UPS_AT_ONCE, look_up},
        park::{Poisoned, park},
        part::{LookedUp, Part, parts},
        put_events::Puts,
        retry::Pauses,
        schedule::Schedule,
    },
};

/// How many rows of one call may be poison. With more of them, a common cause is more
/// likely than so many bad events, so the others fail and are retried.
const MOST_POISONED: usize = 10;

/// How long after its commit an event that the bus rejects for its content is only
/// suspected, if the bus accepts nothing else in the same call: the bus may be at
/// fault. After that it is parked all the same. On a quiet outbox nothing else may
/// ever be published, and the event would stay pending for ever.
const SUSPECTED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How many published rows are remembered for deletion with the next call. A forgotten one
/// is published again at worst.
const MOST_REMEMBERED: usize = 10_000;

/// How long after an accepted event the bus is believed to work.
const LATELY: Duration = Duration::from_mins(1);

/// Publishes rows of the outbox to a bus.
///
/// Create one relay for each process and keep it: it remembers that the bus exists, and
/// which published rows it could not delete.
pub struct Relay<B, T, D> {
    bus: B,
    table: T,
    dead_letters: D,
    clock: Arc<dyn Clock>,
    pauses: Pauses,
    bus_check: BusCheck,
    /// Published, but not deleted yet. This process never publishes them again.
    undeleted: Mutex<BTreeSet<RowKey>>,
    /// When the bus last accepted an event of this process.
    last_accepted: Mutex<Option<Instant>>,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// Creates a relay from a table to a bus.
    pub fn new(bus: B, table: T, dead_letters: D) -> Self {
        Self {
            bus,
            table,
            dead_letters,
            clock: Arc::new(SystemClock),
            pauses: Pauses::new(fastrand::Rng::new()),
            bus_check: BusCheck::default(),
            undeleted: Mutex::default(),
            last_accepted: Mutex::default(),
        }
    }

    /// Returns the relay with another clock and with chosen random numbers. Pauses and
    /// timeouts use tokio's time.
    #[must_use]
    pub fn with_time_and_chance(self, clock: Arc<dyn Clock>, random: fastrand::Rng) -> Self {
        Self {
            clock,
            pauses: Pauses::new(random),
            ..self
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the table that it publishes from.
    pub fn table(&self) -> &T {
        &self.table
    }

    pub(crate) fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    pub(crate) fn random_below(&self, bound: u32) -> u32 {
        self.pauses.random_below(bound)
    }

    /// Publishes the rows that are still pending, deletes those that the bus accepted, and
    /// parks those that can never be published. Returns what became of each row, before
    /// the deadline.
    pub async fn publish(&self, arrivals: Vec<Arrival>, deadline: Instant) -> Outcome {
        let budget = Budget::until(deadline);
        let mut outcome = Outcome::default();

        let parts = self.parts(arrivals, &mut outcome);
        let mut parts = pin!(self.look_up(parts, &budget));
        // Parts of which all rows are settled need no bus.
        let mut arrivals = Vec::new();
        while arrivals.is_empty()
            && let Some(part) = parts.next().await
        {
            arrivals = part.unsettled(&mut outcome);
        }
        if arrivals.is_empty() && self.undeleted().is_empty() {
            return outcome;
        }
        // A bus that doesn't exist accepts events and drops them, so an acceptance counts
        // only after this.
        if let Err(reason) = self
            .bus_check
            .confirm(&self.bus, &self.pauses, budget.put_until)
            .await
        {
            // Rows that turn out to be settled need no retry, so the look-ups are finished.
            while let Some(part) = parts.next().await {
                arrivals.extend(part.unsettled(&mut outcome));
            }
            for arrival in arrivals {
                outcome.fail(arrival.key, Failure::Bus(reason.clone()));
            }
            outcome.undeleted = self.undeleted().iter().cloned().collect();
            outcome.halted = Some(reason);
            return outcome;
        }
        let mut poisoned = Vec::new();
        let mut schedule = Schedule::new(self.bus.limits(), MOST_POISONED);
        self.take_in(arrivals, &mut schedule, &mut poisoned, &mut outcome);
        let take_in = |part: LookedUp, schedule: &mut Schedule| {
            let arrivals = part.unsettled(&mut outcome);
            self.take_in(arrivals, schedule, &mut poisoned, &mut outcome);
        };
        outcome.undeleted = self
            .put_and_delete(&mut schedule, parts, take_in, &budget)
            .await;

        let finished = schedule.finish();
        outcome.halted = finished.halted;
        let some_accepted = !finished.accepted.is_empty();
        if some_accepted {
            *self.last_accepted() = Some(Instant::now());
        }
        for accepted in finished.accepted {
            outcome.commit_to_publish.push(accepted.commit_to_publish);
            outcome.settle(accepted.key, Settled::Published);
        }
        for (key, failure) in finished.failed {
            outcome.fail(key, failure);
        }
        let now = self.clock.now();
        for (row, poison) in finished.suspects {
            // An event that was accepted in the same call proves that the bus works.
            if some_accepted || now.duration_since(row.committed_at) >= SUSPECTED_FOR {
                poisoned.push(Poisoned::of(row, poison));
            } else {
                outcome.fail(row.key.clone(), Failure::Suspected(poison));
            }
        }
        self.park_all(poisoned, &budget, &mut outcome).await;
        outcome
    }

    /// Returns the rows to look up and publish, each once, without those that this process
    /// has published.
    fn parts(&self, mut arrivals: Vec<Arrival>, outcome: &mut Outcome) -> Vec<Part> {
        let undeleted = self.undeleted();
        let mut seen: HashSet<RowKey> = HashSet::new();
        // A look-up would find an undeleted row pending, and it would be published twice.
        arrivals.retain(|arrival| {
            let is_published = undeleted.contains(&arrival.key);
            if is_published {
                outcome.settle(arrival.key.clone(), Settled::Published);
            }
            !is_published && seen.insert(arrival.key.clone())
        });
        let now = self.clock.now();
        parts(arrivals, |arrival| arrival.may_have_been_seen(now))
    }

    /// Looks up several parts at once, and yields each as soon as its states are known, so
    /// that the next are looked up while the first are published. The part that needs
    /// no look-up comes first.
    fn look_up(&self, parts: Vec<Part>, budget: &Budget) -> impl Stream<Item = LookedUp> {
        let looked_up = parts.into_iter().map(async |part| LookedUp {
            states: look_up(&self.table, &self.pauses, &part.uncertain, budget).await,
            arrivals: part.arrivals,
        });
        stream::iter(looked_up).buffer_unordered(LOOK_UPS_AT_ONCE)
    }

    /// Adds the rows that can be sent to the schedule, and sorts out the others.
    fn take_in(
        &self,
        arrivals: Vec<Arrival>,
        schedule: &mut Schedule,
        poisoned: &mut Vec<Poisoned>,
        outcome: &mut Outcome,
    ) {
        let mut rows = Vec::new();
        for arrival in arrivals {
            match arrival.triage(self.bus.limits()) {
                Triage::Publish(row) => rows.push(row),
                Triage::Fail(failure) => outcome.fail(arrival.key, failure),
                Triage::Poison(poison) => {
                    // Counted together with the rows that the bus rejects.
                    if schedule.count_poison() {
                        poisoned.push(Poisoned {
                            key: arrival.key,
                            row: arrival.row.ok(),
                            poison,
                        });
                    } else {
                        outcome.fail(arrival.key, Failure::TooManyPoisoned(poison));
                    }
                }
            }
        }
        hold_back(&mut rows, outcome);
        schedule.add(rows);
    }

    /// Publishes the scheduled rows and those of the parts that are looked up meanwhile.
    /// Returns the rows that are published and could not be deleted.
    async fn put_and_delete(
        &self,
        schedule: &mut Schedule,
        parts: impl Stream<Item = LookedUp> + Unpin,
        take_in: impl FnMut(LookedUp, &mut Schedule),
        budget: &Budget,
    ) -> Vec<RowKey> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let left_over = std::mem::take(&mut *self.undeleted());
        let put = async {
            let puts = Puts {
                bus: &self.bus,
                bus_check: &self.bus_check,
                pauses: &self.pauses,
                clock: &*self.clock,
                budget,
            };
            puts.put(schedule, parts, take_in, &sender).await;
            drop(sender);
        };
        // Beside the puts, not after them: the longer an accepted row stays, the likelier
        // a crash publishes it again.
        let delete = delete_published(&self.table, &self.pauses, left_over, receiver, budget);
        let ((), undeleted) = tokio::join!(put, delete);

        let answer = undeleted.iter().cloned().collect();
        // Added, not set: another call of this relay may have remembered rows meanwhile.
        let mut remembered = self.undeleted();
        remembered.extend(undeleted);
        let too_many = remembered.len().saturating_sub(MOST_REMEMBERED);
        let forgotten: Vec<RowKey> = remembered.iter().take(too_many).cloned().collect();
        for key in forgotten {
            remembered.remove(&key);
        }
        answer
    }

    async fn park_all(&self, poisoned: Vec<Poisoned>, budget: &Budget, outcome: &mut Outcome) {
        let now = self.clock.now();
        let parks = poisoned.iter().map(|poisoned| {
            park(
                &self.table,
                &self.dead_letters,
                &self.pauses,
                poisoned,
                now,
                budget,
            )
        });
        for (parked, poisoned) in join_all(parks).await.into_iter().zip(&poisoned) {
            let key = poisoned.key.clone();
            match parked {
                Ok(()) => outcome.settle(key, Settled::Parked(poisoned.poison.clone())),
                Err(failure) => outcome.fail(key, failure),
            }
        }
    }

    /// Returns whether the bus accepted an event of this process within the last minute.
    pub(crate) fn gets_through(&self) -> bool {
        self.last_accepted()
            .is_some_and(|accepted| accepted.elapsed() < LATELY)
    }

    fn last_accepted(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn undeleted(&self) -> MutexGuard<'_, BTreeSet<RowKey>> {
        self.undeleted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the rows that follow a failed row of their aggregate, so that none overtakes it.
fn hold_back(rows: &mut Vec<Arc<OutboxRow>>, outcome: &mut Outcome) {
    let mut first_failed: HashMap<String, RowKey> = HashMap::new();
    for (key, fate) in outcome.fates() {
        if matches!(fate, Fate::Failed(_)) {
            let first = first_failed
                .entry(key.aggregate_id.clone())
                .or_insert_with(|| key.clone());
            if key < first {
                first.clone_from(key);
            }
        }
    }
    rows.retain(|row| match first_failed.get(&row.key.aggregate_id) {
        Some(first) if *first < row.key => {
            outcome.fail(row.key.clone(), Failure::HeldBack(first.clone()));
            false
        }
        _ => true,
    });
}
