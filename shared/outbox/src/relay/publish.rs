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

/// Rows of one call that are believed to be at fault themselves. More than
/// these, and the fault is more likely elsewhere.
const MOST_POISONED: usize = 10;

/// How long after its commit an event that is refused for its content, and that
/// nothing else is accepted beside, is only suspected. On a quiet outbox nothing
/// else may ever come, and it would wait for ever where nobody looks.
const SUSPECTED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Rows remembered for deletion with the next call. Forgetting one costs a
/// duplicate at worst.
const MOST_REMEMBERED: usize = 10_000;

/// How long an acceptance tells that the bus works.
const LATELY: Duration = Duration::from_mins(1);

/// Brings rows of the outbox to a bus.
///
/// One relay serves a process for its whole life: it remembers that the bus
/// exists, and which rows it could not delete.
pub struct Relay<B, T, D> {
    bus: B,
    table: T,
    dead_letters: D,
    clock: Arc<dyn Clock>,
    pauses: Pauses,
    bus_check: BusCheck,
    /// Published, but not deleted yet. Never published again by this process.
    undeleted: Mutex<BTreeSet<RowKey>>,
    last_accepted: Mutex<Option<Instant>>,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// A relay between a table and a bus.
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

    /// The same relay by another clock and with chosen random numbers. Waiting
    /// and timeouts go by tokio's time.
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

    /// The table it publishes from.
    pub fn table(&self) -> &T {
        &self.table
    }

    pub(crate) fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    pub(crate) fn random_below(&self, bound: u32) -> u32 {
        self.pauses.random_below(bound)
    }

    /// Publishes what is still pending, deletes what is published, parks what
    /// can never be, and tells what became of each row. Answers before the
    /// deadline.
    pub async fn publish(&self, arrivals: Vec<Arrival>, deadline: Instant) -> Outcome {
        let budget = Budget::until(deadline);
        let mut outcome = Outcome::default();

        let parts = self.parts(arrivals, &mut outcome);
        let mut parts = pin!(self.look_up(parts, &budget));
        let mut arrivals = Vec::new();
        while arrivals.is_empty()
            && let Some(part) = parts.next().await
        {
            arrivals = part.unsettled(&mut outcome);
        }
        if arrivals.is_empty() && self.undeleted().is_empty() {
            return outcome;
        }
        if let Err(reason) = self
            .bus_check
            .confirm(&self.bus, &self.pauses, budget.put_until)
            .await
        {
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
            if some_accepted || now.duration_since(row.committed_at) >= SUSPECTED_FOR {
                poisoned.push(Poisoned::of(row, poison));
            } else {
                outcome.fail(row.key.clone(), Failure::Suspected(poison));
            }
        }
        self.park_all(poisoned, &budget, &mut outcome).await;
        outcome
    }

    /// What is to be looked up and published, without what this process has published.
    fn parts(&self, mut arrivals: Vec<Arrival>, outcome: &mut Outcome) -> Vec<Part> {
        let undeleted = self.undeleted();
        let mut seen: HashSet<RowKey> = HashSet::new();
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

    /// Looks parts up, and hands each over once it is known: while the first are put on
    /// the bus, the next are looked up. What need not be looked up comes first.
    fn look_up(&self, parts: Vec<Part>, budget: &Budget) -> impl Stream<Item = LookedUp> {
        let looked_up = parts.into_iter().map(async |part| LookedUp {
            states: look_up(&self.table, &self.pauses, &part.uncertain, budget).await,
            arrivals: part.arrivals,
        });
        stream::iter(looked_up).buffer_unordered(LOOK_UPS_AT_ONCE)
    }

    /// Has the schedule send what can be sent.
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

    /// Puts what is scheduled, and what is taken in meanwhile. Answers the rows that
    /// are published and could not be deleted.
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
        let delete = delete_published(&self.table, &self.pauses, left_over, receiver, budget);
        let ((), undeleted) = tokio::join!(put, delete);

        let answer = undeleted.iter().cloned().collect();
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

    /// Whether the bus took an event of this process within the last minute.
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

/// Fails what follows, in its aggregate, a row that has failed already: nothing
/// overtakes it.
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
