//! Publishes rows: looks up those that may be published already, sends the others to the
//! bus, deletes what the bus accepted, and parks what can never be published.

use std::{collections::HashSet, pin::pin, sync::Arc};

use futures::{Stream, future::join_all};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    Candidate, Clock, OutboxRow, RowKey, SystemClock,
    ports::{DeadLetters, EventBus, OutboxTable, Poison},
    relay::{
        BusError, Failure, LookUp, Order, Outcome, Settled,
        budget::Budget,
        bus_check::BusCheck,
        decision::{Decision, decide},
        delete_check::DeleteCheck,
        deletes::delete_published,
        look_up::{LookedUpPart, look_up_parts, split},
        memory::Memory,
        park::park,
        poison::PoisonedRow,
        predecessors::{EarlierEvents, read_before},
        publication::Publication,
        put_events::Puts,
        redelivery::may_be_redelivered,
        retry::{Pauses, Retries},
        sources::Sources,
    },
};

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
    memory: Memory,
    sources: Sources,
    order: Order,
    look_up: LookUp,
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
            memory: Memory::default(),
            sources: Sources::default(),
            order: Order::default(),
            look_up: LookUp::default(),
        }
    }

    /// Returns the relay for an outbox that keeps this order. [`Order::InSequence`] by default.
    /// All relays and sweepers of a table must have the same, and the operators' tools, too.
    /// See [`Order`] for an example.
    #[must_use]
    pub fn with_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Returns the relay for an outbox whose writers publish at once, or don't. [`LookUp::WhenOld`]
    /// by default. See [`LookUp`] for an example.
    #[must_use]
    pub fn with_look_up(self, look_up: LookUp) -> Self {
        Self { look_up, ..self }
    }

    /// Returns the relay for events of these sources alone.
    ///
    /// Otherwise a principal that can write to the table could publish under the name of any service
    /// that shares the bus. A row of another source is parked with the code `ForeignSource`, like one
    /// that the bus rejects for its content: once the bus accepts others, because the list itself
    /// may be wrong.
    ///
    /// ```no_run
    /// # use outbox::{aws::{DynamoDbTable, EventBridgeBus, SqsQueue}, relay::Relay};
    /// # fn own(relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>) {
    /// let relay = relay.with_sources(["orders", "invoices"]);
    /// # }
    /// ```
    #[must_use]
    pub fn with_sources(self, sources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            sources: Sources::only(sources),
            ..self
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

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    pub(crate) fn looks_all_up(&self) -> bool {
        self.look_up == LookUp::Always
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
    pub async fn publish(&self, candidates: Vec<Candidate>, deadline: Instant) -> Outcome {
        let retries = Retries::UntilDeadline;
        self.publish_with(candidates, deadline, retries, EarlierEvents::Unknown)
            .await
    }

    pub(crate) async fn publish_with(
        &self,
        candidates: Vec<Candidate>,
        deadline: Instant,
        retries: Retries,
        earlier: EarlierEvents,
    ) -> Outcome {
        let budget = Budget::until(deadline);
        let mut publication = self.publication(retries);

        // 1. Rows that were published before are done. An old row is looked up to find out. And
        // what precedes a row is read, unless that is known: it is published first.
        let (rows, in_batch) = self.without_published(candidates, &mut publication.outcome);
        let mut parts = pin!(self.look_up(rows, earlier, &budget));
        let pending = publication.first_pending(&mut parts).await;
        // A batch of which nothing is left costs no call to the bus.
        if pending.candidates.is_empty() && self.memory.undeleted().is_empty() {
            return publication.outcome;
        }

        // 2. A bus that doesn't exist accepts events and drops them, so an acceptance counts
        // only after this.
        if let Err(reason) = self.confirm_bus(&budget).await {
            let mut outcome = publication.without_bus(pending, parts, reason).await;
            outcome.undeleted = self.memory.undeleted().iter().cloned().collect();
            return outcome;
        }

        // 3. Events are put on the bus, while the rows of accepted ones are deleted and
        // further parts are looked up.
        publication.add(pending);
        let undeleted = self.put_and_delete(&mut publication, parts, &budget).await;
        let accepted: Vec<RowKey> = publication.schedule.accepted().cloned().collect();

        // 4. Rows that the bus would never accept are parked.
        let (poisoned, mut outcome) = publication.finish();
        outcome.undeleted = undeleted;
        self.park_all(poisoned, &budget, &mut outcome).await;

        // 5. Rows that failed while others were accepted must not block their shard, and no row
        // that is behind a parked one.
        let may_leave = retries == Retries::UntilLeftToSweeper;
        let others_accepted = !outcome.commit_to_publish.is_empty();
        outcome.leave(|failure| may_leave && decide(failure, others_accepted) == Decision::Leave);
        self.remember_accepted(&accepted, &in_batch, &outcome);
        outcome
    }

    fn publication(&self, retries: Retries) -> Publication<'_, B> {
        let undeleted = self.memory.undeleted().iter().cloned().collect();
        let Self {
            bus,
            sources,
            order,
            ..
        } = self;
        Publication::new(bus, sources, *order, retries, self.clock.now(), undeleted)
    }

    fn remember_accepted(
        &self,
        accepted: &[RowKey],
        in_batch: &HashSet<RowKey>,
        outcome: &Outcome,
    ) {
        let mut memory = self.memory.accepted();
        memory.take_ahead(in_batch, outcome);
        if self.order.is_kept() {
            memory.take(accepted, outcome);
        }
    }

    /// Returns the rows to publish, each once, and their keys. Those that this process has
    /// published go to the outcome: a look-up would find them pending if they could not be
    /// deleted, and a young one is not looked up.
    fn without_published(
        &self,
        mut candidates: Vec<Candidate>,
        outcome: &mut Outcome,
    ) -> (Vec<Candidate>, HashSet<RowKey>) {
        let undeleted = self.memory.undeleted();
        let accepted = self.memory.accepted();
        let mut seen: HashSet<RowKey> = HashSet::new();
        candidates.retain(|candidate| {
            let key = &candidate.key;
            let settled = if undeleted.contains(key) {
                Settled::Published
            } else if accepted.was_published_ahead(key) {
                Settled::Absent
            } else {
                return seen.insert(key.clone());
            };
            outcome.settle(key.clone(), settled);
            false
        });
        (candidates, seen)
    }

    /// Looks up the rows that may have been published by another process, and reads the rows
    /// before those whose predecessors aren't known. They are split, so that some are published
    /// while others are looked up.
    fn look_up(
        &self,
        candidates: Vec<Candidate>,
        earlier: EarlierEvents,
        budget: &Budget,
    ) -> impl Stream<Item = LookedUpPart> {
        let now = self.clock.now();
        let accepted = self.memory.accepted();
        let reads = self.order.is_kept() && earlier == EarlierEvents::Unknown;
        let last_accepted = |row: &RowKey| accepted.last_sequence(&row.aggregate_id);
        let parts = split(
            candidates,
            |row| {
                self.looks_all_up()
                    || may_be_redelivered(row, now)
                    || accepted.was_parked_ahead(&row.key)
            },
            |aggregate| {
                let last_accepted = aggregate.first().and_then(|row| last_accepted(&row.key));
                reads.then(|| read_before(aggregate, last_accepted))?
            },
        );
        drop(accepted);
        look_up_parts(&self.table, &self.pauses, parts, budget)
    }

    async fn confirm_bus(&self, budget: &Budget) -> Result<(), BusError> {
        self.bus_check
            .confirm(&self.bus, self.clock(), &self.pauses, budget.put_until)
            .await
    }

    /// Sends the scheduled rows and those of the parts that are looked up meanwhile. Returns
    /// the rows that are published and could not be deleted.
    async fn put_and_delete(
        &self,
        publication: &mut Publication<'_, B>,
        parts: impl Stream<Item = LookedUpPart> + Unpin,
        budget: &Budget,
    ) -> Vec<RowKey> {
        let (accepted, to_delete) = mpsc::unbounded_channel();
        let left_over = self.memory.take_undeleted();
        let check = DeleteCheck::new(self.memory.deletes_allowed());
        let put = async {
            let puts = Puts {
                bus: &self.bus,
                table: &self.table,
                bus_check: &self.bus_check,
                pauses: &self.pauses,
                clock: &*self.clock,
                budget,
                left_over: &left_over,
            };
            puts.put(publication, parts, &accepted, check.watch()).await;
            drop(accepted);
        };
        // Beside the puts, not after them: the longer an accepted row stays, the likelier
        // a crash publishes it again.
        let delete = delete_published(
            &self.table,
            &self.pauses,
            left_over.clone(),
            to_delete,
            &check,
            budget,
        );
        let ((), undeleted) = tokio::join!(put, delete);
        self.memory.remember_deletes_allowed(check.is_allowed());
        let returned = undeleted.iter().cloned().collect();
        self.memory.remember(undeleted);
        returned
    }

    /// Parks a row with a dead letter, although the bus accepted nothing that would show that
    /// it isn't at fault. Returns what became of it.
    ///
    /// # Errors
    ///
    /// If either can't be done by the deadline. The row stays pending then.
    pub(crate) async fn park_without_proof(
        &self,
        row: Arc<OutboxRow>,
        poison: Poison,
        deadline: Instant,
    ) -> Result<Settled, Failure> {
        let key = row.key.clone();
        let row = Some(row);
        self.park(&PoisonedRow { key, row, poison }, &Budget::until(deadline))
            .await
    }

    async fn park(&self, row: &PoisonedRow, budget: &Budget) -> Result<Settled, Failure> {
        let now = self.clock.now();
        park(
            &self.table,
            &self.dead_letters,
            &self.pauses,
            row,
            now,
            budget,
        )
        .await
    }

    async fn park_all(&self, poisoned: Vec<PoisonedRow>, budget: &Budget, outcome: &mut Outcome) {
        let parks = poisoned.iter().map(|row| self.park(row, budget));
        for (parked, row) in join_all(parks).await.into_iter().zip(&poisoned) {
            let key = row.key.clone();
            match parked {
                Ok(settled) => outcome.settle(key, settled),
                Err(failure) => outcome.fail(key, failure),
            }
        }
    }
}
