//! One call of [`Relay::publish`](super::Relay::publish) while it runs: what is still to be
//! sent, what will be parked, and what became of the other rows.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    Candidate, OutboxRow, RowKey,
    ports::{EventBus, Poison},
    relay::{
        BusError, Failure, Halt, Order, Outcome, RowOutcome, Settled,
        decision::{Decision, decide},
        look_up::{LookedUpPart, PendingRows},
        poison::{MOST_POISONED, PoisonedRow, Sendable, Triage, triage},
        predecessors::FoundRow,
        retry::Retries,
        schedule::Schedule,
        sources::Sources,
        waiting_rows::Excluded,
    },
};

/// A running call of [`Relay::publish`](super::Relay::publish).
pub(super) struct Publication<'r, B> {
    bus: &'r B,
    sources: &'r Sources,
    order: Order,
    /// When the call began.
    now: Timestamp,
    /// Rows that are published, and that the table still contained when the call began.
    undeleted: HashSet<RowKey>,
    /// What is sent to the bus.
    pub(super) schedule: Schedule,
    /// Rows to park.
    poisoned: Vec<PoisonedRow>,
    /// Rows to park if the bus accepts others.
    suspects: Vec<(Arc<OutboxRow>, Poison)>,
    /// What became of the other rows.
    pub(super) outcome: Outcome,
}

impl<'r, B: EventBus> Publication<'r, B> {
    pub(super) fn new(
        bus: &'r B,
        sources: &'r Sources,
        order: Order,
        retries: Retries,
        now: Timestamp,
        undeleted: HashSet<RowKey>,
    ) -> Self {
        Self {
            bus,
            sources,
            order,
            now,
            undeleted,
            schedule: Schedule::new(bus.limits(), order, retries, MOST_POISONED),
            poisoned: Vec::new(),
            suspects: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Returns the pending rows of the first part that has any.
    pub(super) async fn first_pending(
        &mut self,
        parts: &mut (impl Stream<Item = LookedUpPart> + Unpin),
    ) -> PendingRows {
        while let Some(part) = parts.next().await {
            let pending = self.pending(part);
            if !pending.candidates.is_empty() {
                return pending;
            }
        }
        PendingRows::default()
    }

    fn pending(&mut self, part: LookedUpPart) -> PendingRows {
        part.pending(&self.undeleted, self.now, &mut self.outcome)
    }

    /// Ends the call because the bus is not known to exist. Rows that turn out to be settled
    /// need no retry, so the look-ups are finished first.
    pub(super) async fn without_bus(
        mut self,
        pending: PendingRows,
        mut parts: impl Stream<Item = LookedUpPart> + Unpin,
        reason: BusError,
    ) -> Outcome {
        let mut candidates = pending.candidates;
        while let Some(part) = parts.next().await {
            candidates.extend(self.pending(part).candidates);
        }
        let halt = Halt::Bus(reason);
        for candidate in candidates {
            self.outcome
                .fail(candidate.key, Failure::Halted(halt.clone()));
        }
        self.outcome.halted = Some(halt);
        self.outcome
    }

    /// Adds the rows of a part that are still pending.
    pub(super) fn add_part(&mut self, part: LookedUpPart) {
        let pending = self.pending(part);
        self.add(pending);
    }

    /// Adds other rows that wait, to see whether the bus accepts them.
    pub(super) fn add_others(&mut self, others: LookedUpPart) {
        let keys: Vec<RowKey> = others
            .candidates
            .iter()
            .map(|row| row.key.clone())
            .collect();
        self.add_part(others);
        for key in keys {
            self.schedule.send_once(&key.aggregate_id);
        }
    }

    /// Returns from when on other rows that wait are to be tried.
    pub(super) fn others_wanted_at(&self, now: Instant) -> Option<Instant> {
        let row_outcomes = self.outcome.rows().map(|(_, row_outcome)| row_outcome);
        let failed = row_outcomes.filter_map(|row_outcome| match row_outcome {
            RowOutcome::Failed(failure) => Some(failure),
            RowOutcome::Settled(_) => None,
        });
        self.schedule.others_wanted_at(now, failed)
    }

    /// Returns which rows must not be tried.
    pub(super) fn excluded(&self) -> Excluded<'r> {
        let failed = self.outcome.rows().filter_map(|(key, row_outcome)| {
            let is_failed = matches!(row_outcome, RowOutcome::Failed(_));
            is_failed.then_some(key.aggregate_id.as_str())
        });
        let parked = self.to_be_parked().map(|key| key.aggregate_id.as_str());
        let unsettled = self.schedule.unsettled_aggregates();
        let aggregates = unsettled.chain(failed).chain(parked);
        Excluded {
            order: self.order,
            sources: self.sources,
            aggregates: aggregates.map(str::to_owned).collect(),
            published: self.schedule.accepted().cloned().collect(),
        }
    }

    /// Adds pending rows: schedules those that the bus may accept, and sorts out the others.
    pub(super) fn add(&mut self, pending: PendingRows) {
        let mut sendable = Vec::new();
        for FoundRow {
            candidate,
            failed_before,
        } in pending.found
        {
            sendable.extend(self.sort_out(candidate, failed_before));
        }
        for candidate in pending.candidates {
            sendable.extend(self.sort_out(candidate, false));
        }
        self.hold_back(&mut sendable);
        self.schedule.add(sendable);
    }

    /// Returns the row if the bus may accept it.
    fn sort_out(&mut self, candidate: Candidate, failed_before: bool) -> Option<Sendable> {
        match triage(candidate, self.sources, self.bus) {
            Triage::Send(row) => {
                return Some(Sendable {
                    failed_before,
                    ..row
                });
            }
            Triage::Suspect(row, poison) if self.schedule.count_poison() => {
                let suspected = Failure::Suspected(poison.clone());
                self.outcome.fail(row.key.clone(), suspected);
                self.suspects.push((row, poison));
            }
            Triage::Suspect(row, poison) => {
                let failure = Failure::TooManyPoisoned(poison);
                self.outcome.fail(row.key.clone(), failure);
            }
            Triage::Fail(key, failure) => self.outcome.fail(key, failure),
            // Counted together with the rows that the bus rejects.
            Triage::Park(row) if self.schedule.count_poison() => self.poisoned.push(row),
            Triage::Park(PoisonedRow { key, poison, .. }) => {
                self.outcome.fail(key, Failure::TooManyPoisoned(poison));
            }
        }
        None
    }

    /// Fails the rows that follow an unpublished row of their aggregate, so that none overtakes it.
    fn hold_back(&mut self, rows: &mut Vec<Sendable>) {
        let failed = self.outcome.rows();
        let failed = failed.filter(|(key, row_outcome)| holds(key, row_outcome, self.order));
        let mut first_holding: HashMap<String, RowKey> = HashMap::new();
        for key in failed.map(|(key, _)| key).chain(self.to_be_parked()) {
            let first = first_holding.entry(key.aggregate_id.clone());
            let first = first.or_insert_with(|| key.clone());
            if key < first {
                first.clone_from(key);
            }
        }
        rows.retain(|Sendable { row, .. }| {
            match first_holding.get(row.key.aggregate_id.as_str()) {
                Some(first) if first.precedes(&row.key) => {
                    let failure = Failure::HeldBack(first.clone());
                    self.outcome.fail(row.key.clone(), failure);
                    false
                }
                _ => true,
            }
        });
    }

    /// Returns the rows that hold those behind them once they are parked.
    fn to_be_parked(&self) -> impl Iterator<Item = &RowKey> {
        let holds = self.order.is_kept();
        let poisoned = self.poisoned.iter().map(|row| &row.key);
        poisoned.filter(move |key| holds && key.sequence().is_some())
    }

    /// Ends the schedule. Returns the rows to park, and what became of the others. No request
    /// may be in flight.
    pub(super) fn finish(self) -> (Vec<PoisonedRow>, Outcome) {
        let Self {
            schedule,
            mut poisoned,
            suspects,
            mut outcome,
            ..
        } = self;
        let sent = schedule.finish();
        outcome.halted = sent.halted;
        outcome.unanswered = sent.unanswered;
        let others_accepted = !sent.accepted.is_empty();
        for accepted in sent.accepted {
            outcome.commit_to_publish.push(accepted.commit_to_publish);
            outcome.settle(accepted.key, Settled::Published);
        }
        for (key, failure) in sent.failed {
            outcome.fail(key, failure);
        }
        for (row, poison) in sent.suspects.into_iter().chain(suspects) {
            let key = row.key.clone();
            let suspected = Failure::Suspected(poison.clone());
            if decide(&suspected, others_accepted) == Decision::Park {
                let row = Some(row);
                poisoned.push(PoisonedRow { key, row, poison });
            } else {
                outcome.fail(key, suspected);
            }
        }
        (poisoned, outcome)
    }
}

/// Returns whether a row with this outcome holds back later rows of its aggregate.
pub(crate) fn holds(key: &RowKey, row_outcome: &RowOutcome, order: Order) -> bool {
    match order {
        // A row without a readable sequence has no place in the order.
        Order::InSequence | Order::Strict => {
            row_outcome.is_unpublished() && key.sequence().is_some()
        }
        Order::BestEffort => matches!(row_outcome, RowOutcome::Failed(_)),
    }
}
